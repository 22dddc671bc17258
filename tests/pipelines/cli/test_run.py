"""`awase run` as its users start it: a journal made, shown, changed, refused and rolled back."""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.settings import Settings
from awase_client import TokenStream
from awase_client.engine.reader import Engine
from curation.base.store import Store
from mixtures.catalog import Catalog
from pipelines.cli import main
from tests.streams import serving
from tests.tokenstore import TOKENIZER, write_corpus

MIXTURE = """
version: 1
name: blend
tokenizer: tok
sequence_length: 8
seed: 3
budget: {budget}
sources:
  ja:
    weight: 1
    sources:
      web: {{dataset: web, weight: 3}}
      wiki: {{dataset: wiki, weight: 1}}
  en: {{dataset: en, weight: 1}}
"""


class Awase:
    """The command over one store: in this process, or as a user's shell starts it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = False

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        given = ["--store", str(self.folder / "store"), *arguments]
        if self.process:
            command = [str(Path(sys.executable).with_name("awase")), *given]
            return subprocess.run(command, capture_output=True, text=True, check=False)
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = main.run(given)
        return subprocess.CompletedProcess(given, code, out.getvalue(), err.getvalue())

    def json(self, *arguments: str) -> Any:
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def refused(self, code: int, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == code, done.stdout + done.stderr
        assert done.stdout == ""
        assert "Traceback" not in done.stderr
        return done.stderr

    def tokens(self, plan: str) -> np.ndarray[Any, Any]:
        engine = Engine.open(self.folder / "store", plan)
        found = self.json("stream", plan, "--digest")
        tokens = engine.read(0, engine.total()).tokens
        assert found["digest"] == f"sha256:{hashlib.sha256(tokens.tobytes()).hexdigest()}"
        return tokens


@pytest.fixture(scope="module")
def awase(tmp_path_factory: pytest.TempPathFactory) -> Awase:
    folder = tmp_path_factory.mktemp("run")
    store = Store(folder / "store")
    with Catalog.open(store) as catalog:
        catalog.register_tokenizer("tok", TOKENIZER, {"kind": "test"})
        for name, base in (("web", 10), ("wiki", 10_000), ("en", 20_000)):
            documents = [[base + row] * 7 for row in range(60)]
            corpus = write_corpus(store, name, [documents])
            catalog.register_dataset(name, corpus.version.manifest)
    (folder / "mixture.yaml").write_text(MIXTURE.format(budget=1600))
    return Awase(folder)


@pytest.fixture(scope="module")
def plan(awase: Awase) -> str:
    found: str = awase.json("mixture", "plan", str(awase.folder / "mixture.yaml"))["plan"]
    return found


def share(tokens: np.ndarray[Any, Any]) -> list[int]:
    """Sequences of web, wiki and en."""
    edges = [0, 10_000, 20_000, 65_536]
    return np.histogram(tokens[:, 0], edges)[0].tolist()


def test_a_run_from_its_creation_to_its_rollback(
    awase: Awase, plan: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(awase, "process", True)
    made = awase.json("run", "create", plan[:20], "--id", "base")
    assert (made["head"], made["sealed"], len(made["entries"])) == (plan, 0, 1)
    whole = awase.tokens(plan)
    assert share(whole) == [75, 25, 100]
    branched = awase.json("run", "branch", "base", "--from", "40", "--weights", "en=3,ja.wiki=1/3")
    assert branched["entries"][1]["change"] == {
        "from": 40,
        "weights": {"en": "3", "ja.wiki": "1/3"},
    }
    heavy = awase.tokens(branched["head"])
    np.testing.assert_array_equal(heavy[:40], whole[:40])
    # en weighs 3 against ja's 0.5; in ja wiki weighs 1/3 against web's 3/4.
    assert abs(share(heavy[40:])[2] - 160 * 3 / 3.5) < 2
    skipped = awase.json("run", "skip", "base", "--from", "100", "--to", "120")
    shorter = awase.tokens(skipped["head"])
    np.testing.assert_array_equal(shorter, np.concatenate([heavy[:100], heavy[120:]]))
    back = awase.json("run", "branch", "base", "--from", "90", "--weights", "en=1", "--as", "back")
    rolled = awase.tokens(back["head"])
    np.testing.assert_array_equal(rolled[:90], shorter[:90])
    assert [run["id"] for run in awase.json("run", "ls")] == ["back", "base"]
    shown = awase.json("run", "show", "base")
    assert shown == skipped, "a branch under a new id leaves the run as it is"
    assert [entry["from"] for entry in shown["entries"]] == [0, 40, 100]
    # For people, too.
    monkeypatch.setenv("COLUMNS", "200")
    text = awase.run("run", "show", "base").stdout
    assert f"base: plan {shown['head']}, sealed below 0" in text
    assert "from 40, weights en=3 ja.wiki=1/3" in text
    assert re.search(r"base +\S+ +3 +0", awase.run("run", "ls").stdout)


def test_what_was_leased_cannot_change_but_can_be_branched(awase: Awase, plan: str) -> None:
    awase.json("run", "create", plan, "--id", "leased")
    with serving(awase.folder / "store") as url, TokenStream(url, "run:leased", batch=8) as batches:
        received = np.concatenate([batch.input_ids for batch in batches])
        assert awase.json("run", "show", "leased")["sealed"] == 65_536
        for change in (
            ["branch", "leased", "--from", "50", "--weights", "en=2"],
            ["skip", "leased", "--from", "50", "--to", "60"],
            ["branch", "leased", "--from", "50", "--mixture", str(awase.folder / "mixture.yaml")],
        ):
            told = awase.refused(5, "run", *change)
            assert "positions below 65536 were handed out, the change is from 50" in told
            assert "--as" in told
        told = awase.refused(5, "run", "branch", "leased", "--weights", "en=2")
        assert "all 200 positions of its plan were handed out" in told
        assert "--from P --as NAME" in told
        other = awase.json("run", "skip", "leased", "--from", "50", "--to", "60", "--as", "other")
        with TokenStream(url, "run:other", batch=10) as again:
            tokens = np.concatenate([batch.input_ids for batch in again])
        np.testing.assert_array_equal(tokens, np.concatenate([received[:50], received[60:]]))
        assert other["entries"][0]["change"] == {"run": "leased", "from": 50, "skip_to": 60}


def test_another_mixture_with_a_restarted_source(awase: Awase, plan: str) -> None:
    """wiki has new text: going on is refused until it is told to begin anew."""
    awase.json("run", "create", plan, "--id", "grown")
    store = Store(awase.folder / "store")
    with Catalog.open(store) as catalog:
        corpus = write_corpus(store, "wiki", [[[30_000 + row] * 7 for row in range(50)]])
        catalog.register_dataset("wiki", corpus.version.manifest)
    (awase.folder / "grown.yaml").write_text(MIXTURE.format(budget=2400))
    change = ["branch", "grown", "--from", "80", "--mixture", str(awase.folder / "grown.yaml")]
    told = awase.refused(3, "run", *change)
    assert "source ja.wiki: its view changed, wiki@sha256" in told
    assert "list the sources under restart" in told
    assert "no source 'ja.wikki'" in awase.refused(2, "run", *change, "--restart", "ja.wikki")
    grown = awase.json("run", *change, "--restart", "ja.wiki")
    assert grown["entries"][1]["change"] == {
        "from": 80,
        "mixture": "blend",
        "restart": ["ja.wiki"],
    }
    tokens = awase.tokens(grown["head"])
    np.testing.assert_array_equal(tokens[:80], awase.tokens(plan)[:80])
    assert len(tokens) == 300
    anew = tokens[80:][tokens[80:, 0] >= 30_000]
    assert len(anew) in (27, 28), "an eighth of 220"
    assert len(np.unique(anew[:, 0])) == len(anew)
    # The same change over HTTP is the same plan.
    assert awase.run("mixture", "publish", str(awase.folder / "grown.yaml")).returncode == 0
    body = {"from": 80, "mixture": "blend", "restart": ["ja.wiki"]}
    with TestClient(create_app(Settings(store=store.root)), base_url="http://127.0.0.1") as http:
        http.post("/v1/runs", json={"plan": plan, "id": "grown-http"})
        bare = http.post("/v1/runs/grown-http/entries", json=body | {"restart": []})
        assert bare.status_code == 422
        assert "source ja.wiki: its view changed" in bare.json()["detail"]
        entered = http.post("/v1/runs/grown-http/entries", json=body)
        assert entered.status_code == 201, entered.text
        assert entered.json()["head"] == grown["head"]
        assert http.get("/v1/runs/grown-http/lease?position=90").json()["plan"] == grown["head"]


@pytest.mark.parametrize(
    ("code", "arguments", "message"),
    [
        (4, ["create", "sha256:" + "0" * 64], "is not in"),
        (2, ["create", "{plan}", "--id", "Not A Name"], "run"),
        (4, ["show", "nobody"], "run 'nobody' does not exist; `awase run ls` lists runs"),
        (2, ["branch", "odd"], "name what changes: --weights or --mixture"),
        (2, ["branch", "odd", "--weights", "en"], "write each source or group once"),
        (2, ["branch", "odd", "--weights", "en=-1"], "a weight is 0 to 1000000000000, found -1"),
        (2, ["branch", "odd", "--weights", "en=1e999999999"], "exponents go from -30 to 30"),
        (2, ["branch", "odd", "--weights", "en=1,en=2"], "write each source or group once"),
        (2, ["branch", "odd", "--weights", "en=1", "--restart", "en"], "--restart goes with"),
        (2, ["branch", "odd", "--weights", "eng=1"], "no source or group 'eng'"),
        (2, ["branch", "odd", "--weights", "en=1", "--from", "200"], "outside 0..199"),
        (3, ["branch", "odd", "--weights", "en=0,ja=0"], "nothing is left in the mixture"),
        (3, ["branch", "odd", "--weights", "en=1/1000000"], "yields source en no sequence"),
        (4, ["branch", "odd", "--mixture", "none.yaml"], "none.yaml"),
        (2, ["skip", "odd", "--from", "9", "--to", "9"], "from < to"),
        (2, ["skip", "odd", "--from", "9", "--to", "999"], "within the 200 positions"),
        (2, ["skip", "odd", "--from", "-1", "--to", "9"], "-1"),
        (5, ["create", "{plan}", "--id", "odd"], "run 'odd' exists"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_code(
    awase: Awase, plan: str, code: int, arguments: list[str], message: str
) -> None:
    awase.run("run", "create", plan, "--id", "odd")
    told = awase.refused(code, "run", *(each.replace("{plan}", plan) for each in arguments))
    assert message in told
    assert len(awase.json("run", "show", "odd")["entries"]) == 1
