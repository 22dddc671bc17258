"""Identity of rows: one digest over logical rows, whatever files and batches hold them.

    block digest    SHA-256 over the columns (by name) of 1,024 rows, the last block fewer
    digest          SHA-256 over the schema, the number of rows, and the block digests in order

Blocks are counted from the first row of the version. A file whose first row begins a block can be
digested apart from the others, which is how shards are written in parallel. Types that differ in
memory only are one: string and large_string, a dictionary and its values.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.base.digest import PREFIX

BLOCK_ROWS = 1024
_DOMAIN = b"awase-rows-1\n"
TEXT_COLUMNS = ("id", "text")
SPANS = "loss_spans"  # which code points of the text count in the loss: list<struct<start, end>>


def text_columns(schema: pa.Schema) -> tuple[str, ...]:
    """What the text digest covers: all that tokens and their loss mask are made of."""
    return (*TEXT_COLUMNS, SPANS) if SPANS in schema.names else TEXT_COLUMNS


@dataclass(frozen=True, slots=True)
class Blocks:
    """Block digests of a run of rows that begins at a block's first row."""

    schema: str
    rows: int
    digests: tuple[bytes, ...]


def join(parts: Sequence[Blocks]) -> str:
    """`sha256:<hex>` of the rows of all parts in order; ValueError where parts do not fit."""
    if not parts:
        raise ValueError("no rows, not even an empty part with a schema")
    total = hashlib.sha256(_DOMAIN)
    if any(part.schema != parts[0].schema for part in parts):
        raise ValueError("the parts have different columns")
    if any(part.rows % BLOCK_ROWS for part in parts[:-1]):
        raise ValueError(f"a part before the last does not end at a multiple of {BLOCK_ROWS} rows")
    total.update(parts[0].schema.encode())
    total.update(sum(part.rows for part in parts).to_bytes(8, "little"))
    for part in parts:
        for digest in part.digests:
            total.update(digest)
    return PREFIX + total.hexdigest()


class RowDigest:
    """Digests rows fed as batches or tables of one schema, in row order."""

    def __init__(self, schema: pa.Schema, columns: Sequence[str] | None = None) -> None:
        """Over `columns` (default: all of the schema)."""
        self.columns = sorted(schema.names if columns is None else columns)
        types = {name: _canonical_type(schema.field(name).type) for name in self.columns}
        self.schema = json.dumps(
            [[name, str(types[name])] for name in self.columns], ensure_ascii=False
        )
        self.rows = 0
        self._pending: list[pa.RecordBatch] = []
        self._waiting = 0
        self._digests: list[bytes] = []

    def feed(self, rows: pa.RecordBatch | pa.Table) -> None:
        batches = rows.select(self.columns)
        for batch in batches.to_batches() if isinstance(batches, pa.Table) else [batches]:
            start = 0
            while start < len(batch):
                take = min(BLOCK_ROWS - self._waiting, len(batch) - start)
                self._pending.append(batch.slice(start, take))
                self._waiting += take
                start += take
                if self._waiting == BLOCK_ROWS:
                    self._close()
        self.rows += len(batches)

    def _close(self) -> None:
        block = pa.Table.from_batches(self._pending)
        hasher = hashlib.sha256()
        for name in self.columns:
            for piece in _pieces(block.column(name)):
                hasher.update(piece)
        self._digests.append(hasher.digest())
        self._pending, self._waiting = [], 0

    def blocks(self) -> Blocks:
        """What was fed so far; nothing more may be fed."""
        if self._waiting:
            self._close()
        return Blocks(self.schema, self.rows, tuple(self._digests))

    def digest(self) -> str:
        return join([self.blocks()])


def digests(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> tuple[str, str]:
    """(digest, text digest) of all rows of `batches`."""
    logical, text = RowDigest(schema), RowDigest(schema, text_columns(schema))
    for batch in batches:
        logical.feed(batch)
        text.feed(batch)
    return logical.digest(), text.digest()


def _canonical_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _canonical_type(kind.value_type)
    if pa.types.is_string(kind) or pa.types.is_string_view(kind):
        return pa.large_string()
    if pa.types.is_binary(kind) or pa.types.is_binary_view(kind):
        return pa.large_binary()
    if pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        return pa.large_list(_canonical_type(kind.value_type))
    if pa.types.is_large_list(kind):
        return pa.large_list(_canonical_type(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([(f.name, _canonical_type(f.type)) for f in kind])
    return kind


def _pieces(values: Any) -> Iterable[Any]:
    """Bytes that two columns share if and only if they hold the same values."""
    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    wanted = _canonical_type(array.type)
    if array.type != wanted:
        array = array.cast(wanted)
    yield len(array).to_bytes(8, "little")
    valid = np.packbits(pc.is_valid(array).to_numpy(zero_copy_only=False))
    yield valid.tobytes()
    yield from _values(array, wanted)


def _values(array: Any, kind: pa.DataType) -> Iterable[Any]:
    if pa.types.is_null(kind):
        return
    if pa.types.is_large_string(kind) or pa.types.is_large_binary(kind):
        empty: str | bytes = "" if pa.types.is_large_string(kind) else b""
        full = array.fill_null(empty) if array.null_count else array
        offsets = np.frombuffer(full.buffers()[1], np.int64) if len(full) else np.zeros(1, np.int64)
        offsets = offsets[full.offset : full.offset + len(full) + 1]
        yield np.diff(offsets).tobytes()
        if full.buffers()[2] is not None:
            yield memoryview(full.buffers()[2])[int(offsets[0]) : int(offsets[-1])]
    elif pa.types.is_large_list(kind):
        yield pc.fill_null(pc.list_value_length(array), 0).cast(pa.int64()).to_numpy().tobytes()
        yield from _pieces(array.flatten())
    elif pa.types.is_struct(kind):
        for item in array.flatten():
            yield from _pieces(item)
    elif pa.types.is_boolean(kind):
        full = array.fill_null(False) if array.null_count else array
        yield np.packbits(full.to_numpy(zero_copy_only=False)).tobytes()
    else:
        yield _fixed_width(array, kind)


def _fixed_width(array: Any, kind: pa.DataType) -> bytes:
    """Little-endian values of a fixed-width type, nulls as zero bytes."""
    width = kind.bit_width // 8
    if array.buffers()[1] is None or not len(array):
        return b""
    data = np.frombuffer(array.buffers()[1], np.uint8)
    data = data[array.offset * width : (array.offset + len(array)) * width].reshape(-1, width)
    if array.null_count:
        valid = pc.is_valid(array).to_numpy(zero_copy_only=False)
        data = np.where(valid[:, None], data, np.uint8(0))
    return data.tobytes()
