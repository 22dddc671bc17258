"""JSON Lines: bounds of a line, names of documents, and numbers that JSON has not."""

import json
from pathlib import Path

import pytest
import zstandard

from curation.base.store import Store
from curation.readers import BadRecords, ReadOptions, reader_of
from curation.readers.survey import pieces, survey


def read(path: Path, options: ReadOptions, bad: BadRecords) -> list[dict[str, object]]:
    found = survey(
        Store(path.parent / "s"), [path], format=None, task_bytes=1 << 22, max_expansion=999,
        workers=1,
    )  # fmt: skip
    rows = []
    for piece in pieces(found):
        for batch in reader_of(found[0])(found[0], piece, options, bad):
            columns = {name: values.to_pylist() for name, values in batch.columns.items()}
            for row, text in enumerate(batch.text.to_pylist()):
                rows.append({"text": text, **{name: v[row] for name, v in columns.items()}})
    return rows


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("limit", [30, 1 << 20, 3 << 20])
def test_a_line_has_at_most_its_bytes_wherever_chunks_end(
    limit: int, compressed: bool, tmp_path: Path
) -> None:
    frame = len('{"text": ""}')
    lengths = (limit, limit + 1, 20, limit + (1 << 20), limit, limit + 1)
    lines = ['{"text": "' + "x" * (length - frame) + '"}' for length in lengths]
    data = "\n".join(lines).encode()
    path = tmp_path / ("a.jsonl.zst" if compressed else "a.jsonl")
    path.write_bytes(zstandard.compress(data) if compressed else data)
    bad = BadRecords(9)
    rows = read(path, ReadOptions(max_record_bytes=limit), bad)
    assert [row["__row"] for row in rows] == [0, 2, 4]
    assert [item["line"] for item in bad.named] == [2, 4, 6]
    assert bad.named[0]["why"] == f"the line is longer than {limit} bytes (input.max_record_bytes)"


def test_an_empty_id_is_none_and_what_is_no_number_is_null(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        '{"id": "", "text": "a", "n": NaN, "deep": [1, {"e": 1e999, "f": -Infinity}], "g": 0.5}\n'
        '{"id": "b", "text": "b"}\n'
    )
    first, second = read(path, ReadOptions(), BadRecords(0))
    assert (first["id"], second["id"]) == (None, "b")

    def never(constant: str) -> None:
        raise AssertionError(constant)

    assert json.loads(str(first["metadata"]), parse_constant=never) == {
        "deep": [1, {"e": None, "f": None}],
        "g": 0.5,
        "n": None,
    }
