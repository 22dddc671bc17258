"""MegatronDataset: a plan as a map-style dataset, index i = position i = i samples consumed.

Megatron's samplers ask for indices from `consumed_samples` on, whatever the number of ranks, so
its checkpoints hold our state already: a cursor's position is consumed_samples. Needs no torch.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from threading import Event, Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awase_client.batch import position_ids
from awase_client.cursor import Cursor, plan_digest, whole
from awase_client.engine.block import Block
from awase_client.engine.views import Split
from awase_client.errors import BadCursor, CorruptFrame, PlanMismatch
from awase_client.sources import open_source
from awase_client.transport import Options

_BLOCKS = 8  # blocks kept; a rank's micro-batches walk through one or two at a time


class MegatronDataset:
    """Samples as Megatron's GPTDataset has them: tokens, labels, loss_mask, position_ids.

    tokens        int64 [L]
    labels        int64 [L]: the next token; with `labels: shift` the last one has none and is
                  masked, with `labels: overlap` every one has
    loss_mask     float32 [L]
    position_ids  int64 [L], from 0 at each document

    `block` neighbouring positions are fetched at a time. Safe for threads, and for the loader
    workers that a DataLoader forks or spawns: each process has a connection of its own.
    """

    def __init__(
        self,
        source: str | os.PathLike[str] | Sequence[str],
        plan: str,
        *,
        split: Split = "train",
        key: str | None = None,
        block: int = 64,
        options: Options | None = None,
    ) -> None:
        self.plan = plan_digest(plan)
        if whole("block", block) < 1:
            raise BadCursor(f"block {block}: at least one position is fetched at a time")
        self._block = block
        self._open = partial(
            open_source,
            source,
            self.plan,
            rank=0,
            split=split,
            sections=None,
            key=key,
            options=options or Options(),
        )
        self._begin()
        first = self._reader.read(0, block, 1)
        self._blocks[0] = first.block
        self._total, self._length = first.total, first.sequence_length

    def _begin(self) -> None:
        """What belongs to one process: its connection, its lock, the blocks it has read."""
        self._pid = os.getpid()
        self._reader = self._open().connect(stop=Event())
        self._blocks: OrderedDict[int, Block] = OrderedDict()
        self._lock = Lock()

    def __getstate__(self) -> dict[str, Any]:
        own = ("_pid", "_reader", "_blocks", "_lock")
        return {name: value for name, value in self.__dict__.items() if name not in own}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._begin()

    def __len__(self) -> int:
        return self._total

    def __getitem__(self, index: int) -> dict[str, NDArray[Any]]:
        """The sample at a position; IndexError outside, the errors of the client otherwise."""
        if not 0 <= index < self._total:
            raise IndexError(f"position {index} is outside 0..{self._total - 1} of {self.plan}")
        block = self._of(index)
        row = index - block.first
        ids = block.tokens[row].astype(np.int64)
        width = len(ids)
        assert block.cu_seqlens is not None
        low, high = np.searchsorted(block.cu_seqlens, [row * width, (row + 1) * width])
        places = position_ids(block.cu_seqlens[low : high + 1] - row * width, (1, width))[0]
        loss = np.ones(width, np.float32)
        if block.loss_mask is not None:
            loss = block.loss_mask[row].astype(np.float32)
        length = self._length
        labels, mask = np.roll(ids, -1)[:length], np.roll(loss, -1)[:length]
        if width == length:
            labels[-1], mask[-1] = 0, 0.0
        return {
            "tokens": ids[:length],
            "labels": labels,
            "loss_mask": mask,
            "position_ids": places[:length].astype(np.int64),
        }

    def cursor(self, consumed_samples: int) -> Cursor:
        """The state after so many samples: what TokenStream would save."""
        return Cursor(self.plan, consumed_samples)

    def consumed_samples(self, cursor: Cursor) -> int:
        """Megatron's count for a cursor; PlanMismatch for another plan's."""
        if cursor.plan != self.plan:
            raise PlanMismatch(f"the cursor belongs to plan {cursor.plan}, this is {self.plan}")
        return cursor.position

    def close(self) -> None:
        self._reader.close()

    def _of(self, index: int) -> Block:
        number = index // self._block
        if self._pid != os.getpid():
            self._begin()  # a fork: the socket is the parent's, and its lock may be held
        with self._lock:
            block = self._blocks.get(number)
            first = index if block is not None else number * self._block
            while block is None or not block.first <= index < block.first + block.count:
                # a server may send less of the block than asked for: then from the index on
                block = self._reader.read(first, (number + 1) * self._block - first, 1).block
                if block.count == 0:
                    raise CorruptFrame(
                        f"position {first}: an empty frame before the end at {self._total}"
                    )
                first = index
                self._blocks[number] = block
            while len(self._blocks) > _BLOCKS:
                self._blocks.popitem(last=False)
            self._blocks.move_to_end(number)
            return block
