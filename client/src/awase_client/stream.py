"""TokenStream: the iterator a trainer reads.

Rank r of w at cursor n with batch b receives positions n + r + k*w for k = 0..b-1, then n += w*b.
A remainder under w*b is not delivered, so all ranks end at the same step. The state is the cursor
of the last batch handed out; what was read ahead is not in it.
"""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import partial
from threading import Event
from typing import Any

from awase_client.batch import Batch, cut, join
from awase_client.cursor import Cursor, plan_digest
from awase_client.engine.block import Block
from awase_client.engine.views import Split
from awase_client.errors import BadCursor, CorruptFrame, PlanMismatch
from awase_client.prefetch import Prefetcher
from awase_client.sources import Reader, Source, open_source
from awase_client.transport import Options
from awase_client.wire import SECTIONS, SPLITS, Frame


@dataclass(frozen=True, slots=True)
class Stats:
    """Since the stream was opened: what it cost the trainer and the network."""

    waited_seconds: float
    batches: int
    frames: int
    bytes: int
    retries: int

    def plus(self, other: Stats) -> Stats:
        return Stats(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


class TokenStream:
    """Batches of one rank, a pure function of (plan, position).

    source   a store path, a URL, or several URLs of servers that hold the same plan
    plan     "sha256:<hex>"
    batch    sequences a step for this rank
    cursor   where to start: a Cursor, what `state_dict` returned, or None for position 0
    key      bearer key, for servers that want one
    split    "train", or "holdout": every source's held-out sequences, unshuffled
    sections what to receive beside tokens: of "sources", "cu_seqlens", "loss_mask"; None = all
             that the plan has
    every    deliver this step, then every `every`-th: loader workers share a rank's steps

    Threads start with the first `next`, so a stream may be made before a fork. Not for use by two
    threads at once. Raises the errors of `awase_client.errors`; StopIteration is the end of the
    plan and nothing else.
    """

    def __init__(
        self,
        source: str | os.PathLike[str] | Sequence[str],
        plan: str,
        *,
        rank: int = 0,
        world: int = 1,
        batch: int = 1,
        cursor: Cursor | Mapping[str, Any] | None = None,
        key: str | None = None,
        split: Split = "train",
        sections: Sequence[str] | None = None,
        every: int = 1,
        allow_plan_change: bool = False,
        options: Options | None = None,
    ) -> None:
        if not (0 <= rank < world and batch >= 1 and every >= 1):
            raise BadCursor(f"rank {rank} of world {world}, batch {batch}, every {every}")
        if split not in SPLITS:
            raise BadCursor(f"split {split!r} is none of {', '.join(SPLITS)}")
        if sections is not None and (unknown := set(sections) - set(SECTIONS)):
            raise BadCursor(f"sections {sorted(unknown)} are none of {', '.join(SECTIONS)}")
        self.plan = plan_digest(plan)
        self.rank, self.world, self.batch, self.split = rank, world, batch, split
        self.allow_plan_change = allow_plan_change
        self.changed_from: Cursor | None = None
        self._options = options or Options()
        self._open = partial(
            open_source,
            source,
            self.plan,
            rank=rank,
            split=split,
            sections=sections,
            key=key,
            options=self._options,
        )
        self._every = every
        self._position = 0
        self._source: Source | None = None
        self._reading: _Reading | None = None
        self._cut: Iterator[Batch] = iter(())
        self._counted = Stats(0.0, 0, 0, 0, 0)
        if cursor is not None:
            self.load_state_dict(cursor)

    def __iter__(self) -> TokenStream:
        return self

    def __next__(self) -> Batch:
        batch = next(self._cut, None)
        if batch is None:
            self._cut = self._next_cut()
            batch = next(self._cut)
        self._position = batch.cursor.position + self._skip
        return batch

    @property
    def total(self) -> int:
        """Sequences in this split of the plan; asks the source where nothing was read yet."""
        return self._started().total

    # State
    @property
    def cursor(self) -> Cursor:
        """What the caller has received; with `every` > 1, where this reader's next step begins."""
        return Cursor(self.plan, self._position)

    def state_dict(self) -> dict[str, Any]:
        return self.cursor.to_document()

    def load_state_dict(self, state: Cursor | Mapping[str, Any]) -> None:
        """Go to a saved state; PlanMismatch for another plan's, unless declared."""
        cursor = state if isinstance(state, Cursor) else Cursor.from_document(state)
        if plan_digest(cursor.plan) != self.plan:
            if not self.allow_plan_change:
                raise PlanMismatch(
                    f"the state belongs to plan {cursor.plan} at position {cursor.position}, "
                    f"this stream reads {self.plan}; to change over at this position, say "
                    "allow_plan_change=True"
                )
            self.changed_from = cursor
        self._stop_reading()
        self._position = cursor.position

    def stats(self) -> Stats:
        reading = self._reading
        return self._counted if reading is None else self._counted.plus(reading.stats())

    # Resources
    def close(self) -> None:
        """Stop reading ahead and let go of connections and files; reading may start again."""
        self._stop_reading()
        if self._source is not None:
            self._source.close()
            self._source = None

    def __enter__(self) -> TokenStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _step(self) -> int:
        return self.world * self.batch

    @property
    def _skip(self) -> int:
        return (self._every - 1) * self._step

    def _next_cut(self) -> Iterator[Batch]:
        """Batches of the next frame, at least one; StopIteration at the end of the plan."""
        if self._reading is not None and self._reading.pid != os.getpid():
            self._reading = self._source = (
                None  # a fork: these threads and sockets are the parent's
            )
        block = self._started().next_block()
        return cut(
            block,
            batch=self.batch,
            step=self._step,
            position=block.first - self.rank,
            plan=self.plan,
        )

    def _started(self) -> _Reading:
        if self._reading is None:
            if self._source is None:
                self._source = self._open()
            self._reading = _Reading(
                self._source,
                position=self._position,
                rank=self.rank,
                world=self.world,
                batch=self.batch,
                every=self._every,
                options=self._options,
            )
            self._finalizer = weakref.finalize(self, self._reading.stop)
        return self._reading

    def _stop_reading(self) -> None:
        if self._reading is not None:
            self._finalizer.detach()
            self._reading.stop()
            self._reading.join()
            self._counted = self._counted.plus(self._reading.stats())
            self._reading = None
        self._cut = iter(())


class _Reading:
    """One run through the plan from a position: a first frame of one step, then reading ahead.

    The first frame tells the width and the total; later requests hold as many steps as fit into
    `request_bytes`.
    """

    def __init__(
        self,
        source: Source,
        *,
        position: int,
        rank: int,
        world: int,
        batch: int,
        every: int,
        options: Options,
    ) -> None:
        self.pid = os.getpid()
        self._rank, self._world, self._batch, self._every = rank, world, batch, every
        self._options = options
        self._waited = 0.0
        self._frames = self._batches = 0
        self._stop = Event()
        self._readers = [source.connect(stop=self._stop) for _ in range(options.in_flight)]
        self._position = position
        start = time.perf_counter()
        try:
            first = self._readers[0].read(position + rank, batch, world)
        finally:
            self._waited += time.perf_counter() - start
        self.total = first.total
        self._width = first.block.tokens.shape[1]
        request = batch * self._width * first.block.tokens.dtype.itemsize
        self._steps = 1 if every > 1 else max(1, options.request_bytes // max(1, request))
        self._first: Block | None = first.block if self._whole_steps(position) else None
        self._base = position + world * batch * every
        self._left = self._whole_steps(self._base)
        self._frames_left = -(-self._left // self._steps)
        self._prefetch: Prefetcher[Block] | None = None

    def next_block(self) -> Block:
        if self._first is not None:
            block, self._first = self._first, None
            if block.count < self._batch:
                block = self._complete(self._readers[0], block, self._batch)
        else:
            if self._frames_left == 0:
                raise StopIteration
            if self._prefetch is None:
                self._prefetch = Prefetcher(
                    self._readers,
                    self._fetch,
                    count=self._frames_left,
                    ahead=self._options.in_flight,
                    stop=self._stop,
                )
            start = time.perf_counter()
            block = self._prefetch.take()
            self._waited += time.perf_counter() - start
            self._frames_left -= 1
        self._frames += 1
        self._batches += block.count // self._batch
        return block

    def stats(self) -> Stats:
        return Stats(
            self._waited,
            self._batches,
            self._frames,
            sum(reader.bytes_read for reader in self._readers),
            sum(reader.retries for reader in self._readers),
        )

    def stop(self) -> None:
        self._stop.set()
        for reader in self._readers:
            reader.abort()
        if self._prefetch is not None:
            self._prefetch.stop()

    def join(self) -> None:
        if self._prefetch is not None:
            self._prefetch.join(self._options.timeout_seconds)
        for reader in self._readers:
            reader.close()

    def _whole_steps(self, position: int) -> int:
        """How many whole steps of this reader lie between `position` and the end."""
        step = self._world * self._batch
        rest = self.total - position - step
        return 0 if rest < 0 else rest // (step * self._every) + 1

    def _fetch(self, reader: Reader, k: int) -> Block:
        steps = min(self._steps, self._left - k * self._steps)
        position = self._base + k * self._steps * self._world * self._batch * self._every
        count = steps * self._batch
        frame = reader.read(position + self._rank, count, self._world)
        self._check(frame)
        return self._complete(reader, frame.block, count)

    def _complete(self, reader: Reader, block: Block, count: int) -> Block:
        """Ask for the rest of a frame that the server's own bound has cut short."""
        blocks = [block]
        have = block.count
        while have < count:
            frame = reader.read(block.first + have * self._world, count - have, self._world)
            self._check(frame)
            if frame.block.count == 0:
                raise CorruptFrame(
                    f"position {frame.block.first}: an empty frame before the end at {self.total}"
                )
            blocks.append(frame.block)
            have += frame.block.count
        return blocks[0] if len(blocks) == 1 else join(blocks)

    def _check(self, frame: Frame) -> None:
        if frame.total != self.total or frame.block.tokens.shape[1] != self._width:
            raise CorruptFrame(
                f"position {frame.block.first}: a frame of {frame.total} sequences of "
                f"{frame.block.tokens.shape[1]} tokens; the stream began with {self.total} "
                f"of {self._width}: the servers do not hold the same plan"
            )
