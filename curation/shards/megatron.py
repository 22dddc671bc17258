"""Megatron-LM's indexed datasets (.bin and .idx): read, and written from a token set.

    .bin    the tokens of all sequences, joined, little-endian
    .idx    "MMIDIDX" 00 00 | version uint64 = 1 | dtype code uint8 | sequences uint64 |
            documents + 1 uint64 | lengths int32 [sequences] | byte offsets int64 [sequences] |
            first sequence of each document int64 [documents + 1] | modes int8 [sequences], optional

All little-endian. Source of the format: megatron/core/datasets/indexed_dataset.py (_IndexWriter,
_IndexReader, DType). A document may be several sequences; here it is one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awase_client.engine.tokensets import TokenSetManifest, TokenSetReader
from curation.base.errors import IntegrityError, NotFound, UsageError
from curation.base.store import Store, atomic_file

MAGIC = b"MMIDIDX\x00\x00"
DTYPES = {1: "u1", 2: "i1", 3: "<i2", 4: "<i4", 5: "<i8", 8: "<u2"}
CODES = {np.dtype(name): code for code, name in DTYPES.items()}
_HEAD = struct.Struct("<9sQBQQ")
CHUNK_TOKENS = 1 << 22


@dataclass(frozen=True, slots=True)
class Megatron:
    """An indexed dataset, mapped.

    tokens  every token of the .bin file; documents [n + 1] int64: where each document begins in it
    """

    path: Path
    tokens: NDArray[Any]
    documents: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.documents) - 1

    def document(self, index: int) -> NDArray[Any]:
        """Tokens of one document, a read-only view."""
        start, end = self.documents[index : index + 2]
        return self.tokens[start:end]

    @classmethod
    def open(cls, path: Path) -> Megatron:
        """Open `path` (PREFIX, PREFIX.bin or PREFIX.idx).

        NotFound without both files; IntegrityError where they contradict each other; UsageError
        for tokens that are no integers or sequences that do not lie one behind the other.
        """
        prefix = path.with_suffix("") if path.suffix in (".bin", ".idx") else path
        bin_path, idx_path = _paths(prefix)
        for file in (bin_path, idx_path):
            if not file.is_file():
                raise NotFound(f"there is no {file}: a Megatron dataset is a .bin and an .idx file")
        dtype, lengths, offsets, documents = _read_index(idx_path)
        size = bin_path.stat().st_size
        ends = np.cumsum(lengths, dtype=np.int64)
        starts = ends - lengths
        if not np.array_equal(offsets, starts * dtype.itemsize):
            raise UsageError(f"{idx_path}: sequences do not lie one behind the other in the .bin")
        total = int(ends[-1]) if len(ends) else 0
        if size != total * dtype.itemsize:
            raise IntegrityError(
                f"{bin_path} has {size} bytes, its index says {total} tokens of {dtype.itemsize}"
            )
        edges = np.concatenate([starts, [total]])
        tokens = np.memmap(bin_path, dtype, "r") if total else np.empty(0, dtype)
        return cls(bin_path, tokens, edges[documents])


def _paths(prefix: Path) -> tuple[Path, Path]:
    return prefix.with_name(f"{prefix.name}.bin"), prefix.with_name(f"{prefix.name}.idx")


def _read_index(
    path: Path,
) -> tuple[np.dtype[Any], NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """(dtype, lengths, byte offsets, documents) of an .idx file, checked against its size."""
    data = path.read_bytes()
    if len(data) < _HEAD.size:
        raise IntegrityError(f"{path} has {len(data)} bytes, a header alone has {_HEAD.size}")
    magic, version, code, count, edges = _HEAD.unpack_from(data)
    if magic != MAGIC or version != 1:
        raise UsageError(f"{path} is no Megatron index of version 1")
    if code not in DTYPES:
        raise UsageError(f"{path}: tokens of dtype code {code} are no integers")
    need = _HEAD.size + 12 * count + 8 * edges
    if len(data) not in (need, need + count) or edges < 1:
        raise IntegrityError(f"{path} has {len(data)} bytes, its header says {need}")
    at = _HEAD.size
    lengths = np.frombuffer(data, "<i4", count, at)
    offsets = np.frombuffer(data, "<i8", count, at + 4 * count)
    documents = np.frombuffer(data, "<i8", edges, at + 12 * count)
    steps = np.diff(documents)
    if documents[0] != 0 or documents[-1] != count or (steps < 0).any() or (lengths < 0).any():
        raise IntegrityError(f"{path}: documents do not divide its {count} sequences")
    return np.dtype(DTYPES[code]), lengths, offsets, documents


def export(
    store: Store, token_set: TokenSetManifest, prefix: Path, *, append_eos: bool = True
) -> tuple[Path, Path]:
    """Write a token set as PREFIX.bin and PREFIX.idx; documents without tokens are left out.

    append_eos: end each document with the tokenizer's eos, as Megatron's own preprocessing does
    with --append-eod; UsageError where the tokenizer has none. uint32 becomes int32, which is what
    Megatron takes for large vocabularies.
    """
    eos = token_set.eos if append_eos else None
    if append_eos and eos is None:
        raise UsageError(f"tokenizer {token_set.tokenizer_digest} has no eos to end documents with")
    dtype = np.dtype("<u2" if token_set.dtype == "uint16" else "<i4")
    bin_path, idx_path = _paths(prefix)
    lengths: list[NDArray[np.int64]] = []
    with atomic_file(bin_path) as file:
        for tokens, offsets in _documents(store, token_set):
            sizes = np.diff(offsets)
            sizes = sizes[sizes > 0]
            if eos is not None:
                ends = np.cumsum(sizes)
                tokens = np.insert(tokens, ends, eos)
                sizes = sizes + 1
            file.write(np.ascontiguousarray(tokens, dtype).tobytes())
            lengths.append(sizes)
    write_index(idx_path, dtype, np.concatenate([np.empty(0, np.int64), *lengths]))
    return bin_path, idx_path


def write_index(path: Path, dtype: np.dtype[Any], lengths: NDArray[np.int64]) -> None:
    """Write the .idx of documents of one sequence each; UsageError past 2**31 - 1 tokens in one."""
    if len(lengths) and int(lengths.max()) > 2**31 - 1:
        raise UsageError(
            f"{path}: a document of {int(lengths.max())} tokens is too long for an .idx"
        )
    with atomic_file(path) as file:
        file.write(_HEAD.pack(MAGIC, 1, CODES[dtype], len(lengths), len(lengths) + 1))
        file.write(lengths.astype("<i4").tobytes())
        file.write(((np.cumsum(lengths) - lengths) * dtype.itemsize).astype("<i8").tobytes())
        file.write(np.arange(len(lengths) + 1, dtype="<i8").tobytes())


def _documents(
    store: Store, token_set: TokenSetManifest
) -> Iterator[tuple[NDArray[Any], NDArray[np.int64]]]:
    """(tokens, offsets from 0) of runs of documents of about CHUNK_TOKENS tokens."""
    reader = TokenSetReader(store.root, token_set)
    for index, part in enumerate(token_set.parts):
        offsets = reader.offsets(index)
        tokens = reader.part_tokens(index)
        first = 0
        while first < part.rows:
            reach = int(offsets[first]) + CHUNK_TOKENS
            end = max(first + 1, int(np.searchsorted(offsets, reach, "right")) - 1)
            run = np.asarray(offsets[first : end + 1])
            yield tokens[run[0] : run[-1]], run - run[0]
            first = end


def strip_final(
    documents: Iterable[NDArray[Any]], eos: int | None
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Documents joined (tokens, offsets), each without the eos it ends with.

    Token sets hold no separators.
    """
    kept = [d[:-1] if eos is not None and len(d) and int(d[-1]) == eos else d for d in documents]
    offsets = np.concatenate([[0], np.cumsum([len(document) for document in kept])])
    tokens = np.concatenate(kept) if kept else np.empty(0, np.int64)
    return tokens, offsets.astype(np.int64)
