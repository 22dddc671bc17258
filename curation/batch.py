"""Batches of documents: what flows between the steps, and the two ways from and to `Document`.

A batch is about 1,000 documents as Arrow arrays, cut by the reader from the input alone (rows and
bytes), so that the same input gives the same batches whoever reads it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

MAX_ROWS = 1024
MAX_CHARACTERS = 4 << 20

# Columns that every batch of a reader has, all strings that may be null.
FIELDS = ("id", "url", "source", "license", "terms", "generated_by", "judged_by")
LANGUAGE = "language"  # the identified one; a record's own `language` goes into its metadata
METADATA = "metadata"  # the record's other fields, as one JSON object; null when there are none
FILE = "__file"  # int32: which input the document came from
ROW = "__row"  # int64: its line or row there, from 0
INTERNAL = (FILE, ROW)
EXTRACTION = "__extraction"  # why a page has no text; only readers of pages give it


@dataclass(slots=True)
class Batch:
    """Documents of one dataset: `text` (large_string, no nulls) and columns of the same length.

    `route` is the index of the dataset in the recipe, -1 before languages are known.
    """

    text: pa.Array
    columns: dict[str, pa.Array] = field(default_factory=dict)
    route: int = -1

    def __len__(self) -> int:
        return len(self.text)

    def take(self, rows: pa.Array) -> Batch:
        """The documents at `rows` (int64), in that order."""
        return Batch(
            self.text.take(rows),
            {name: values.take(rows) for name, values in self.columns.items()},
            self.route,
        )


class BatchBuilder:
    """Collects records into batches; a batch is full at 1,024 rows or 4 Mi characters."""

    def __init__(self, typed: dict[str, pa.DataType] | None = None) -> None:
        self.typed = typed or {}
        self._start()

    def _start(self) -> None:
        self.texts: list[str] = []
        self.values: dict[str, list[Any]] = {
            name: [] for name in (*FIELDS, METADATA, *self.typed, *INTERNAL)
        }
        self.characters = 0

    def add(self, text: str, values: dict[str, Any], *, file: int, row: int) -> None:
        self.texts.append(text)
        self.characters += len(text)
        for name, column in self.values.items():
            column.append(values.get(name))
        self.values[FILE][-1] = file
        self.values[ROW][-1] = row

    @property
    def full(self) -> bool:
        return len(self.texts) >= MAX_ROWS or self.characters >= MAX_CHARACTERS

    def take(self) -> Batch:
        """The batch so far; the builder starts anew."""
        types = {FILE: pa.int32(), ROW: pa.int64(), **self.typed}
        batch = Batch(
            pa.array(self.texts, pa.large_string()),
            {
                name: pa.array(values, types.get(name, pa.string()))
                for name, values in self.values.items()
            },
        )
        self._start()
        return batch


def to_documents(batches: Iterable[Batch]) -> Iterator[Any]:
    """datatrove `Document`s of batches, one by one: for a datatrove step behind one of ours.

    All columns travel in `metadata` under their own names; the JSON column is unfolded beside them.
    """
    from datatrove.data import Document

    for batch in batches:
        columns = {name: values.to_pylist() for name, values in batch.columns.items()}
        for row, text in enumerate(batch.text.to_pylist()):
            metadata = {name: values[row] for name, values in columns.items() if name != "id"}
            folded = metadata.pop(METADATA, None)
            metadata = {**(json.loads(folded) if folded else {}), **metadata}
            yield Document(text=text, id=columns["id"][row] or "", metadata=metadata)


def from_documents(
    documents: Iterable[Any], *, typed: dict[str, pa.DataType] | None = None, file: int = 0
) -> Iterator[Batch]:
    """Batches of datatrove `Document`s: for one of our steps behind a datatrove reader or filter.

    Metadata under the names of our columns goes there, everything else into the JSON column.
    Documents that never came from a batch are numbered in the order in which they arrive.
    """
    builder = BatchBuilder(typed)
    for number, document in enumerate(documents):
        metadata = dict(document.metadata)
        origin = metadata.pop(FILE, file), metadata.pop(ROW, number)
        values = fold(metadata, builder.typed)
        values["id"] = document.id or None
        builder.add(document.text, values, file=origin[0], row=origin[1])
        if builder.full:
            yield builder.take()
    if builder.texts:
        yield builder.take()


def fold(record: dict[str, Any], typed: dict[str, pa.DataType]) -> dict[str, Any]:
    """Split a record's fields into our columns and one JSON object of the rest."""
    values: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    for key, value in record.items():
        if value is None:
            continue
        if key in typed:
            values[key] = value
        elif key in FIELDS:
            values[key] = value if isinstance(value, str) else _json(value)
        else:
            rest[key] = value
    if rest:
        values[METADATA] = _json(rest)
    return values


def _json(value: Any) -> str:
    """Canonical JSON; NaN and infinities, which JSON has not, become null."""
    try:
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), ensure_ascii=False, sort_keys=True, default=str)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
