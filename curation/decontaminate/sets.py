"""Evaluation sets: files that a recipe names, read as items of one or more texts.

    {name: jcqa, path: eval/jcqa.jsonl, fields: [question, "question + choices.text"], id: q_id}

A record is an item; each entry of `fields` is one of its texts: a field, or several joined by `+`.
Dots lead into objects, lists are joined. Of a text file every line is an item. No set ships with
awase: none may be handed on without its licence.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.base.digest import digest_file
from curation.base.errors import Failed, NotFound, UsageError
from curation.base.fields import nearest
from curation.readers.streams import chunks, compression_of, decompressed, open_bytes
from curation.readers.survey import format_of

MAX_BYTES = 1 << 30  # of one file, decompressed
FORMATS = ("jsonl", "parquet", "text")
LINE = "line"  # the one text of a line of a text file


@dataclass(frozen=True, slots=True)
class EvaluationSet:
    """A file of evaluation items; `digest` is that of its bytes, "" until it is pinned."""

    name: str
    path: str
    fields: tuple[str, ...] = ()
    id: str | None = None
    license: str = "NOASSERTION"
    digest: str = ""

    @property
    def format(self) -> str:
        """jsonl, parquet or text; UsageError where the name tells another."""
        found = format_of(Path(self.path))
        if found not in FORMATS:
            raise UsageError(f"{self.path}: evaluation items are read from {', '.join(FORMATS)}")
        return found

    def pinned(self) -> EvaluationSet:
        """The set with its file's digest; NotFound, UsageError or Failed name the fault."""
        path = Path(self.path)
        if not path.is_file():
            raise NotFound(f"{path}: there is no such file")
        if self.format == "text" and (self.fields or self.id):
            raise UsageError(f"{path}: the lines of a text file have no fields")
        if self.format != "text" and not self.fields:
            raise UsageError(f"{path}: say under `fields` which of a record's fields to look for")
        try:
            return replace(self, digest=digest_file(path))
        except OSError as error:
            raise Failed(f"{path}: cannot be read ({error.strerror})") from error


@dataclass(frozen=True, slots=True)
class Item:
    """One record: its name (the `id` field, or its line or row from 1) and a text a field."""

    name: str
    texts: tuple[str | None, ...]


def texts_of(item: EvaluationSet) -> tuple[str, ...]:
    """What the texts of an item are called."""
    return item.fields or (LINE,)


def read_items(source: EvaluationSet) -> list[Item]:
    """The items of a set; Failed names the line of a record that is none, and changed bytes.

    UsageError where no record has one of the fields, or there is no record.
    """
    if digest_file(Path(source.path)) != source.digest:
        raise Failed(f"{source.path} changed since the recipe was read: run the command again")
    if source.format == "text":
        found = [Item(str(number), (line,)) for number, line in _lines(source)]
    else:
        found = [_item(source, number, record) for number, record in _records(source)]
    if not found:
        raise UsageError(f"{source.path}: the file holds no item")
    return found


def _records(source: EvaluationSet) -> Iterator[tuple[int, dict[str, Any]]]:
    """(number from 1, record); the fields are looked for over all records."""
    missing = set(_names(source))
    known: dict[str, None] = {}
    rows = _rows(source) if source.format == "parquet" else _objects(source)
    empty = True
    for number, record in rows:
        empty = False
        missing -= {name for name in missing if resolve(record, name) is not None}
        known |= dict.fromkeys(record)
        yield number, record
    if missing and not empty:
        name = sorted(missing)[0]
        raise UsageError(f"{source.path}: no record has the field {name!r}{nearest(name, known)}")


def _names(source: EvaluationSet) -> list[str]:
    names = [part.strip() for entry in source.fields for part in entry.split("+")]
    return [*names, *([source.id] if source.id else [])]


def _objects(source: EvaluationSet) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in _lines(source):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise Failed(f"{source.path}:{number}: broken JSON: {error}") from error
        if not isinstance(record, dict):
            what = type(record).__name__
            raise Failed(f"{source.path}:{number}: the record is no object but {what}")
        yield number, record


def _lines(source: EvaluationSet) -> Iterator[tuple[int, str]]:
    """(number from 1, line) of the lines that are not blank."""
    path = Path(source.path)
    pieces: list[bytes] = []
    size = 0
    with open_bytes(path) as file:
        for data in chunks(decompressed(file, compression_of(path)), path):
            pieces.append(data)
            size += len(data)
            if size > MAX_BYTES:
                raise UsageError(f"{path}: an evaluation file has at most {MAX_BYTES} bytes")
    for number, line in enumerate(b"".join(pieces).split(b"\n"), 1):
        try:
            text = line.decode().removeprefix("\ufeff" if number == 1 else "").strip()
        except UnicodeDecodeError as error:
            raise Failed(f"{path}:{number}: not UTF-8 at column {error.start + 1}") from error
        if text:
            yield number, text


def _rows(source: EvaluationSet) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with pq.ParquetFile(source.path, page_checksum_verification=True) as file:
            meta = file.metadata
            size = sum(meta.row_group(k).total_byte_size for k in range(meta.num_row_groups))
            if size > MAX_BYTES:
                raise UsageError(f"{source.path}: an evaluation file has at most {MAX_BYTES} bytes")
            number = 0
            for batch in file.iter_batches():
                for record in batch.to_pylist():
                    number += 1
                    yield number, record
    except (pa.ArrowException, OSError) as error:
        raise Failed(f"{source.path}: damaged Parquet ({error})") from error


def _item(source: EvaluationSet, number: int, record: dict[str, Any]) -> Item:
    name = str(number)
    if source.id is not None:
        found = _text(source, number, source.id, resolve(record, source.id))
        name = name if found is None else found
    texts = []
    for entry in source.fields:
        parts = [
            _text(source, number, part.strip(), resolve(record, part.strip()))
            for part in entry.split("+")
        ]
        known = [part for part in parts if part is not None]
        texts.append("\n".join(known) if len(known) == len(parts) else None)
    return Item(name, tuple(texts))


def resolve(value: Any, name: str) -> Any:
    """What a dotted name leads to, None where it leads nowhere; lists are walked through."""
    if isinstance(value, list):
        found = [resolve(each, name) for each in value]
        return [each for each in found if each is not None] or None
    if not isinstance(value, dict):
        return None
    if name in value:
        return value[name]
    head, dot, rest = name.partition(".")
    return resolve(value.get(head), rest) if dot else None


def _text(source: EvaluationSet, number: int, name: str, value: Any) -> str | None:
    if isinstance(value, list):
        parts = [_text(source, number, name, each) for each in value]
        return "\n".join(part for part in parts if part is not None) or None
    if isinstance(value, str) or value is None:
        return value or None
    if isinstance(value, int | float):
        return str(value)
    what = type(value).__name__
    raise Failed(f"{source.path}:{number}: the field {name!r} is no text but {what}")
