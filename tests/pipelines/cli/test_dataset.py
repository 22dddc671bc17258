from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.base.store import Store, to_json, write_atomic
from mixtures.catalog import Catalog
from pipelines.cli.main import run


class Cli:
    """Runs commands on a store of its own and keeps what they printed."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self._capsys = capsys
        self.err = ""

    def __call__(self, *arguments: str, code: int = 0) -> str:
        found = run(["--store", str(self.root), *arguments])
        out, self.err = self._capsys.readouterr()
        assert found == code, self.err
        return out

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json"))


@pytest.fixture
def cli(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("AWASE_STORE", "")
    return Cli(tmp_path / "store", capsys)


@pytest.fixture
def web(cli: Cli, tmp_path: Path) -> Path:
    """A file imported in place as web@1."""
    rows = [{"id": str(n), "text": "味噌汁" * n, "license": "CC-BY-4.0"} for n in range(4)]
    path = tmp_path / "web.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    assert "web@1  4 documents, 18 characters" in cli("dataset", "import", "web", str(path))
    return path


def test_ls_and_show_print_what_a_version_holds(cli: Cli, web: Path) -> None:
    cli("dataset", "alias", "web@prod", "1")
    cli("dataset", "annotate", "web@prod", "--tag", "tier=gold", "--note", "最初")
    listed = cli("dataset", "ls")
    assert "web@1" in listed
    assert "prod" in listed
    assert "CC-BY-4.0 100.0%" in listed
    shown = cli("dataset", "show", "web@prod")
    assert "18 characters, 54 bytes" in shown
    assert "tier=gold" in shown
    assert "最初" in shown
    document = cli.json("dataset", "show", "web")
    assert document["manifest"]["shards"][0]["path"] == str(web)
    assert cli.json("dataset", "ls", "web")[0]["aliases"] == ["prod"]


def test_ls_shows_four_licences_and_never_hides_that_one_is_not_stated(
    cli: Cli, tmp_path: Path
) -> None:
    names = ["MIT", "ISC", "Zlib", "0BSD", "WTFPL", "OFL-1.1"]
    licenses = [name for name in names for _ in range(2)] + [None]
    rows = [{"id": str(n), "text": "t", "license": name} for n, name in enumerate(licenses)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "many.parquet")
    cli("dataset", "import", "many", str(tmp_path / "many.parquet"))
    listed = cli("dataset", "ls")
    assert "0BSD 15.4%, ISC 15.4%, MIT 15.4%, OFL-1.1 15.4%, ? 7.7%, and 2 more" in listed
    shown = cli("dataset", "show", "many")
    assert "WTFPL 15.4%, Zlib 15.4%, ? 7.7%" in shown


def test_verify_ends_in_code_6_and_names_the_file(cli: Cli, web: Path) -> None:
    assert "all as committed" in cli("dataset", "verify", "web")
    web.write_bytes(web.read_bytes()[:-1] + b"X")
    assert "1 damaged" in cli("dataset", "verify", "web", code=6)
    assert "web@1: part-00000.parquet is sha256:" in cli.err


@pytest.mark.parametrize(
    "words",
    [
        ("tokenizer", "train", "t", "web", "--vocabulary", "300"),
        ("curate", "--explain", "web", "1"),
        ("curate", "RECIPE", "--rescore", "web"),
        ("curate", "RECIPE", "--rescore", "web", "--write"),
    ],
)
def test_a_damaged_file_is_code_6_wherever_it_is_read(
    cli: Cli, words: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "in.jsonl").write_text('{"id": "1", "text": "味噌汁と出汁の話です。"}\n')
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("version: 1\ndatasets: {web: {}}\n")
    cli("curate", str(recipe), "--input", str(tmp_path / "in.jsonl"), "--workers", "1")
    for path in cli.root.glob("datasets/web/*/[ap]*.parquet"):
        path.write_bytes(path.read_bytes()[:-1] + b"X")
    cli(*(str(recipe) if word == "RECIPE" else word for word in words), code=6)
    assert "`awase dataset verify web@sha256:" in cli.err
    assert "Traceback" not in cli.err


def test_aliases_move_with_history_and_refuse_a_lost_update(cli: Cli, web: Path) -> None:
    assert "web@prod -> web@1  (revision 1" in cli("dataset", "alias", "web@prod", "1")
    cli("dataset", "alias", "web@prod", "1", "--expect", "0", code=5)
    assert "is at revision 1 (version 1), not 0" in cli.err
    assert "removed" in cli("dataset", "alias", "web@prod", "--remove")
    history = cli.json("dataset", "alias", "web@prod", "--history")
    assert [move["version"] for move in history] == [1, None]
    cli("dataset", "alias", "web@prod", code=4)
    cli("dataset", "alias", "web", "1", code=2)


def test_lineage_goes_down_to_files_and_up_to_plans(cli: Cli, web: Path) -> None:
    store = Store(cli.root)
    digest = "sha256:" + "1" * 64
    with Catalog.open(store) as catalog:
        version = catalog.dataset("web")
        source = {"path": "ja", "dataset": "web", "version": version.digest}
        source |= {"view": "sha256:" + "2" * 64, "sequences": 3}
        plan = {"sources": [source], "tokenizer": "sha256:" + "3" * 64, "parent": None}
        write_atomic(store.plan_path(digest), to_json(plan))
        catalog.record_plan(digest, "base@1", plan)
    down = cli("lineage", digest)
    assert "mixture base@1" in down
    assert f"file {web}" in down
    up = cli("lineage", "web@1")
    assert f"used by plan {digest}  (mixture base@1" in up
    assert cli.json("lineage", "1" * 12)["kind"] == "plan"
    cli("lineage", "nothing", code=4)


def test_doctor_rebuilds_a_catalog_that_cannot_be_read(cli: Cli, web: Path) -> None:
    cli("dataset", "alias", "web@prod", "1")
    assert "catalog" in cli("doctor")
    for path in cli.root.glob("catalog.db-*"):
        path.unlink()
    (cli.root / "catalog.db").write_bytes(b"\x00broken" * 1000)
    cli("dataset", "ls", code=1)
    assert "doctor --rebuild" in cli.err
    assert "1 dataset version" in cli("doctor", "--rebuild")
    assert "catalog.db.damaged" in cli.err
    assert cli.json("dataset", "alias", "web@prod")["version"] == 1


def test_doctor_names_a_version_that_cannot_be_restored(cli: Cli, web: Path) -> None:
    digest = cli.json("dataset", "show", "web")["digest"]
    (Store(cli.root).dataset_dir("web", digest) / "manifest.json").unlink()
    cli("doctor", "--rebuild", code=1)
    assert f"dataset web@{digest}: there is no" in cli.err
