from __future__ import annotations

from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from curation.base.errors import NotFound, UsageError
from curation.base.store import Store
from curation.readers import BadRecords, ReadOptions, reader_of
from curation.readers.survey import _Cutter, expand, left_out, pieces, survey, tasks


@given(
    st.lists(st.binary(max_size=40).map(lambda b: b.replace(b"\n", b"")), max_size=30),
    st.integers(1, 60),
    st.integers(1, 17),
)
def test_cuts_cover_the_bytes_at_line_ends_however_they_arrive(
    lines: list[bytes], task_bytes: int, chunk: int
) -> None:
    data = b"\n".join(lines)
    cutter = _Cutter(task_bytes)
    for start in range(0, len(data), chunk):
        cutter.feed(data[start : start + chunk])
    cuts = cutter.finish()
    assert b"".join(data[start:stop] for start, stop, _, _ in cuts) == data
    for start, _, row, size in cuts:
        assert row == data[:start].count(b"\n")
        assert start == 0 or data[start - 1 : start] == b"\n"
        assert size > 0
    whole = _Cutter(task_bytes)
    whole.feed(data)
    assert whole.finish() == cuts


def test_neighbouring_small_files_share_a_task(tmp_path: Path) -> None:
    for k in range(10):
        (tmp_path / f"{k}.txt").write_text("x" * 100)
    paths = sorted(tmp_path.glob("*.txt"))
    found = survey(
        Store(tmp_path / "s"), paths, format=None, task_bytes=350, max_expansion=9, workers=2
    )
    cut = tasks(pieces(found), task_bytes=350)
    assert [[piece.file for piece in task] for task in cut] == [
        [0, 1, 2],
        [3, 4, 5],
        [6, 7, 8],
        [9],
    ]


@pytest.mark.parametrize("compressed", [False, True])
def test_pieces_together_give_each_line_once(compressed: bool, tmp_path: Path) -> None:
    lines = [f'{{"id": "d{k}", "text": "line {k} {"y" * (k % 9)}"}}' for k in range(200)]
    data = ("\n".join(lines) + "\n").encode()
    path = tmp_path / ("a.jsonl.zst" if compressed else "a.jsonl")
    path.write_bytes(zstandard.compress(data) if compressed else data)
    found = survey(
        Store(tmp_path / "s"), [path], format=None, task_bytes=500, max_expansion=99, workers=1
    )
    cut = pieces(found)
    assert len(cut) > 5
    seen = []
    for piece in cut:
        for batch in reader_of(found[0])(found[0], piece, ReadOptions(), BadRecords(0)):
            pairs = zip(
                batch.columns["id"].to_pylist(), batch.columns["__row"].to_pylist(), strict=True
            )
            seen += list(pairs)
    assert seen == [(f"d{k}", k) for k in range(200)]


def test_a_file_that_did_not_change_is_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a"}\n')
    store = Store(tmp_path / "s")
    options = {"format": None, "task_bytes": 500, "max_expansion": 99, "workers": 1}
    first = survey(store, [path], **options)  # type: ignore[arg-type]
    path.chmod(0o000)
    assert survey(store, [path], **options) == first  # type: ignore[arg-type]
    path.chmod(0o600)
    path.write_text('{"text": "another"}\n')
    assert survey(store, [path], **options)[0].sha256 != first[0].sha256  # type: ignore[arg-type]


def test_of_a_folder_the_files_that_can_be_read_are_taken_and_the_others_named(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "日本 語"
    names = [
        "b.jsonl",
        "A.JSONL.GZ",
        "ウィキ/wiki_00",
        "n.csv",
        ".c.jsonl",
        ".git/d.jsonl",
        "e.html",
    ]
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")

    def taken(format: str | None) -> tuple[set[str], set[str]]:
        both = expand([folder], format=format), left_out([folder], format=format)
        first, second = ({str(p.relative_to(folder)) for p in paths} for paths in both)
        return first, second

    assert taken(None) == ({"b.jsonl", "A.JSONL.GZ", "e.html"}, {"ウィキ/wiki_00", "n.csv"})
    assert taken("jsonl") == ({"b.jsonl", "A.JSONL.GZ", "ウィキ/wiki_00", "n.csv"}, {"e.html"})
    assert taken("text") == ({"ウィキ/wiki_00", "n.csv"}, {"b.jsonl", "A.JSONL.GZ", "e.html"})
    assert expand([folder / ".c.jsonl"], format=None) == [folder / ".c.jsonl"]
    with pytest.raises(NotFound, match="holds no file of a known format"):
        expand([folder / ".git"], format="html")


def test_a_pattern_stands_for_what_it_matches_in_order(tmp_path: Path) -> None:
    for name in ("d/b.jsonl", "d/a.jsonl.gz", "d/.h.jsonl", "d/e/c.jsonl", "d/x.csv", "z[1].jsonl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")

    def taken(*patterns: str) -> list[str]:
        found = expand([str(tmp_path / pattern) for pattern in patterns], format=None)
        return [str(path.relative_to(tmp_path)) for path in found]

    assert taken("d/*.jsonl*") == ["d/a.jsonl.gz", "d/b.jsonl"]
    assert taken("d/[ab].json?") == ["d/b.jsonl"]
    assert taken("d/**/*.jsonl") == ["d/b.jsonl", "d/e/c.jsonl"]
    assert taken("d/e*", "d/b*") == ["d/e/c.jsonl", "d/b.jsonl"]  # a folder by its files
    assert taken("z[1].jsonl") == ["z[1].jsonl"]  # a file that is there is no pattern
    assert left_out([tmp_path / "*"], format=None) == [tmp_path / "d" / "x.csv"]
    with pytest.raises(NotFound, match=r"d/\*\.parquet: no file or folder matches this pattern"):
        taken("d/*.parquet")
    with pytest.raises(UsageError, match=r"x\.csv: its name tells no format"):
        taken("d/*")  # as where the shell had put the names in its place
