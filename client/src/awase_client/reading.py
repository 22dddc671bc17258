"""One run through a plan from a position: what a TokenStream has under way."""

from __future__ import annotations

import os
import time
from dataclasses import astuple, dataclass
from threading import Event

from awase_client.batch import join
from awase_client.engine.block import MAX_SLOTS_A_BLOCK, Block
from awase_client.errors import BadCursor, CorruptFrame
from awase_client.prefetch import Prefetcher
from awase_client.sources import Reader, Source
from awase_client.transport import Options
from awase_client.wire import Frame


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


class Reading:
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
        limit: int | None,
        options: Options,
    ) -> None:
        """limit: positions from there on are not read, as their plan may change; None: none."""
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
        self._end = self.total if limit is None else min(limit, self.total)
        self._width = first.block.tokens.shape[1]
        if batch * self._width > MAX_SLOTS_A_BLOCK:
            self._readers[0].close()
            raise BadCursor(
                f"batch {batch} of {self._width} tokens: a batch holds at most "
                f"{MAX_SLOTS_A_BLOCK} tokens, as cu_seqlens is int32"
            )
        request = batch * self._width * first.block.tokens.dtype.itemsize
        self._steps = 1 if every > 1 else max(1, options.request_bytes // max(1, request))
        self._first: Block | None = first.block if self._whole_steps(position) else None
        self._base = position + world * batch * every
        self._left = self._whole_steps(self._base)
        self._frames_left = -(-self._left // self._steps)
        self._prefetch: Prefetcher[Block] | None = None

    @property
    def goes_on(self) -> bool:
        """Whether the plan holds more than this run through it may read."""
        return self._end < self.total

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
        if os.getpid() != self.pid:
            return  # a fork: the sockets and the lock are the parent's, which reads on
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
        rest = self._end - position - step
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
