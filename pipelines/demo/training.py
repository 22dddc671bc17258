"""Data-parallel training from the stream, with a server that dies half way.

Ranks are threads of this process, each with a TokenStream of its own; a step takes one batch from
every rank, adds their counts (the all-reduce of a bigram) and folds their sequences, put back into
position order, into the digest of the global stream.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from awase_client import Batch, TokenStream
from curation.base.errors import IntegrityError, UsageError
from pipelines.demo.bigram import Bigram

Progress = Callable[[int, int], None]
READ_BATCH = 64  # sequences a step of the in-process read


@dataclass(slots=True)
class GlobalStream:
    """What all ranks together received: its digest, its place, its sequences a source."""

    digest: Any = field(default_factory=hashlib.sha256)
    position: int = 0
    by_source: dict[int, int] = field(default_factory=dict)

    def add(self, batches: list[Batch]) -> None:
        """Fold one step of all ranks in; IntegrityError where positions are missing or double."""
        positions = np.concatenate([batch.positions for batch in batches])
        order = np.argsort(positions, kind="stable")
        expected = np.arange(self.position, self.position + len(positions))
        if not np.array_equal(positions[order], expected):
            raise IntegrityError(
                f"the ranks received positions {positions[order].tolist()}, "
                f"expected {expected[0]} to {expected[-1]}"
            )
        tokens = np.concatenate([batch.input_ids for batch in batches])[order]
        self.digest.update(np.ascontiguousarray(tokens).data)
        self.position += len(positions)
        for batch in batches:
            assert batch.sources is not None, "the demo asks for source ids"
            for source, count in zip(*np.unique(batch.sources, return_counts=True), strict=True):
                self.by_source[int(source)] = self.by_source.get(int(source), 0) + int(count)


@contextmanager
def open_ranks(
    source: str | Path, plan: str, *, world: int, batch: int, state: dict[str, Any] | None
) -> Iterator[list[TokenStream]]:
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                TokenStream(source, plan, rank=rank, world=world, batch=batch, cursor=state)
            )
            for rank in range(world)
        ]


def train(
    streams: list[TokenStream],
    model: Bigram,
    received: GlobalStream,
    *,
    until: int | None,
    progress: Progress,
) -> dict[str, Any]:
    """Train until position `until` (None: to the end of the plan); the state to checkpoint."""
    total = streams[0].total
    with ThreadPoolExecutor(len(streams)) as ranks:
        while until is None or received.position < until:
            batches = list(ranks.map(lambda stream: next(stream, None), streams))
            whole = [batch for batch in batches if batch is not None]
            if not whole:
                break
            if len(whole) != len(batches):
                raise IntegrityError("some ranks ended a step before the others")
            received.add(whole)
            for batch in whole:
                model.learn(batch.input_ids)
            progress(received.position, total)
    return streams[0].state_dict()


def holdout_loss(
    source: str | Path, plan: str, model: Bigram, *, pad: int | None
) -> tuple[float, float]:
    """(bigram, unigram) loss on the hold-out split, nats a token; padding does not count.

    UsageError where the split is empty.
    """
    sums = np.zeros(3)
    with TokenStream(source, plan, split="holdout") as stream:
        for batch in stream:
            sums += model.loss(batch.input_ids, pad=pad)
    if not sums[2]:
        raise UsageError(
            f"plan {plan}: no document fell into the hold-out: the text is too short for the demo, "
            "give more with --input and another --dir"
        )
    return float(sums[0] / sums[2]), float(sums[1] / sums[2])


def read_in_process(store: Path, plan: str, *, until: int) -> GlobalStream:
    """The same stream without a server, up to position `until`."""
    received = GlobalStream()
    with TokenStream(store, plan, batch=READ_BATCH) as stream:
        while received.position + READ_BATCH <= until:
            received.add([next(stream)])
        state = stream.state_dict()
    with TokenStream(store, plan, batch=1, cursor=state) as rest:
        while received.position < until:
            received.add([next(rest)])
    return received
