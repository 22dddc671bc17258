"""The `datasets` library itself reads folders and files; the Hub is out of reach."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.base.errors import Failed, InvalidDocument, NotFound, TryAgain, UsageError
from curation.base.store import Store
from curation.readers.hub import HubSource, pinned, rows, survey
from curation.recipe import parse_recipe
from curation.shards.reader import iter_batches
from pipelines.curate import curate, plan_run
from pipelines.sources.hub import articles

RECIPE = """
version: 1
input: {hub: {dataset: FOLDER}, constants: {license: CC0-1.0}}
datasets:
  web: {dedup: false}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A dataset as the Hub keeps them: three Parquet files of one split."""
    data = tmp_path / "set" / "data"
    data.mkdir(parents=True)
    for shard in range(3):
        ids = [f"{shard}-{k}" for k in range(20)]
        texts = [f"第{shard}部の{k}番目の文書です。" for k in range(20)]
        urls = [f"https://example.jp/{name}" for name in ids]
        table = pa.table({"id": ids, "text": texts, "url": urls, "title": ids})
        pq.write_table(table, data / f"train-{shard:05d}-of-00003.parquet")
    return tmp_path / "set"


def curated(recipe: str, store: Path, workers: int = 1) -> tuple[list[str], str, list[str]]:
    [result] = curate(recipe, [], Store(store), workers=workers)
    batches = list(iter_batches(Store(store), result.manifest))
    ids = [name for batch in batches for name in batch["id"].to_pylist()]
    return ids, result.manifest.digest, [item.path for item in result.manifest.inputs]


def test_shards_are_tasks_and_workers_do_not_matter(folder: Path, tmp_path: Path) -> None:
    recipe = RECIPE.replace("FOLDER", str(folder)).replace("hub:", "task_bytes: 100, hub:")
    plan = plan_run(recipe, [], Store(tmp_path / "s"), workers=1)
    assert [[piece.start for piece in task] for task in plan.tasks] == [[0], [1], [2]]
    ids, digest, inputs = curated(recipe, tmp_path / "s")
    assert ids == [f"{shard}-{k}" for shard in range(3) for k in range(20)]
    assert inputs == [f"hf://datasets/{folder}/train#{shard}" for shard in range(3)]
    assert curated(recipe, tmp_path / "t", workers=2)[1] == digest


def test_files_are_read_by_the_librarys_builders(tmp_path: Path) -> None:
    lines = [json.dumps({"body": f"文書の{k}番目です。", "n": k}) for k in range(5)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    recipe = f"""
version: 1
input:
  text: body
  columns: {{n: int64}}
  hub: {{dataset: json, data_files: [{tmp_path / "a.jsonl"}]}}
datasets:
  web: {{dedup: false}}
"""
    [result] = curate(recipe, [], Store(tmp_path / "s"), workers=1)
    [batch] = iter_batches(Store(tmp_path / "s"), result.manifest)
    assert batch["n"].to_pylist() == list(range(5))
    assert all(len(name) == 32 for name in batch["id"].to_pylist())


def test_a_changed_file_is_another_input(folder: Path) -> None:
    source = HubSource(str(folder))
    before = survey(source, task_bytes=100)
    assert survey(source, task_bytes=100) == before
    file = folder / "data" / "train-00001-of-00003.parquet"
    pq.write_table(pq.read_table(file).slice(1), file)
    assert survey(source, task_bytes=100)[0].sha256 != before[0].sha256


def test_what_is_not_there_is_named(folder: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    recipe = RECIPE.replace("FOLDER", str(folder))
    with pytest.raises(Failed, match=r"Bad split: test\. Available splits: \['train'\]"):
        curate(recipe.replace("}, const", ", split: test}, const"), [], store)
    with pytest.raises(Failed, match="BuilderConfig 'ja' not found"):
        curate(recipe.replace("}, const", ", config: ja}, const"), [], store)
    with pytest.raises(NotFound, match="none here"):
        curate(RECIPE.replace("FOLDER", str(tmp_path / "none here")), [], store)
    with pytest.raises(Failed, match="no column 'body'; its columns are id, text, url, title"):
        curate(recipe.replace("{hub", "{text: body, hub"), [], store, workers=1)
    with pytest.raises(UsageError, match="leave out --input x"):
        curate(recipe, ["x"], store)


def test_the_hub_out_of_reach_says_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its real client meets a port where nothing listens."""
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(TryAgain, match=r"owner/name.*out of reach.*network") as caught:
        pinned(HubSource("owner/name"))
    assert caught.value.exit_code == 75
    with pytest.raises(Failed, match="Repo id must be"):
        pinned(HubSource("a/b/c"))


def test_the_demos_source_streams_through_the_same_piece(folder: Path) -> None:
    found = list(articles(HubSource(str(folder)), "wikipedia-ja"))
    assert len(found) == 60
    assert found[0]["id"] == "wikipedia-ja/0-0"
    assert found[0]["url"] == "https://example.jp/0-0"
    assert len(list(rows(HubSource(str(folder)), 2))) == 20


@pytest.mark.parametrize(
    ("hub", "wanted"),
    [
        ("{}", "the key 'dataset' is missing"),
        ("{dataset: json}", "'json' reads files: name them under data_files"),
        ("{dataset: a/b, split: 'train[:10%]'}", "expected a split's name"),
        ("{dataset: ./x, revision: main}", "files of this machine have no revision"),
        ("{dataset: a/b, rev: main}", "did you mean 'revision'?"),
        ("{dataset: a/b}, format: jsonl", "'format' says already how the input is read"),
    ],
)
def test_faults_of_the_key_are_placed(hub: str, wanted: str) -> None:
    with pytest.raises(InvalidDocument) as caught:
        parse_recipe(f"version: 1\ninput: {{hub: {hub}}}\ndatasets:\n  web: {{}}\n", file="r.yaml")
    assert wanted in str(caught.value)
    assert "r.yaml:2:" in str(caught.value)
