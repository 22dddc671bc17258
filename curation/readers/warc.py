"""WARC and WET archives: a page or a text a record, read by FastWARC.

Documents are the `response` and `resource` records that hold HTML or plain text (a response with
status 200) and the `conversion` records of WET files; all others are no documents and in no count.
A record is numbered by its place among all records of its file. An archive compressed a record at a
time, as they are, is cut into pieces at records.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from curation.base.errors import Failed
from curation.batch import METADATA, Batch
from curation.readers.html import decode_page, page_builder, page_document
from curation.readers.records import BadRecords, ReadOptions, whole
from curation.readers.streams import open_bytes
from curation.readers.survey import Piece, Surveyed
from curation.readers.text import decode

_HTML = ("text/html", "application/xhtml+xml")
_PLAIN = "text/plain"
_OK = 200


def read(item: Surveyed, piece: Piece, options: ReadOptions, bad: BadRecords) -> Iterator[Batch]:
    """Batches of the documents among the records of a piece."""
    path = Path(item.path)
    builder = page_builder(options)
    with open_bytes(path) as file:
        file.seek(piece.start)
        for row, record in enumerate(records(file, path), piece.first_row):
            if piece.stop < item.bytes and record.stream_pos >= piece.stop:
                break
            kind = _kind(record)
            if kind is None:
                continue
            size = int(record.content_length)
            data = record.reader.read(options.max_record_bytes + 1)
            if len(data) > options.max_record_bytes:
                limit = options.max_record_bytes
                bad.add(path, row, f"{size} bytes and more; a document has at most {limit}")
                continue
            found = _document(record, kind, data, options)
            if found is None:
                bad.add(path, row, "in no charset that it declares or that Japanese pages have")
                continue
            text, values = found
            values = {"source": path.name, **dict(options.constants), **values}
            builder.add(text, values, file=piece.file, row=row)
            if builder.full:
                yield builder.take()
    if builder.texts:
        yield builder.take()


def _document(
    record: Any, kind: str, data: bytes, options: ReadOptions
) -> tuple[str, dict[str, Any]] | None:
    """(text, columns) of a record's payload; None where its charset cannot be found."""
    facts: dict[str, Any] = {"date": record.headers.get("WARC-Date")}
    values: dict[str, Any]
    if kind == _PLAIN:
        decoded = decode(data)
        if decoded is None:
            return None
        values = {
            METADATA: json.dumps(
                facts | {"charset": decoded[1]}, ensure_ascii=False, sort_keys=True
            )
        }
        text = whole(decoded[0]).strip()
    else:
        decoded = decode_page(data, record.http_charset)
        if decoded is None:
            return None
        text, values = page_document(decoded[0], {**facts, "charset": decoded[1]}, options)
    values["id"] = str(record.record_id).strip("<>") or None
    values["url"] = record.headers.get("WARC-Target-URI")
    return text, {k: whole(v) if isinstance(v, str) else v for k, v in values.items()}


def _kind(record: Any) -> str | None:
    """text/html or text/plain where the record is a document."""
    from fastwarc.warc import WarcRecordType

    if record.record_type == WarcRecordType.conversion:
        return _PLAIN
    if record.record_type == WarcRecordType.response:
        headers = record.http_headers
        if headers is None or headers.status_code != _OK:
            return None
        told = record.http_content_type
    elif record.record_type == WarcRecordType.resource:
        told = record.headers.get("Content-Type")
    else:
        return None
    name = (told or "").partition(";")[0].strip().lower()
    return _HTML[0] if name in _HTML else _PLAIN if name == _PLAIN else None


def records(file: BinaryIO, path: Path, *, http: bool = True) -> Iterator[Any]:
    """FastWARC's records from where the file stands; Failed where the archive is damaged."""
    from fastwarc.warc import ArchiveIterator

    try:
        yield from ArchiveIterator(file, parse_http=http, auto_decode="all" if http else "none")
    except (OSError, ValueError) as error:
        raise Failed(f"{path}: a damaged WARC archive ({error})") from error


def cuts_of(path: Path, *, task_bytes: int) -> list[tuple[int, int, int, int]]:
    """(start, stop, first record, bytes) of the pieces of an archive, at least `task_bytes` each.

    Offsets are those of the file as it is, compressed or not. Failed where a record is cut off.
    """
    from fastwarc.warc import WarcRecordType

    size = path.stat().st_size
    found: list[tuple[int, int, int, int]] = []
    start = first = count = content = 0
    last = -1
    with open_bytes(path) as file:
        for row, record in enumerate(records(file, path, http=False)):
            place = int(record.stream_pos)
            if place <= last or place >= size:  # one stream: nothing inside it can be entered
                return [(0, size, 0, max(1, content))]
            last = place
            if content >= task_bytes:
                found.append((start, place, first, content))
                start, first, content = place, row, 0
            if record.record_type in (WarcRecordType.unknown, WarcRecordType.no_type) and not (
                record.record_id
            ):
                raise Failed(f"{path}: record {row + 1} has no type or id: a damaged WARC archive")
            length = int(record.content_length)
            if record.reader.consume() != length:
                raise Failed(f"{path}: record {row + 1} is cut off; the file is incomplete")
            content += length
            count += 1
    if count:
        found.append((start, size, first, max(1, content)))
    return found
