"""Sequences -> one buffer: numba where it is worth loading, numpy otherwise, the same bytes.

Two steps. `touch` finds what the sequences need that is not mapped or not verified yet, and the
shelf provides it; in a stream that has run for a while there is nothing. It leaves a list of moves,
which `gather` carries out: each segment is copied once, with no Python per sequence.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awase_client.engine.files import BLOCK_SHIFT, HEADER_BYTES
from awase_client.engine.shelf import OPEN, Int64, Shelf, Tables, distinct
from awase_client.engine.views import POINTER, SEGMENT

MAX_WISHES = 8192
MOVE = 6  # columns of a move: gather_kernels
KEPT_MOVES = 1 << 16  # 3 MiB a thread
_NO_STARTS = np.empty(0, np.int32)
_NO_LOSS = np.empty(0, np.uint8)


@dataclass(frozen=True, slots=True)
class Request:
    """Sequences to read: source [n] int32, sequence [n] int64, and what to do with them.

    out     [n, width], filled with ids; C-contiguous, of the plan's dtype
    starts  whether the starts of documents and padding are wanted
    loss    [n, width] uint8 to fill, or None; masked: stored masks decide, else every id counts
    """

    source: NDArray[np.int32]
    sequence: Int64
    out: NDArray[Any]
    starts: bool
    loss: NDArray[np.uint8] | None
    masked: bool


def fill(shelf: Shelf, request: Request, *, pad: int, compiled: Any) -> NDArray[np.int32] | None:
    """Fill `request.out` and `request.loss`; returns the starts in ascending order where wanted.

    compiled: the module gather_kernels, or None for numpy. Raises CorruptStore before any id of a
    damaged block is copied.
    """
    shelf.tick += 1
    tick = shelf.tick
    while True:
        starts, tables = _filled(shelf, request, pad=pad, compiled=compiled)
        changed = shelf.changed(tables, tick)
        if not changed:
            return starts
        shelf.renew(changed)  # an error, or the same bytes in a file touched meanwhile: read again


def _filled(
    shelf: Shelf, request: Request, *, pad: int, compiled: Any
) -> tuple[NDArray[np.int32] | None, Tables]:
    tables = shelf.ready(request.source)
    sources = distinct(request.source)
    if changed := shelf.changed_views(tables, sources):
        shelf.renew(changed)
        tables = shelf.tables
    if compiled is None:
        numpy = _Numpy(shelf, tables, request)
        return numpy.fill(pad), numpy.tables
    tables, moves = _touched(shelf, tables, request, sources, compiled)
    starts = np.empty(len(moves), np.int32) if request.starts else _NO_STARTS
    loss = _NO_LOSS if request.loss is None else request.loss.reshape(-1)
    compiled.gather(moves, shelf.bos, shelf.eos, pad, request.out.reshape(-1), starts, loss)
    return (starts if request.starts else None), tables


class _Scratch(threading.local):
    """Arrays of one thread, kept from one request to the next: fresh pages cost as much as use."""

    def __init__(self) -> None:
        self.wishes = np.empty((MAX_WISHES, 2), np.int64)
        self.moves = np.empty((0, MOVE), np.int64)


_scratch = _Scratch()


def _touched(
    shelf: Shelf, tables: Tables, request: Request, sources: NDArray[Any], compiled: Any
) -> tuple[Tables, Int64]:
    """Tables in which all that the request reads is mapped and verified, and its moves [m, MOVE].

    The moves are addresses in maps that the tables keep, and may lie in this thread's scratch until
    its next request.
    """
    tick, moves = shelf.tick, _scratch.moves
    while True:
        count, total = compiled.touch(
            request.source,
            request.sequence,
            request.out.shape[1],
            request.out.itemsize,
            request.masked and request.loss is not None,
            tables.sources,
            tables.files,
            tables.parts,
            shelf.tick,
            tables.used,
            _scratch.wishes,
            moves,
        )
        if total < 0:
            k = -1 - total
            raise shelf.corrupt(int(request.source[k]), int(request.sequence[k]))
        if count:
            tables = shelf.serve(_scratch.wishes[:count])
        elif changed := shelf.changed(tables, tick, but=sources):
            shelf.renew(changed)
            tables = shelf.tables
        elif total > len(moves):
            moves = np.empty((total + total // 4, MOVE), np.int64)
            if len(moves) <= KEPT_MOVES:
                _scratch.moves = moves
        else:
            return tables, moves[:total]


class _Numpy:
    """The same in numpy: arrays over all segments of a request, a loop over its files only."""

    def __init__(self, shelf: Shelf, tables: Tables, request: Request) -> None:
        self.shelf, self.tables, self.request = shelf, tables, request

    def fill(self, pad: int) -> NDArray[np.int32] | None:
        request, shelf = self.request, self.shelf
        width = request.out.shape[1]
        owner, segments = self._segments()
        source = request.source[owner]
        length, stored = segments["length"].astype(np.int64), segments["tokens"].astype(np.int64)
        # Where each segment begins in the flattened output, and where each sequence's ids end.
        before = np.cumsum(length) - length
        heads = np.searchsorted(owner, np.arange(len(request.out)))
        used = np.bincount(owner, weights=length, minlength=len(request.out)).astype(np.int64)
        begin = owner * width + before - before[np.minimum(heads, len(before) - 1)][owner]
        has_bos = (segments["start"] == 0) & (shelf.bos[source] >= 0)
        has_eos = length > stored + has_bos
        self._refuse(used > width, stored > length, owner)
        out = request.out.reshape(-1)
        loss = None if request.loss is None else request.loss.reshape(-1)
        lead = begin + has_bos
        self._copy(source, segments["at"], stored, lead, out, loss)
        out[begin[has_bos]] = shelf.bos[source[has_bos]]
        ends = begin + length - 1
        out[ends[has_eos]] = shelf.eos[source[has_eos]]
        if loss is not None:
            self._separators(source, segments["at"] + stored - 1, begin, has_bos, ends, has_eos)
        short = np.flatnonzero(used < width)
        holes = _ranges(short * width + used[short], width - used[short])
        out[holes] = pad
        if loss is not None:
            loss[holes] = 0
        if not request.starts:
            return None
        return np.sort(np.concatenate([begin, short * width + used[short]])).astype(np.int32)

    def _segments(self) -> tuple[Int64, NDArray[Any]]:
        """(request index [m], SEGMENT [m]) of all segments, in the order of the request."""
        request, tables = self.request, self.tables
        n = len(request.out)
        first, count = np.empty(n, np.int64), np.empty(n, np.int64)
        groups = {s: np.flatnonzero(request.source == s) for s in distinct(request.source).tolist()}
        for s, group in groups.items():
            q = request.sequence[group]
            start = HEADER_BYTES + 8 * q
            ptr = self._bytes(int(tables.sources[s, 0]), start, start + 16)[HEADER_BYTES:]
            ptr = ptr[: len(ptr) & ~7].view(POINTER)
            first[group], count[group] = ptr[q], ptr[q + 1] - ptr[q]
        bad = (first < 0) | (count < 0) | (first + count > tables.sources[request.source, 2])
        self._refuse(bad, bad[:0], np.arange(n))
        owner = np.repeat(np.arange(n), count)
        segments = np.empty(len(owner), SEGMENT)
        place = np.cumsum(count) - count
        for s, group in groups.items():
            low = HEADER_BYTES + SEGMENT.itemsize * first[group]
            high = low + SEGMENT.itemsize * count[group]
            data = self._bytes(int(tables.sources[s, 0]) + 1, low, high)[HEADER_BYTES:].view(
                SEGMENT
            )
            segments[_ranges(place[group], count[group])] = data[
                _ranges(first[group], count[group])
            ]
        return owner, segments

    def _copy(
        self,
        source: NDArray[np.int32],
        at: Int64,
        stored: Int64,
        lead: Int64,
        out: NDArray[Any],
        loss: NDArray[np.uint8] | None,
    ) -> None:
        """Copy stored tokens, and the masks of their loss, a part at a time."""
        some = np.flatnonzero(stored)
        part, inside = self._place(source[some], at[some], stored[some])
        for p in distinct(part).tolist():
            mine = np.flatnonzero(part == p)
            which = some[mine]
            low, size = inside[mine], stored[which]
            item = out.itemsize
            tokens = self._bytes(int(self.tables.parts[p, 2]), low * item, (low + size) * item)
            goes, comes = _ranges(lead[which], size), _ranges(low, size)
            out[goes] = tokens.view(out.dtype.newbyteorder("<"))[comes]
            if loss is not None:
                mask = self._mask(p, low, low + size)
                loss[goes] = 1 if mask is None else mask[comes]

    def _separators(
        self,
        source: NDArray[np.int32],
        last: Int64,
        begin: Int64,
        has_bos: NDArray[np.bool_],
        ends: Int64,
        has_eos: NDArray[np.bool_],
    ) -> None:
        """Loss of separators: with masks a bos does not count, an eos as the token before it."""
        assert self.request.loss is not None
        loss = self.request.loss.reshape(-1)
        part, inside = self._place(source, last, np.zeros(len(source), np.int64))
        for p in distinct(part).tolist():
            mine = part == p
            eos, bos = mine & has_eos, mine & has_bos
            mask = self._mask(p, inside[eos], inside[eos] + 1)
            loss[begin[bos]] = mask is None
            loss[ends[eos]] = 1 if mask is None else mask[inside[eos]]

    def _place(self, source: NDArray[np.int32], at: Int64, stored: Int64) -> tuple[Int64, Int64]:
        """(part, index inside it) of token addresses; `stored` tokens must fit from there."""
        tables = self.tables
        part, inside = np.empty(len(at), np.int64), np.empty(len(at), np.int64)
        for s in distinct(source).tolist():
            mine = np.flatnonzero(source == s)
            first, count = tables.sources[s, 3:5].tolist()
            own = tables.parts[first : first + count]
            found = np.maximum(np.searchsorted(own[:, 0], at[mine], "right") - 1, 0)
            part[mine], inside[mine] = first + found, at[mine] - own[found, 0]
            over = (stored[mine] > 0) & (
                (inside[mine] < 0) | (inside[mine] + stored[mine] > own[found, 1])
            )
            if over.any():
                raise self.shelf.corrupt(s, int(self.request.sequence[self.request.source == s][0]))
        return part, inside

    def _mask(self, part: int, low: Int64, high: Int64) -> NDArray[np.uint8] | None:
        file = int(self.tables.parts[part, 3])
        if file < 0 or not self.request.masked:
            return None
        return self._bytes(file, low, high)

    def _bytes(self, file: int, low: Int64, high: Int64) -> NDArray[np.uint8]:
        """All bytes of a file, of which those from low[k] to high[k] are verified."""
        held = self.tables.maps[file]
        if held is None or not held.map.same():
            self.tables = self.shelf.serve(np.array([[file, OPEN]]))
        checked = self.tables.maps[file]
        assert checked is not None, "serve maps what is wished for"
        self.tables.used[file] = self.shelf.tick
        some = low < high
        first, last = low[some] >> BLOCK_SHIFT, (high[some] - 1) >> BLOCK_SHIFT
        blocks = first if np.array_equal(first, last) else _ranges(first, last + 1 - first)
        for block in blocks[checked.verified[blocks] == 0].tolist():
            if not checked.verified[block]:
                self.shelf.check(file, checked, block)
        return checked.map.bytes()

    def _refuse(
        self, bad: NDArray[np.bool_], bad_segments: NDArray[np.bool_], owner: Int64
    ) -> None:
        for k in (*np.flatnonzero(bad), *owner[: len(bad_segments)][bad_segments]):
            raise self.shelf.corrupt(int(self.request.source[k]), int(self.request.sequence[k]))


def _ranges(start: Int64, length: Int64) -> Int64:
    """start[0], start[0] + 1, .. (length[0] of them), start[1], ...: int64 [sum of length]."""
    total = int(length.sum())
    ends = np.cumsum(length)
    out = np.repeat(start - (ends - length), length)
    out += np.arange(total, dtype=np.int64)
    return out
