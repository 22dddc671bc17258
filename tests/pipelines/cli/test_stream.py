"""`awase stream`: the same tokens, arrays and text from a store and from a server alone."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from api.auth import create_key, hash_key
from awase_client.engine.reader import Engine
from curation.base.store import Store
from mixtures.catalog import Catalog
from mixtures.runs import Runs
from pipelines.cli.main import run
from pipelines.tokenize import tokenize
from pipelines.train_tokenizer import Training, train
from tests.streams import serving
from tests.versions import commit_rows

TEXTS = [
    "猫が好きです。",
    "文書は shard に分かれる。",
    "One line. Another line.",
    "味噌と出汁",
] * 12
MIXTURE = """
version: 1
name: blend
tokenizer: tok
sequence_length: 16
seed: 3
budget: 640
sources:
  ja: {dataset: web, weight: 1}
"""
KEY = create_key()
Call = Callable[..., bytes]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("stream") / "store")
    tokenizer = train([(TEXTS * 5, 50_000)], Training(vocabulary=400, exact=False))
    rows = [{"id": str(k), "text": text, "license": "MIT"} for k, text in enumerate(TEXTS)]
    manifest = commit_rows(store, "web", rows)
    with Catalog.open(store) as catalog:
        catalog.register_tokenizer("tok", tokenizer.digest, tokenizer.save(store))
        catalog.register_dataset("web", manifest)
        tokens = tokenize(store, manifest, tokenizer, workers=1)
        catalog.register_token_set(tokens.text_digest, tokens.tokenizer_digest)
    return store


@pytest.fixture(scope="module")
def plan(store: Store) -> str:
    mixture = store.root.parent / "mixture.yaml"
    mixture.write_text(MIXTURE)
    assert run(["--store", str(store.root), "mixture", "plan", str(mixture)]) == 0
    [found] = (store.root / "plans").iterdir()
    return f"sha256:{found.name}"


@pytest.fixture(scope="module")
def url(store: Store) -> Iterator[str]:
    with serving(store.root, keys=f"stream:{hash_key(KEY)}") as url:
        yield url


@pytest.fixture
def call(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> Call:
    """call(*arguments, code=0): stdout of `awase stream`, where there is no store of ours."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWASE_KEY", KEY)

    def call(*arguments: str, store: Store | None = None, code: int = 0) -> bytes:
        monkeypatch.setenv("AWASE_STORE", str(tmp_path / "none" if store is None else store.root))
        capfdbinary.readouterr()
        assert run(["stream", *arguments]) == code
        out, err = capfdbinary.readouterr()
        return out if code == 0 else err

    return call


def test_text_needs_a_server_and_nothing_else(
    store: Store, plan: str, url: str, call: Call, tmp_path: Path
) -> None:
    there = ["--position", "3", "--count", "4", "--rank", "1", "--world", "2"]
    own = call(plan, *there, store=store)
    assert call(plan, "--url", url, *there) == own
    assert not (tmp_path / "none").exists()
    lines = own.decode().splitlines()
    headers = [line for line in lines if line.startswith("# position")]
    assert headers == [f"# position {n}, source ja" for n in (4, 6, 8, 10)]
    assert any(text in own.decode() for text in TEXTS[:4])
    assert call(plan, "--url", url) == call(plan, store=store) != own
    document = json.loads(call(plan, *there, "--json", store=store))
    assert [item["position"] for item in document] == [4, 6, 8, 10]
    shown = [f"# position {x['position']}, source {x['source']}\n{x['text']}\n\n" for x in document]
    assert "".join(shown) == own.decode()


def test_a_position_past_the_end_is_an_empty_answer_and_a_word_on_stderr(
    store: Store, plan: str, capfd: pytest.CaptureFixture[str]
) -> None:
    for option in ("--json", "--digest", "--format=raw"):
        assert run(["--store", str(store.root), "stream", plan, "--position", "40", option]) == 0
        assert capfd.readouterr().err == "nothing is left at position 40: train ends at 40\n"


def test_arrays_and_digests_are_the_engines(store: Store, plan: str, url: str, call: Call) -> None:
    want = Engine.open(store.root, plan).read(5, 20).tokens
    there = [plan, "--position", "5", "--count", "20"]
    for more in ([], ["--url", url], ["--url", url, "--url", url]):
        where = None if more else store
        assert call(*there, *more, "--format", "raw", store=where) == want.tobytes()
        array = np.load(io.BytesIO(call(*there, *more, "--format", "npy", store=where)))
        np.testing.assert_array_equal(array, want)
        digest = json.loads(call(*there, *more, "--digest", "--json", store=where))
        assert digest["digest"] == "sha256:" + hashlib.sha256(want.tobytes()).hexdigest()
        assert (digest["sequences"], digest["tokens"]) == (20, 320)


def test_a_runs_head_is_read_without_a_lease(store: Store, plan: str, url: str, call: Call) -> None:
    options = ["--store", str(store.root), "run"]
    assert run([*options, "create", plan, "--id", "base"]) == 0
    assert run([*options, "skip", "base", "--from", "5", "--to", "9"]) == 0
    whole = np.frombuffer(call(plan, "--format", "raw", store=store), "<u2").reshape(-1, 16)
    want = np.concatenate([whole[:5], whole[9:]]).tobytes()
    assert call("run:base", "--format", "raw", store=store) == want
    assert call("run:base", "--url", url, "--format", "raw") == want
    text = call("run:base", "--url", url, "--position", "5")
    assert text.split(b"\n", 1)[1] == call(plan, "--position", "9", store=store).split(b"\n", 1)[1]
    with Catalog.open(store) as catalog:
        assert Runs(catalog).get("base").sealed == 0


def test_what_cannot_be_read_ends_in_a_code_and_one_line(
    store: Store, plan: str, url: str, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    zeros = "sha256:" + "0" * 64
    for code, arguments, message in (
        (4, [zeros, "--url", url], "answered 404"),
        (4, ["run:none", "--url", url], "run 'none' does not exist"),
        (2, ["abcd"], "is not a digest"),
        (4, ["abcdef"], "`awase mixture plan` makes one"),
        (2, [plan, "--rank", "2", "--world", "2"], "ranks count from 0"),
        (2, [plan, "--count", "1" + "0" * 30], "is not in the range"),
        (2, [plan, "--digest", "--format", "raw"], "--digest and --format do not go together"),
        (2, [plan, "--url", "ftp://x"], "http(s) URLs, not"),
    ):
        found = call(*arguments, code=code).decode()
        assert message in found
        assert "Traceback" not in found
    monkeypatch.setenv("AWASE_KEY", create_key())
    assert "answered 401" in call(plan, "--url", url, code=1).decode()


def test_a_tokenizer_that_is_not_the_plans_is_refused(
    store: Store, plan: str, url: str, call: Call
) -> None:
    [model] = (store.root / "tokenizers").glob("*/tokenizer.model")
    good = model.read_bytes()
    model.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    try:
        for more in (["--url", url], []):
            found = call(plan, *more, store=None if more else store, code=6).decode()
            assert "tokenizer sha256:" in found
    finally:
        model.write_bytes(good)
