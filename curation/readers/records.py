"""What all readers share: options, a document's fields, and records that cannot be read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from curation.base.errors import Failed
from curation.batch import fold
from curation.chat import SPANS_TYPE, BadChat, Chat
from curation.readers.extractor import SECONDS
from curation.shards.rows import SPANS

_SURROGATE = re.compile("[\ud800-\udfff]")
KEPT_BAD = 100  # bad records that are named; all are counted


BUILDERS = ("arrow", "csv", "json", "parquet", "text", "webdataset")  # of `datasets`, for files


@dataclass(frozen=True, slots=True)
class HubSource:
    """A split of a dataset: `owner/name` on the Hub, a folder, or one of BUILDERS with files."""

    dataset: str
    config: str | None = None
    split: str = "train"
    revision: str | None = None  # a branch or tag; in a run the commit it stood for
    data_files: tuple[str, ...] = ()

    @property
    def local(self) -> bool:
        return self.dataset in BUILDERS or self.dataset.startswith(("/", "."))

    def __str__(self) -> str:
        pin = f"@{self.revision}" if self.revision else ""
        config = f"/{self.config}" if self.config else ""
        return f"hf://datasets/{self.dataset}{pin}{config}/{self.split}"

    @property
    def identity(self) -> dict[str, Any]:
        """What names its content beside the files' digests: a local path is no part of it."""
        return self.document() | ({"dataset": "", "data_files": []} if self.local else {})

    def document(self) -> dict[str, Any]:
        return {
            "dataset": self.dataset,
            "config": self.config,
            "split": self.split,
            "revision": self.revision,
            "data_files": list(self.data_files),
        }


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How records become documents (the recipe's `input`).

    `fields` renames: our column -> the record's field. `typed` are record fields that get a column
    of their own. `constants` fill columns that a record leaves empty.
    """

    text_field: str = "text"
    fields: tuple[tuple[str, str], ...] = ()
    typed: tuple[tuple[str, str], ...] = ()  # (name, "string" | "int64" | "double" | "bool")
    constants: tuple[tuple[str, str], ...] = ()
    max_bad_records: int = 0
    max_record_bytes: int = 64 << 20
    chat: Chat | None = None  # messages instead of a text
    hub: HubSource | None = None  # instead of files
    extract_seconds: float = SECONDS  # of processor time for the main text of a page

    def types(self) -> dict[str, pa.DataType]:
        types = {name: pa.type_for_alias(alias) for name, alias in self.typed}
        return types if self.chat is None else {SPANS: SPANS_TYPE} | types

    @property
    def source_field(self) -> str:
        """The record's field that becomes the text."""
        return self.text_field if self.chat is None else self.chat.messages


class BadRecord(Exception):
    """One record that cannot become a document, and why."""


@dataclass(slots=True)
class BadRecords:
    """Counts records that cannot be read; past the recipe's bound the run fails."""

    limit: int
    count: int = 0
    named: list[dict[str, Any]] = field(default_factory=list)

    def add(self, path: Path | str, row: int, why: str) -> None:
        """Record a fault at line or row `row` (from 0)."""
        self.count += 1
        if len(self.named) < KEPT_BAD:
            self.named.append({"file": str(path), "line": row + 1, "why": why})
        if self.count > self.limit:
            raise too_many(self.named, self.count, self.limit)


def too_many(named: list[dict[str, Any]], count: int, limit: int) -> Failed:
    last = named[-1]
    return Failed(
        f"{last['file']}:{last['line']}: {last['why']}; bad records: {count}, and the "
        f"recipe allows {limit} (input.max_bad_records): mend the input or raise the bound"
    )


def none_good(named: list[dict[str, Any]], count: int) -> Failed:
    first = named[0]
    return Failed(
        f"{first['file']}:{first['line']}: {first['why']}; none of the input's {count} records "
        "could be read: mend the input, or say in the recipe how it is read (input.format)"
    )


def to_values(record: Any, options: ReadOptions) -> tuple[str, dict[str, Any]]:
    """(text, other columns) of a record; BadRecord says what is wrong with it."""
    if not isinstance(record, dict):
        raise BadRecord(f"the record is no object but {type(record).__name__}")
    record = dict(record)
    text, spans = _text(record.pop(options.source_field, None), options)
    for ours, theirs in options.fields:
        if theirs in record:
            record[ours] = record.pop(theirs)
    values = fold(record, options.types())
    if values.get("id") == "":
        del values["id"]  # names nothing: the document is named by its place
    if spans is not None:
        values[SPANS] = spans
    for name, alias in options.typed:
        values[name] = _typed(values.get(name), name, alias)
    for name, constant in options.constants:
        values.setdefault(name, constant)
    return whole(text), {k: whole(v) if isinstance(v, str) else v for k, v in values.items()}


def _text(found: Any, options: ReadOptions) -> tuple[str, list[dict[str, int]] | None]:
    """(text, loss spans of a chat)"""
    if options.chat is not None:
        try:
            return options.chat.render(found)
        except BadChat as error:
            raise BadRecord(str(error)) from error
    if not isinstance(found, str):
        what = "missing or null" if found is None else f"{type(found).__name__}, not a string"
        raise BadRecord(f"the field {options.text_field!r} is {what}")
    return found, None


def whole(text: str) -> str:
    """`text` with lone surrogates, which no UTF-8 can hold, as U+FFFD."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def _typed(value: Any, name: str, alias: str) -> Any:
    if value is None:
        return None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = {
        "string": isinstance(value, str),
        "bool": isinstance(value, bool),
        "double": number,
        "int64": isinstance(value, int) and number and -(2**63) <= value < 2**63,
    }[alias]
    if not fits:
        raise BadRecord(f"the field {name!r} is {str(value)[:40]!r}, which is no {alias}")
    return value
