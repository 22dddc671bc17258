"""The engine: positions of a plan -> tokens, in the trainer's process or behind the server.

    engine = Engine.open("awase-store", "sha256:...")
    block = engine.read(first=0, count=512, sections=("sources", "cu_seqlens"))

Nothing is written and nothing remembered but open maps, verified blocks and keys: a block is a
function of (plan, split, positions) alone. An engine may be shared by threads.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awase_client.engine.block import MAX_SLOTS_A_BLOCK, Block
from awase_client.engine.documents import plan_bytes
from awase_client.engine.gather import Request, fill
from awase_client.engine.order import NUMPY_POSITIONS, Order, numba_available
from awase_client.engine.plan import Plan
from awase_client.engine.shelf import MAX_FILES, Int64, Shelf
from awase_client.engine.views import SPLITS, Split, ViewReader

SECTIONS = ("sources", "cu_seqlens", "loss_mask")


@dataclass(frozen=True, slots=True)
class Span:
    """Ids start .. start + length - 1 of the document in `row` ([bos] + tokens + [eos])."""

    row: int
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Described:
    """What one position holds. `epoch` is 0 in the hold-out split, which is never shuffled."""

    position: int
    split: Split
    source: str
    dataset: str
    version: str
    epoch: int
    sequence: int
    documents: tuple[Span, ...]


class Engine:
    """Reads sequences of one plan; see the module."""

    def __init__(
        self,
        root: Path,
        plan: Plan,
        *,
        numba: bool | None = None,
        max_files: int = MAX_FILES,
    ) -> None:
        """numba: as for Order; max_files bounds the files mapped at a time, per split."""
        self.root, self.plan = root, plan
        self.order = Order(plan, numba=numba)
        self._numba, self._asked = numba, 0
        self._shelves = {name: Shelf(root, plan, name, max_files=max_files) for name in SPLITS}
        held = [0, *(source.holdout_sequences for source in plan.sources)]
        self._held = np.cumsum(np.array(held, np.int64))

    @classmethod
    def open(cls, store: str | Path, plan: str, **options: Any) -> Engine:
        """The engine of plan `sha256:<hex>` in the store at a path; opens no other file yet.

        FileNotFoundError without the plan, CorruptStore if it is damaged.
        """
        root = Path(store)
        return cls(root, Plan.from_bytes(plan_bytes(root, plan)), **options)

    def total(self, split: Split = "train") -> int:
        """Positions of a split."""
        return self.order.total if split == "train" else int(self._held[-1])

    def holdout_range(self, source: int) -> tuple[int, int]:
        """(first, end): positions of a source in the hold-out split."""
        return int(self._held[source]), int(self._held[source + 1])

    def read(
        self,
        first: int,
        count: int,
        *,
        stride: int = 1,
        split: Split = "train",
        sections: Collection[str] = (),
        out: NDArray[Any] | None = None,
    ) -> Block:
        """Sequences at first, first + stride, ..., `count` of them.

        sections    of "sources", "cu_seqlens", "loss_mask": what to fill in besides tokens
        out         [count, width] of the plan's dtype, C-contiguous, to fill instead of a new one
        ValueError where a position is outside 0..total-1; CorruptStore before a wrong token leaves.
        """
        if unknown := sorted(set(sections) - set(SECTIONS)):
            raise ValueError(f"unknown section {unknown[0]!r}: there are {', '.join(SECTIONS)}")
        width = self.plan.width
        if count < 0 or stride < 1 or count * width > MAX_SLOTS_A_BLOCK:
            raise ValueError(f"cannot read {count} sequences of {width} ids, stride {stride}")
        if out is None:
            out = np.empty((count, width), self.plan.dtype)
        elif (
            out.shape != (count, width)
            or out.dtype != self.plan.dtype
            or not out.flags.c_contiguous
        ):
            raise ValueError(f"out is not [{count}, {width}] {self.plan.dtype}, C-contiguous")
        loss = np.empty((count, width), np.uint8) if "loss_mask" in sections else None
        wants_starts = "cu_seqlens" in sections
        positions = first + stride * np.arange(count, dtype=np.int64)
        source, _, sequence = self.locate(positions, split)
        request = Request(source, sequence, out, wants_starts, loss, self.plan.loss == "assistant")
        starts = None
        if count:
            shelf, compiled = self._shelves[split], self._compiled(count)
            starts = fill(shelf, request, pad=self.plan.pad, compiled=compiled)
        return Block(
            first=first,
            stride=stride,
            tokens=out,
            sources=source if "sources" in sections else None,
            cu_seqlens=_closed(starts, count * width) if wants_starts else None,
            loss_mask=loss,
        )

    def locate(
        self, positions: Int64, split: Split = "train"
    ) -> tuple[NDArray[np.int32], Int64, Int64]:
        """(source int32, epoch int64, sequence int64) of positions; ValueError outside."""
        if split == "train":
            return self.order.locate(positions)
        total = self.total(split)
        if positions.size and not 0 <= int(positions.min()) <= int(positions.max()) < total:
            raise ValueError(f"positions are outside 0..{total - 1} of the hold-out split")
        source = np.searchsorted(self._held, positions, "right") - 1
        return source.astype(np.int32), np.zeros_like(positions), positions - self._held[source]

    def describe(self, position: int, split: Split = "train") -> Described:
        """Which documents a position holds, in order."""
        source, epoch, sequence = self.locate(np.array([position], np.int64), split)
        s, q = int(source[0]), int(sequence[0])
        of = self.plan.sources[s]
        return Described(
            position=position,
            split=split,
            source=of.path,
            dataset=of.dataset,
            version=of.version,
            epoch=int(epoch[0]),
            sequence=q,
            documents=tuple(
                Span(int(item["row"]), int(item["start"]), int(item["length"]))
                for item in self._reader(s, split).segments(q)
            ),
        )

    def positions_of(self, source: str, row: int, split: Split = "train") -> list[int]:
        """Ascending: every position that holds ids of a document, over all epochs.

        `source` is the dotted path, `row` the document's row in the source's version. KeyError for
        an unknown source. Reads all segments of the source's view.
        """
        paths = [item.path for item in self.plan.sources]
        if source not in paths:
            raise KeyError(source)
        s = paths.index(source)
        sequences = self._reader(s, split).sequences_of(row)
        if split == "holdout":
            return [self.holdout_range(s)[0] + q for q in sequences]
        found = [self.order.positions(s, q) for q in sequences]
        return sorted(int(p) for positions in found for p in positions)

    def _reader(self, source: int, split: Split) -> ViewReader:
        return ViewReader(self.root, self._shelves[split].view(source), split)

    def _compiled(self, count: int) -> Any:
        """The module of compiled kernels, or None: a few sequences are there before numba loads."""
        if self._numba is None:
            if self._asked <= NUMPY_POSITIONS:
                self._asked += count
                return None
            self._numba = numba_available()
        if not self._numba:
            return None
        from awase_client.engine import gather_kernels

        return gather_kernels


def _closed(starts: NDArray[np.int32] | None, end: int) -> NDArray[np.int32]:
    """Starts and the end: [documents + 1] int32."""
    if starts is None:
        return np.array([0], np.int32)
    out = np.empty(len(starts) + 1, np.int32)
    out[:-1] = starts
    out[-1] = end
    return out
