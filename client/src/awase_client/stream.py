"""TokenStream: the iterator a trainer reads.

Rank r of w at cursor n with batch b receives positions n + r + k*w for k = 0..b-1, then n += w*b.
A remainder under w*b is not delivered, so all ranks end at the same step. The state is the cursor
of the last batch handed out; what was read ahead is not in it.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from awase_client.batch import Batch, cut
from awase_client.cursor import Cursor, plan_digest, whole
from awase_client.engine.plan import MAX_SLOTS as MAX_POSITION
from awase_client.engine.views import Split
from awase_client.errors import BadCursor, PlanMismatch
from awase_client.reading import Reading, Stats
from awase_client.run import PREFIX, Run
from awase_client.sources import Source, open_source, places_of
from awase_client.transport import Options
from awase_client.wire import SECTIONS, SPLITS


class TokenStream:
    """Batches of one rank, a pure function of (plan, position).

    source   a store path, a URL, or several URLs of servers that hold the same plan
    plan     "sha256:<hex>", or "run:<id>": then `plan` is what the run's leases say, and may change
             from one step to the next; servers only
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
        rank, world = whole("rank", rank), whole("world", world)
        batch, every = whole("batch", batch), whole("every", every)
        if not (0 <= rank < world and batch >= 1 and every >= 1):
            raise BadCursor(f"rank {rank} of world {world}, batch {batch}, every {every}")
        if world * batch * every > MAX_POSITION:
            raise BadCursor(
                f"world {world} x batch {batch} x every {every} is more than the {MAX_POSITION} "
                "sequences a plan can have"
            )
        if split not in SPLITS:
            raise BadCursor(f"split {split!r} is none of {', '.join(SPLITS)}")
        if isinstance(sections, str):
            raise BadCursor(f"sections {sections!r}: give a list of names")
        if sections is not None and (unknown := set(sections) - set(SECTIONS)):
            raise BadCursor(f"sections {sorted(unknown)} are none of {', '.join(SECTIONS)}")
        self._options = options or Options()
        self._run = _run_of(source, plan, key=key, options=self._options)
        self.plan = "" if self._run else plan_digest(plan)
        self.rank, self.world, self.batch, self.split = rank, world, batch, split
        self.allow_plan_change = allow_plan_change
        self.changed_from: Cursor | None = None
        self._open = partial(
            open_source,
            source,
            rank=rank,
            split=split,
            sections=sections,
            key=key,
            options=self._options,
        )
        self._every = every
        self._skip = (every - 1) * self._step
        self._position = 0
        self._source: Source | None = None
        self._reading: Reading | None = None
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
        if self._run and not self.plan:
            self.plan, _ = self._run.lease(self._position, self._step)
        return Cursor(self.plan, self._position)

    def state_dict(self) -> dict[str, Any]:
        return self.cursor.to_document()

    def load_state_dict(self, state: Cursor | Mapping[str, Any]) -> None:
        """Go to a saved state; PlanMismatch for another plan's, unless declared."""
        cursor = state if isinstance(state, Cursor) else Cursor.from_document(state)
        position = whole("position", cursor.position)
        if not 0 <= position <= MAX_POSITION:
            raise BadCursor(f"position {position}: a stream's positions are 0..{MAX_POSITION}")
        if self._run and not self.allow_plan_change:
            self._run.check(cursor)
            self.plan = cursor.plan
        elif plan_digest(cursor.plan) != self.plan:
            if not self.allow_plan_change:
                raise PlanMismatch(
                    f"the state belongs to plan {cursor.plan} at position {cursor.position}, "
                    f"this stream reads {self.plan}; to change over at this position, say "
                    "allow_plan_change=True"
                )
            self.changed_from = cursor
        self._stop_reading()
        self._position = position

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

    def _next_cut(self) -> Iterator[Batch]:
        """Batches of the next frame, at least one; StopIteration at the end of the plan."""
        if self._reading is not None and self._reading.pid != os.getpid():
            self._reading = self._source = (
                None  # a fork: these threads and sockets are the parent's
            )
        while True:
            try:
                block = self._started().next_block()
                break
            except StopIteration:
                if self._reading is None or not self._reading.goes_on:
                    raise
                self._stop_reading()  # the lease is used up
        return cut(
            block,
            batch=self.batch,
            step=self._step,
            position=block.first - self.rank,
            plan=self.plan,
        )

    def _started(self) -> Reading:
        if self._reading is None:
            limit = None
            if self._run:
                plan, limit = self._run.lease(self._position, self._step)
                if plan != self.plan and self._source is not None:
                    self._source.close()
                    self._source = None
                self.plan = plan
            if self._source is None:
                self._source = self._open(self.plan)
            self._reading = Reading(
                self._source,
                position=self._position,
                rank=self.rank,
                world=self.world,
                batch=self.batch,
                every=self._every,
                limit=limit,
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


def _run_of(
    source: str | os.PathLike[str] | Sequence[str], plan: str, *, key: str | None, options: Options
) -> Run | None:
    if not isinstance(plan, str) or not plan.startswith(PREFIX):
        return None
    urls = places_of(source)
    return Run(urls, plan.removeprefix(PREFIX), key=key, options=options)
