"""In process: the engine, with boundaries and source ids, against 25 lines of numpy.

The reference reads sequences packed offline and computes neither order nor boundaries; the engine
reads documents where they lie, orders, shuffles, verifies and reports boundaries and sources. Both
hand out batches of 8, and both streams have the same bytes, which a third path confirms.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from awase_client.engine.reader import Engine
from benchmarks._stream_data import SEQUENCES, Small, located, small
from benchmarks._table import RUNS, Measured, Table
from benchmarks._tokenstore import LENGTH

BATCH = 8
WARM_BATCHES = 250
BLOCK = 256  # sequences a call of the engine; batches are views of it


class Reference:
    """The numpy lines: one memory map a source, one fancy index a source and batch."""

    def __init__(self, data: Small) -> None:
        self.data = [np.memmap(p, np.uint16, "r").reshape(-1, LENGTH) for p in data.packed]
        self.source, self.row = located(data)

    def batches(self, dtype: DTypeLike) -> Iterator[NDArray[Any]]:
        """[8, 2048] of `dtype`, in the order of the plan."""
        for i in range(0, SEQUENCES, BATCH):
            source, row = self.source[i : i + BATCH], self.row[i : i + BATCH]
            out = np.empty((len(row), LENGTH), dtype)
            for s, data in enumerate(self.data):
                mine = np.flatnonzero(source == s)
                out[mine] = data[row[mine]]
            yield out


def engine_batches(engine: Engine, dtype: DTypeLike) -> Iterator[NDArray[Any]]:
    """The same from the engine."""
    for first in range(0, SEQUENCES, BLOCK):
        count = min(BLOCK, SEQUENCES - first)
        block = engine.read(first, count, sections=("sources", "cu_seqlens"))
        for k in range(0, count, BATCH):
            batch = block.tokens[k : k + BATCH]
            yield batch if batch.dtype == dtype else batch.astype(dtype)


def rate(batches: Iterator[NDArray[Any]]) -> float:
    """M tokens/s after the warm-up."""
    for _ in range(WARM_BATCHES):
        next(batches)
    started, tokens = time.perf_counter(), 0
    for batch in batches:
        tokens += batch.size
    return tokens / (time.perf_counter() - started) / 1e6


def digest(batches: Iterator[NDArray[Any]]) -> str:
    state = hashlib.sha256()
    for batch in batches:
        state.update(np.ascontiguousarray(batch, "<u2").data)
    return state.hexdigest()


def reference_digest(data: Small) -> str:
    """By a third path: bytes read from the packed files one sequence at a time."""
    state = hashlib.sha256()
    files = [path.read_bytes() for path in data.packed]
    size = 2 * LENGTH
    for s, q in zip(*(values.tolist() for values in located(data)), strict=True):
        state.update(files[s][size * q : size * q + size])
    return state.hexdigest()


def pair(data: Small, dtype: DTypeLike) -> tuple[Measured, Measured]:
    """(engine, numpy), run in turn so that a busy machine slows both; the engine new each time."""
    ours, theirs = [], []
    for _ in range(RUNS):
        theirs.append(rate(Reference(data).batches(dtype)))
        engine = Engine.open(data.root, data.plan, numba=True)
        ours.append(rate(engine_batches(engine, dtype)))
    return Measured(tuple(ours)), Measured(tuple(theirs))


def in_process(table: Table, case: str = "in-process", dtype: DTypeLike = np.uint16) -> None:
    data = small()
    Engine.open(data.root, data.plan, numba=True).read(0, BATCH)  # compile, or load the cache
    want = reference_digest(data)
    engine = Engine.open(data.root, data.plan, numba=True)
    found = [digest(engine_batches(engine, np.uint16)), digest(Reference(data).batches(np.uint16))]
    ours, theirs = pair(data, dtype)
    table.add(
        case,
        "M tokens/s",
        ours,
        peer="numpy, 25 lines",
        peer_value=theirs,
        differences=sum(value != want for value in found),
        target=">= 1.5x",
        notes=f"{np.dtype(dtype)} out, new engine each run, blocks verified as they are touched",
    )


def in_process_int64(table: Table) -> None:
    """The same as a trainer's embedding wants it: int64, converted batch by batch on both sides."""
    in_process(table, "in-process-int64", np.int64)


CASES: dict[str, Callable[[Table], None]] = {
    "in-process": in_process,
    "in-process-int64": in_process_int64,
}
