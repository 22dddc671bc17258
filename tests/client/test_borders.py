"""Resuming exactly at, before and after the borders of stages, ramp steps and epochs."""

from __future__ import annotations

import numpy as np
import pytest

from awase_client import Cursor, TokenStream
from awase_client.engine.reader import Engine
from tests.client.test_determinism import LEAN, Collected
from tests.streams import Stream


def borders(stream: Stream) -> list[int]:
    """Where a stage or a step of a ramp begins, or a source begins another epoch."""
    engine = Engine.open(stream.store, stream.plan)
    found = {stage.until for stage in engine.plan.stages[:-1]}
    assert len(found) == 9, "two stages with a ramp of eight steps between them"
    source, epoch, _ = engine.locate(np.arange(stream.total))
    for s in range(len(engine.plan.sources)):
        mine = np.flatnonzero(source == s)
        begins = mine[1:][np.diff(epoch[mine]) > 0]
        assert begins.size, "every source has several epochs"
        found |= set(begins.tolist())
    return sorted(found)


@pytest.mark.parametrize("where", ["store", "server"])
def test_a_state_beside_a_border_goes_on_there(where: str, stream: Stream, url: str) -> None:
    source = {"store": str(stream.store), "server": url}[where]
    with TokenStream(source, stream.plan, batch=3, options=LEAN) as batches:
        for border in borders(stream):
            for position in (border - 1, border, border + 1):
                batches.load_state_dict(Cursor(stream.plan, position))
                for first in (position, position + 3):
                    batch = next(batches)
                    assert batch.positions.tolist() == [first, first + 1, first + 2]
                    np.testing.assert_array_equal(batch.input_ids, stream.tokens[first : first + 3])
                assert batches.state_dict()["position"] == position + 6


@pytest.mark.parametrize("where", ["store", "server"])
def test_stopping_at_every_border_in_turn_loses_and_repeats_nothing(
    where: str, stream: Stream, url: str
) -> None:
    """The world changes at each: as many ranks as divide the way to the next one."""
    source = {"store": str(stream.store), "server": url}[where]
    cuts = {at for border in borders(stream) for at in (border - 1, border, border + 1)}
    collected, position, worlds = Collected(stream), 0, set()
    for cut in sorted({*cuts, stream.total}):
        world = next(w for w in (5, 3, 2, 1) if (cut - position) % w == 0)
        batch = (cut - position) // world
        worlds.add(world)
        position = collected.read(source, stream, world=world, batch=batch, start=position, steps=1)
        assert position == cut
    assert worlds == {1, 2, 3, 5}
    assert collected.digest(position) == stream.digest()
