"""Counters of what left this server per source, beside what the plan says should have."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from prometheus_client import Counter

from api.metrics import REGISTRY
from awase_client.engine.block import Block
from awase_client.engine.plan import Plan
from awase_client.engine.reader import Engine

_MANY = 64  # sources above which a label is a source's group: labels stay a bounded set

realised_tokens = Counter(
    "awase_stream_tokens_total",
    "Token slots of the train split that left this server, by source.",
    ("source",),
    registry=REGISTRY,
)
planned_tokens = Counter(
    "awase_stream_planned_tokens_total",
    "Token slots that the weights of the plan's stages ask for at the positions that left.",
    ("source",),
    registry=REGISTRY,
)
frame_bytes_total = Counter(
    "awase_stream_bytes_total",
    "Bytes of tokens that left, by split.",
    ("split",),
    registry=REGISTRY,
)


class Realised:
    """Counts frames of one plan."""

    def __init__(self, plan: Plan) -> None:
        many = len(plan.sources) > _MANY
        self._length = plan.sequence_length
        labels = [source.path.split(".")[0] if many else source.path for source in plan.sources]
        self._realised = [realised_tokens.labels(label) for label in labels]
        self._planned = [planned_tokens.labels(label) for label in labels]
        self._untils = np.array([stage.until for stage in plan.stages])
        self._shares = np.array([stage.counts / stage.counts.sum() for stage in plan.stages])
        lengths = np.array([0, *(to - first for first, to in plan.omit)])
        self._shifts = np.cumsum(lengths)
        starts = np.array([first for first, _ in plan.omit], dtype=np.int64)
        self._gaps = starts - self._shifts[:-1]  # positions at which a skip lies before

    def count(self, split: str, block: Block) -> None:
        """Add a block that was built to be sent."""
        frame_bytes_total.labels(split).inc(block.tokens.nbytes)
        if split != "train" or block.sources is None:
            return
        drawn = np.bincount(block.sources) * self._length
        for source in drawn.nonzero()[0].tolist():
            self._realised[source].inc(int(drawn[source]))
        wanted = np.bincount(self._stages(block.positions), minlength=len(self._untils))
        shares = (wanted @ self._shares) * self._length
        for source in shares.nonzero()[0].tolist():
            self._planned[source].inc(float(shares[source]))

    def _stages(self, positions: NDArray[np.int64]) -> NDArray[np.intp]:
        slots = positions + self._shifts[np.searchsorted(self._gaps, positions, side="right")]
        stages: NDArray[np.intp] = np.searchsorted(self._untils, slots, side="right")
        return stages


_known: WeakKeyDictionary[Engine, Realised] = WeakKeyDictionary()


def realised(engine: Engine) -> Realised:
    """The counter of an opened plan, made once and gone with it."""
    if engine not in _known:
        _known[engine] = Realised(engine.plan)
    return _known[engine]
