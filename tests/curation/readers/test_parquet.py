"""Parquet of other writers, and damaged: each row is a document or counted, each file is named."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.base.errors import Failed
from curation.base.store import Store
from curation.readers import BadRecords, ReadOptions, reader_of
from curation.readers.survey import pieces, survey


def read(path: Path) -> tuple[list[str], BadRecords]:
    [item] = survey(
        Store(path.parent / "s"),
        [path],
        format=None,
        task_bytes=1 << 20,
        max_expansion=200,
        workers=1,
    )
    bad = BadRecords(1 << 30)
    batches = (
        b for piece in pieces([item]) for b in reader_of(item)(item, piece, ReadOptions(), bad)
    )
    return [text for batch in batches for text in batch.text.to_pylist()], bad


def written(folder: Path, table: pa.Table, **options: int) -> Path:
    path = folder / "a.parquet"
    pq.write_table(table, path, **options)
    return path


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["あ", "b", None]).dictionary_encode(),
        pa.array(["あ", "b", None], pa.large_string()),
        pa.array(["あ", "b", None], pa.string_view()),
        pa.array(["あ".encode(), b"b", b"\xff"], pa.binary()),
        pa.array(["あ".encode(), b"b", b"c\xe3"], pa.large_binary()),
    ],
    ids=lambda column: str(column.type),
)
def test_text_columns_of_all_types_are_read(column: pa.Array, tmp_path: Path) -> None:
    texts, bad = read(written(tmp_path, pa.table({"text": column})))
    assert texts == ["あ", "b"]
    assert [item["line"] for item in bad.named] == [3]
    assert bad.named[0]["why"].startswith(("the field 'text' is missing", "not UTF-8: byte 0x"))


@pytest.mark.parametrize(
    "column",
    [
        pa.array([2**62, 5], pa.timestamp("us")),
        pa.array([2**62, None], pa.timestamp("us", tz="Asia/Tokyo")),
    ],
)
def test_a_value_that_python_has_not_is_a_bad_record(column: pa.Array, tmp_path: Path) -> None:
    texts, bad = read(written(tmp_path, pa.table({"text": ["a", "b"], "time": column})))
    assert texts == ["b"]
    assert bad.named[0]["line"] == 1
    assert "a value cannot be read (date value out of range)" in bad.named[0]["why"]


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    table = pa.table([["a"], ["b"]], names=["text", "text"])
    with pytest.raises(Failed, match="there are 2 columns 'text'"):
        read(written(tmp_path, table))


def test_of_a_damaged_file_no_row_is_lost_unseen(tmp_path: Path) -> None:
    """Bytes changed at any place: all rows, or an error that names the file."""
    rows = 400
    table = pa.table({"text": [f"{k} of the rows" for k in range(rows)]})
    data = written(tmp_path, table, row_group_size=100).read_bytes()
    rng = random.Random(1)
    refused = 0
    for k in range(150):
        changed = bytearray(data)
        place = rng.randrange(len(data)) if k % 2 else rng.randrange(len(data) - 1500, len(data))
        changed[place] = rng.randrange(256)
        path = tmp_path / f"{k}.parquet"
        path.write_bytes(changed)
        try:
            texts, bad = read(path)
        except Failed as error:
            refused += str(error).startswith(f"{path}: ")
        else:
            assert len(texts) + bad.count == rows
    assert refused > 20


def test_text_that_its_pages_checksum_does_not_fit_is_refused(tmp_path: Path) -> None:
    table = pa.table({"text": ["miso", "dashi"]})
    path = written(tmp_path, table, write_page_checksum=True, use_dictionary=False)
    assert read(path)[0] == ["miso", "dashi"]
    data = path.read_bytes()
    path.write_bytes(data.replace(b"dashi", b"dashy", 2))  # in its statistics, in the page
    with pytest.raises(Failed, match=r"a\.parquet: damaged Parquet \(.*[Cc][Rr][Cc]"):
        read(path)


@pytest.mark.parametrize("end", [b"PARE", b"XXXX", b""])
def test_a_footer_that_is_none_is_refused(end: bytes, tmp_path: Path) -> None:
    path = written(tmp_path, pa.table({"text": ["a"]}))
    path.write_bytes(path.read_bytes()[:-4] + end)
    with pytest.raises(Failed, match=r"a\.parquet: is not a Parquet file"):
        read(path)
