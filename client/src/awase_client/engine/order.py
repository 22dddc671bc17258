"""The order of a blend: position -> (source, epoch, sequence), pure, integers only, O(depth).

A position is a slot once the plan's omitted slots are counted in; the slot lies in one stage; the
stage's tree (tree.py: method, proof of the error, exactness) gives the source and how many of the
stage's earlier slots came from it; with the source's draws before the stage that makes its draw.
Draw d of a source with n sequences is epoch d // n, and the sequence that shuffle.py puts at
index d % n of that epoch. Nothing is as long as the stream, and nothing is remembered between calls
but trees and round keys that could be computed again.
"""

from __future__ import annotations

import importlib.util
import os
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from awase_client.engine.plan import Plan
from awase_client.engine.shuffle import half_bits, inverse, permute_rows, round_keys
from awase_client.engine.tree import Tree, descend

Int64 = NDArray[np.int64]
Located = tuple[NDArray[np.int32], Int64, Int64]

# Trees of a ramp over 10,000 sources are 64 x 0.4 MB; this many nodes stay in memory at most.
MAX_CACHED_NODES = 2**20
# numba takes about 0.4 s to load: a process that only looks something up is done before that.
NUMPY_POSITIONS = 4096


class Order:
    """Positions of one plan, resolved; safe to share between threads.

    numba: True or False force or forbid the compiled loops (same results); None takes them where
    numba is importable, AWASE_NUMBA is not 0 and more than a few thousand positions were asked for.
    """

    def __init__(self, plan: Plan, *, numba: bool | None = None) -> None:
        self.plan = plan
        self.total = plan.total
        self._numba = numba
        self._asked = 0
        self._untils = [stage.until for stage in plan.stages]
        # Delivered position of each omitted interval, and slots omitted up to and including it.
        omitted, gaps, shifts = 0, [], [0]
        for first, to in plan.omit:
            gaps.append(first - omitted)
            omitted += to - first
            shifts.append(omitted)
        self._gaps = np.array(gaps, dtype=np.int64)
        self._shifts = np.array(shifts, dtype=np.int64)
        self._trees: OrderedDict[int, Tree] = OrderedDict()
        self._cached_nodes = 0
        self._lock = threading.Lock()
        self._base = self._bases()
        self._sequences = np.array([source.sequences for source in plan.sources], dtype=np.int64)
        bits = [half_bits(max(1, source.sequences)) for source in plan.sources]
        self._bits = np.array(bits, dtype=np.uint64)
        sources = len(plan.sources)
        # The last epoch seen of each source and its round keys; replaced, never written to.
        self._known = (np.full(sources, -1, np.int64), np.zeros((sources, 8), np.uint32))

    def resolve(self, positions: ArrayLike) -> tuple[NDArray[np.int32], Int64]:
        """(source int32[n], draw int64[n]) of int64 positions [n] in any order.

        draw counts how often the source was drawn before, over all stages. ValueError where a
        position is not within 0..total-1.
        """
        slots = self._slots(positions)
        return self._resolve(slots, self._compiled(slots.size))

    def locate(self, positions: ArrayLike) -> Located:
        """(source int32[n], epoch int64[n], sequence int64[n]) of int64 positions [n].

        sequence is the index in the source's view. ValueError outside 0..total-1.
        """
        slots = self._slots(positions)
        compiled = self._compiled(slots.size)
        source, draw = self._resolve(slots, compiled)
        if compiled is None:
            count = self._sequences[source]
            epoch = draw // count
            return source, epoch, self._shuffle(source, epoch, draw - epoch * count, None)
        epoch, sequence = np.empty_like(draw), np.empty_like(draw)
        known, keys = self._known
        missing = compiled.shuffle(
            source, draw, self._sequences, self._bits, known, keys, epoch, sequence
        )
        if missing:
            rest = np.flatnonzero(sequence < 0)
            index = -1 - sequence[rest]
            sequence[rest] = self._shuffle(source[rest], epoch[rest], index, compiled)
        return source, epoch, sequence

    def counts(self, position: int) -> Int64:
        """[sources] int64: draws of each source before `position` (0..total), skipped ones too."""
        if not 0 <= position <= self.total:
            raise ValueError(f"position {position} is outside 0..{self.total}")
        slot = position + int(self._shifts[np.searchsorted(self._gaps, position, side="right")])
        stage = bisect_right(self._untils, slot)
        out: Int64 = self._base[stage].copy()
        if stage < len(self._untils):
            out += self._drawn(stage, slot)
        return out

    def positions(self, source: int, sequence: int) -> Int64:
        """Ascending int64: every position that delivers `sequence` of `source`, over all epochs."""
        count = self.plan.sources[source].sequences
        if not 0 <= sequence < count:
            raise ValueError(f"{self.plan.sources[source].path} has no sequence {sequence}")
        found: list[int] = []
        drawn = int(self._base[-1][source])
        for epoch in range(-(-drawn // count)):
            key = round_keys(self.plan.seed, self.plan.sources[source].path, epoch)
            index = inverse(np.array([sequence]), n=count, key=key)
            draw = epoch * count + int(index[0])
            if draw < drawn:
                position = self._position(self._slot(source, draw))
                if position is not None:
                    found.append(position)
        return np.array(found, dtype=np.int64)

    # Slots and stages.
    def _slots(self, positions: ArrayLike) -> Int64:
        out = np.ascontiguousarray(positions, dtype=np.int64)
        if out.ndim != 1:
            raise ValueError(f"positions are a vector, not of shape {out.shape}")
        if out.size:
            low, high = int(out.min()), int(out.max())
            if low < 0 or high >= self.total:
                raise ValueError(
                    f"positions {low}..{high} are outside 0..{self.total - 1} of {self.plan.digest}"
                )
        if self._gaps.size:
            out = out + self._shifts[np.searchsorted(self._gaps, out, side="right")]
        return out

    def _position(self, slot: int) -> int | None:
        """The position that delivers `slot`; None where it is omitted."""
        omitted = 0
        for first, to in self.plan.omit:
            if slot < first:
                break
            if slot < to:
                return None
            omitted += to - first
        return slot - omitted

    def _resolve(self, slots: Int64, compiled: Any) -> tuple[NDArray[np.int32], Int64]:
        source = np.empty(slots.size, dtype=np.int32)
        draw = np.empty(slots.size, dtype=np.int64)
        if (slots[1:] < slots[:-1]).any():
            order = np.argsort(slots)
            source[order], draw[order] = self._resolve(slots[order], compiled)
            return source, draw
        for stage, part in self._by_stage(slots):
            tree, base = self._tree(stage), self._base[stage]
            items = slots[part] - self.plan.stages[stage].start
            if compiled is None:
                source[part], own = descend(tree, items)
                draw[part] = base[source[part]] + own
            else:
                compiled.descend(items, tree.root, *tree.arrays, base, source[part], draw[part])
        return source, draw

    def _by_stage(self, slots: Int64) -> Iterator[tuple[int, slice]]:
        """(stage, the part of ascending `slots` it governs) for each stage they touch."""
        first = 0
        while first < slots.size:
            stage = bisect_right(self._untils, int(slots[first]))
            last = int(np.searchsorted(slots, self._untils[stage]))
            yield stage, slice(first, last)
            first = last

    def _bases(self) -> Int64:
        """[stages + 1, sources] int64: draws before each stage; a cut one gave its first slots."""
        stages = self.plan.stages
        base = np.zeros((len(stages) + 1, len(self.plan.sources)), dtype=np.int64)
        for index, stage in enumerate(stages):
            whole = int(stage.counts.sum()) == stage.slots
            base[index + 1] = stage.counts if whole else self._drawn(index, stage.until)
        return np.cumsum(base, axis=0, dtype=np.int64)

    def _drawn(self, stage: int, slot: int) -> Int64:
        items = slot - self.plan.stages[stage].start
        return self._tree(stage).prefix(items, len(self.plan.sources))

    def _slot(self, source: int, draw: int) -> int:
        """The slot of a source's draw: the descent backwards, with Python's integers."""
        stage = int(np.searchsorted(self._base[:, source], draw, side="right")) - 1
        tree = self._tree(stage)
        item = draw - int(self._base[stage, source])
        for node, is_left in tree.paths()[source]:
            a, w = int(tree.share[node]), int(tree.weight[node])
            # The m with q(m) = item that goes left, or with m - q(m) = item that goes right.
            up = w * (2 * item + 1)
            item = -(-up // (2 * a)) - 1 if is_left else up // (2 * (w - a))
        return self.plan.stages[stage].start + item

    def _tree(self, stage: int) -> Tree:
        with self._lock:
            found = self._trees.get(stage)
            if found is not None:
                self._trees.move_to_end(stage)
                return found
        of = self.plan.stages[stage]
        tree = Tree.build(self.plan.trees[of.tree], of.counts.tolist())
        with self._lock:
            if stage not in self._trees:
                self._trees[stage] = tree
                self._cached_nodes += tree.left.size
                while self._cached_nodes > MAX_CACHED_NODES and len(self._trees) > 2:
                    self._cached_nodes -= self._trees.popitem(last=False)[1].left.size
        return tree

    # Shuffle.
    def _shuffle(
        self, source: NDArray[np.int32], epoch: Int64, index: Int64, compiled: Any
    ) -> Int64:
        """Permute each index within its source and epoch, and remember the last epochs' keys."""
        order = np.lexsort((epoch, source))
        first = np.ones(order.size, dtype=bool)
        first[1:] = (np.diff(source[order]) != 0) | (np.diff(epoch[order]) != 0)
        rows = np.empty(order.size, dtype=np.int64)
        rows[order] = np.cumsum(first) - 1
        heads = order[first]
        which, when = source[heads], epoch[heads]
        paths = [self.plan.sources[s].path for s in which]
        keys = np.empty((heads.size, 8), dtype=np.uint32)
        for row, (path, e) in enumerate(zip(paths, when.tolist(), strict=True)):
            keys[row] = round_keys(self.plan.seed, path, e)
        if compiled is None:
            return permute_rows(index, rows, n=self._sequences[which], keys=keys)
        out = np.empty_like(index)
        compiled.permute_rows(index, rows, self._sequences[which], self._bits[which], keys, out)
        known, table = self._known[0].copy(), self._known[1].copy()
        known[which], table[which] = when, keys
        self._known = (known, table)
        return out

    def _compiled(self, count: int) -> Any:
        """The numba kernels, or None for the numpy path."""
        if self._numba is None:
            if self._asked <= NUMPY_POSITIONS:
                self._asked += count
                return None
            self._numba = numba_available()
        return compiled() if self._numba else None


def numba_available() -> bool:
    """Whether numba can be imported here and AWASE_NUMBA=0 does not forbid it."""
    if os.environ.get("AWASE_NUMBA", "1") == "0":
        return False
    return importlib.util.find_spec("numba") is not None


def compiled() -> Any:
    """The module of compiled kernels; imports numba on first use."""
    from awase_client.engine import kernels

    return kernels
