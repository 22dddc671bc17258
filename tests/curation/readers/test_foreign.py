from __future__ import annotations

from pathlib import Path

from curation.base.store import Store
from curation.readers.foreign import reader_names
from curation.shards.reader import iter_batches
from pipelines.curate import curate

RECIPE = "version: 1\ninput: {datatrove: CSVReader}\ndatasets:\n  web: {}\n"


def test_datatroves_file_readers_are_known() -> None:
    assert {"CSVReader", "JsonlReader", "WarcReader"} <= set(reader_names())


def test_a_csv_file_is_read_through_datatrove(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text('id,text,url,n\na,"One text, with a comma",u1,5\nb,Another text here,u2,6\n')
    store = Store(tmp_path / "store")
    [result] = curate(RECIPE, [path], store, workers=1)
    [batch] = iter_batches(store, result.manifest)
    assert batch["id"].to_pylist() == ["a", "b"]
    assert batch["text"].to_pylist() == ["One text, with a comma", "Another text here"]
    assert batch["url"].to_pylist() == ["u1", "u2"]
    assert batch["metadata"].to_pylist() == ['{"n": "5"}', '{"n": "6"}']
