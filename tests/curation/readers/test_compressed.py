"""Compressed inputs: bombs are bounded, damaged ones refused by name, members joined."""

from __future__ import annotations

import gzip
import io
import json
import resource
from pathlib import Path

import pytest
import zstandard

from curation.base.errors import Failed, UsageError
from curation.base.store import Store
from curation.readers import BadRecords, ReadOptions, reader_of
from curation.readers.survey import Surveyed, expand, pieces, survey

ZEROS = bytes(96 << 20)
LINES = [json.dumps({"id": f"d{k}", "text": f"line {k} of the file"}).encode() for k in range(300)]
DATA = b"\n".join(LINES) + b"\n"
COMPRESS = {"gz": gzip.compress, "zst": zstandard.compress}


def surveyed(path: Path, limit: int = 200) -> Surveyed:
    [item] = survey(
        Store(path.parent / "s"),
        expand([path], format=None),
        format=None,
        task_bytes=1 << 20,
        max_expansion=limit,
        workers=1,
    )
    return item


def ids(item: Surveyed) -> list[str]:
    bad = BadRecords(0)
    return [
        name
        for piece in pieces([item])
        for batch in reader_of(item)(item, piece, ReadOptions(), bad)
        for name in batch.columns["id"].to_pylist()
    ]


@pytest.mark.parametrize("kind", COMPRESS)
@pytest.mark.parametrize("format", ["jsonl", "txt", "html", "warc"])
def test_a_bomb_is_refused_by_name_before_it_fills_memory(
    kind: str, format: str, tmp_path: Path
) -> None:
    path = tmp_path / f"bomb.{format}.{kind}"
    path.write_bytes(COMPRESS[kind](ZEROS))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Failed, match=rf"bomb\.{format}\.{kind}: .*over 200 times.*max_expansion"):
        surveyed(path)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 64 << 10  # KiB: it was not held


@pytest.mark.parametrize("kind", COMPRESS)
def test_a_bomb_of_many_members_is_one_bomb(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"many.jsonl.{kind}"
    path.write_bytes(COMPRESS[kind](bytes(1 << 20)) * 96)
    with pytest.raises(Failed, match="over 200 times"):
        surveyed(path)


@pytest.mark.parametrize("kind", COMPRESS)
def test_an_expansion_that_the_recipe_allows_is_read(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"blank.jsonl.{kind}"
    path.write_bytes(COMPRESS[kind]((b" " * 65_535 + b"\n") * 1_500 + DATA))
    with pytest.raises(Failed, match="over 200 times"):
        surveyed(path)
    assert len(ids(surveyed(path, 100_000))) == len(LINES)


@pytest.mark.parametrize("kind", COMPRESS)
def test_members_one_after_the_other_are_one_file(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"joined.jsonl.{kind}"
    middle = DATA.index(b"line 150")  # within a line
    path.write_bytes(COMPRESS[kind](DATA[:middle]) + COMPRESS[kind](DATA[middle:]))
    assert ids(surveyed(path)) == [f"d{k}" for k in range(300)]


@pytest.mark.parametrize("kind", COMPRESS)
@pytest.mark.parametrize("rubbish", [b"rubbish behind the last member", bytes(512)])
def test_rubbish_behind_the_last_member_is_refused(
    kind: str, rubbish: bytes, tmp_path: Path
) -> None:
    path = tmp_path / f"tail.jsonl.{kind}"
    path.write_bytes(COMPRESS[kind](DATA) + rubbish)
    with pytest.raises(Failed, match=rf"tail\.jsonl\.{kind}: cannot be decompressed"):
        surveyed(path)


@pytest.mark.parametrize("kind", COMPRESS)
@pytest.mark.parametrize("left", [0.01, 0.5, 0.99])
def test_a_truncated_file_is_refused_wherever_it_ends(
    kind: str, left: float, tmp_path: Path
) -> None:
    path = tmp_path / f"torn.jsonl.{kind}"
    data = COMPRESS[kind](DATA)
    path.write_bytes(data[: max(1, int(len(data) * left))])
    with pytest.raises(Failed, match=rf"torn\.jsonl\.{kind}: cannot be decompressed"):
        surveyed(path)


@pytest.mark.parametrize("kind", COMPRESS)
def test_a_file_of_another_kind_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"plain.jsonl.{kind}"
    path.write_bytes(DATA)
    with pytest.raises(Failed, match=rf"plain\.jsonl\.{kind}: cannot be decompressed"):
        surveyed(path)


@pytest.mark.parametrize("kind", COMPRESS)
def test_nested_members_are_opened_once(kind: str, tmp_path: Path) -> None:
    """What is inside is read as it is: no bomb hides in a second layer."""
    path = tmp_path / f"nested.jsonl.{kind}"
    path.write_bytes(COMPRESS[kind](COMPRESS[kind](ZEROS)))
    with pytest.raises(Failed, match=r"not UTF-8|broken JSON"):
        ids(surveyed(path))
    for other in COMPRESS:
        twice = _named(tmp_path / f"twice.jsonl.{kind}.{other}")
        for format in (None, "jsonl"):
            with pytest.raises(UsageError, match=rf"compressed twice.*outer one \(\.{other}\)"):
                expand([twice], format=format)


def _named(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def test_a_window_larger_than_zstd_promises_to_everybody_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "window.jsonl.zst"
    parameters = zstandard.ZstdCompressionParameters(window_log=30, enable_ldm=True)
    out = io.BytesIO()
    with zstandard.ZstdCompressor(compression_params=parameters).stream_writer(
        out, closefd=False
    ) as writer:
        writer.write(DATA)
    path.write_bytes(out.getvalue())
    with pytest.raises(Failed, match=r"window\.jsonl\.zst: cannot be decompressed"):
        surveyed(path)


def test_a_compressed_body_within_an_archive_has_the_bound_of_a_document(tmp_path: Path) -> None:
    body = gzip.compress(ZEROS)
    http = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\n\r\n" + body
    head = (
        "WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:1>\r\n"
        "WARC-Target-URI: https://example.jp/\r\nWARC-Date: 2024-01-01T00:00:00Z\r\n"
        f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(http)}\r\n\r\n"
    )
    path = tmp_path / "page.warc"
    path.write_bytes(head.encode() + http + b"\r\n\r\n")
    with pytest.raises(Failed, match=r"page\.warc:1: \d+ bytes and more; a document has at most"):
        ids(surveyed(path))
