from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import zstandard

from curation.base.errors import Failed
from curation.base.store import Store
from curation.readers import BadRecords, ReadOptions, reader_of
from curation.readers.survey import Surveyed, pieces, survey
from curation.shards.reader import iter_batches
from pipelines.curate import curate


def record(kind: str, payload: bytes, *, number: int, content: str) -> bytes:
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:{number:032d}>\r\n"
        f"WARC-Target-URI: https://example.jp/{number}\r\nWARC-Date: 2024-01-01T00:00:00Z\r\n"
        f"Content-Type: {content}\r\nContent-Length: {len(payload)}\r\n\r\n"
    )
    return head.encode() + payload + b"\r\n\r\n"


GZIP = "Content-Encoding: gzip\r\n"


def http(body: bytes, content: str, status: str = "200 OK", more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content}\r\n{more}\r\n"
    return head.encode() + body


def response(number: int, body: bytes, content: str, **more: str) -> bytes:
    kind = "application/http; msgtype=response"
    return record("response", http(body, content, **more), number=number, content=kind)


def page(text: str) -> str:
    return f"<html><head><title>題</title></head><body><main><p>{text}</p></main></body></html>"


TEXT = "吾輩は猫である。名前はまだ無い。"
RECORDS = [
    record("warcinfo", b"software: x\r\n", number=0, content="application/warc-fields"),
    response(1, page(TEXT + "一").encode("cp932"), "text/html; charset=Shift_JIS"),
    record("request", b"GET / HTTP/1.1\r\n\r\n", number=2, content="application/http"),
    response(3, gzip.compress(page(TEXT + "二").encode()), "text/html", more=GZIP),
    response(4, b"\x89PNG", "image/png"),
    response(5, page("無い").encode(), "text/html", status="404 Not Found"),
    response(6, (TEXT + "三").encode("euc_jp"), "text/plain"),
    record("conversion", (TEXT + "四").encode(), number=7, content="text/plain"),
    record("resource", page(TEXT + "五").encode(), number=8, content="text/html"),
]  # fmt: skip
WANTED = [TEXT + last for last in "一二三四五"]


def surveyed(path: Path, tmp_path: Path, *, task_bytes: int) -> Surveyed:
    store = Store(tmp_path / "s")
    options = {"task_bytes": task_bytes, "max_expansion": 99, "workers": 1}
    [found] = survey(store, [path], format=None, **options)
    return found


def archive(tmp_path: Path, kind: str) -> Path:
    path = tmp_path / f"a.{kind}"
    pack = {
        "warc": lambda data: data,
        "warc.gz": gzip.compress,
        "warc.zst": zstandard.compress,
        "warc.wet.gz": gzip.compress,
    }[kind]
    path.write_bytes(b"".join(pack(one) for one in RECORDS))
    return path


@pytest.mark.parametrize("kind", ["warc", "warc.gz", "warc.zst", "warc.wet.gz"])
def test_pieces_together_give_each_page_once(kind: str, tmp_path: Path) -> None:
    found = surveyed(archive(tmp_path, kind), tmp_path, task_bytes=100)
    cut = pieces([found])
    assert len(cut) > 3
    rows, texts = [], []
    for piece in cut:
        for batch in reader_of(found)(found, piece, ReadOptions(), BadRecords(0)):
            rows += batch.columns["__row"].to_pylist()
            texts += batch.text.to_pylist()
    assert texts == WANTED
    assert rows == [1, 3, 6, 7, 8]


def test_an_archive_that_is_one_stream_is_one_piece(tmp_path: Path) -> None:
    path = tmp_path / "a.warc.gz"
    path.write_bytes(gzip.compress(b"".join(RECORDS)))
    found = surveyed(path, tmp_path, task_bytes=100)
    [piece] = pieces([found])
    [batch] = reader_of(found)(found, piece, ReadOptions(), BadRecords(0))
    assert batch.text.to_pylist() == WANTED


def test_a_recipe_reads_archives(tmp_path: Path) -> None:
    path = archive(tmp_path, "warc.gz")
    store = Store(tmp_path / "store")
    [result] = curate("version: 1\ndatasets:\n  web: {dedup: false}\n", [path], store, workers=1)
    [batch] = iter_batches(store, result.manifest)
    assert batch["text"].to_pylist() == WANTED
    assert batch["id"].to_pylist()[0] == f"urn:uuid:{1:032d}"
    assert batch["url"].to_pylist() == [f"https://example.jp/{k}" for k in (1, 3, 6, 7, 8)]
    facts = json.loads(batch["metadata"].to_pylist()[0])
    assert facts == {"charset": "cp932", "date": "2024-01-01T00:00:00Z", "title": "題"}


def test_a_damaged_archive_fails_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.warc"
    path.write_bytes(b"".join(RECORDS)[:-30])
    with pytest.raises(Failed, match="record 9 is cut off"):
        surveyed(path, tmp_path, task_bytes=100)
    path.write_bytes(b"this is no archive\r\n" * 20)
    with pytest.raises(Failed, match="damaged WARC"):
        surveyed(path, tmp_path, task_bytes=100)
    path.write_bytes(b"".join(RECORDS) + b"WARC/1.0\r\nWARC-Ty")
    with pytest.raises(Failed, match=f"record {len(RECORDS) + 1} has no type or id"):
        surveyed(path, tmp_path, task_bytes=100)
    gz = tmp_path / "b.warc.gz"
    gz.write_bytes(b"".join(gzip.compress(one) for one in RECORDS)[:-30])
    with pytest.raises(Failed, match=r"damaged|incomplete"):
        surveyed(gz, tmp_path, task_bytes=100)


def test_a_record_that_unpacks_too_far_is_bad_and_the_rest_is_read(tmp_path: Path) -> None:
    bomb = response(9, gzip.compress(bytes(30 << 20)), "text/html", more=GZIP)
    path = tmp_path / "a.warc"
    path.write_bytes(bomb + RECORDS[1])
    found = surveyed(path, tmp_path, task_bytes=1 << 20)
    bad = BadRecords(1)
    options = ReadOptions(max_record_bytes=1 << 20)
    [batch] = reader_of(found)(found, pieces([found])[0], options, bad)
    assert batch.text.to_pylist() == WANTED[:1]
    assert "a document has at most 1048576" in bad.named[0]["why"]
