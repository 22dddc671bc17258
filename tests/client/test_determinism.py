"""The global stream is one sequence of bytes, whoever reads it, wherever, in however many ranks."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from contextlib import nullcontext
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awase_client import Cursor, Options, TokenStream
from awase_client.engine.reader import Engine
from tests.streams import LENGTH, Stream, serving

Source = str | list[str]
LEAN = Options(in_flight=1)
WORLDS = [1, 2, 3, 5, 8, 64]


class Collected:
    """Rows by position; a position that comes twice is an error."""

    def __init__(self, stream: Stream) -> None:
        self.rows = np.zeros_like(stream.tokens)
        self.seen = np.zeros(stream.total, bool)

    def read(
        self, source: Source, stream: Stream, *, world: int, batch: int, start: int, steps: int
    ) -> int:
        """Let all ranks go `steps` steps (fewer at the end); returns the position they reached."""
        reached = set()
        for rank in range(world):
            cursor = Cursor(stream.plan, start)
            with TokenStream(
                source,
                stream.plan,
                rank=rank,
                world=world,
                batch=batch,
                cursor=cursor,
                options=LEAN,
            ) as batches:
                for _, each in zip(range(steps), batches, strict=False):
                    assert not self.seen[each.positions].any()
                    self.seen[each.positions] = True
                    self.rows[each.positions] = each.input_ids
                reached.add(batches.cursor.position)
        assert len(reached) == 1, "all ranks end at the same step"
        return reached.pop()

    def digest(self, until: int) -> str:
        assert self.seen[:until].all()
        assert not self.seen[until:].any()
        return hashlib.sha256(self.rows[:until].tobytes()).hexdigest()


def places(stream: Stream, url: str, other_url: str) -> dict[str, Source]:
    return {"store": str(stream.store), "server": url, "replicas": [url, other_url]}


@pytest.mark.parametrize("where", ["store", "server", "replicas"])
@pytest.mark.parametrize("world", WORLDS)
def test_any_world_reads_the_same_stream(
    where: str, world: int, stream: Stream, url: str, other_url: str
) -> None:
    source = places(stream, url, other_url)[where]
    collected = Collected(stream)
    reached = collected.read(source, stream, world=world, batch=3, start=0, steps=stream.total)
    assert reached == stream.total // (3 * world) * 3 * world
    assert collected.digest(reached) == stream.digest(reached)


@pytest.mark.parametrize("where", ["store", "server", "replicas"])
def test_resuming_with_another_world_at_random_positions_changes_nothing(
    where: str, stream: Stream, url: str, other_url: str
) -> None:
    """2 -> 3 -> 5 ranks and other batches, at positions that no step divides."""
    source = places(stream, url, other_url)[where]
    random = Random(where)
    for _ in range(4):
        collected, position = Collected(stream), 0
        for world in (2, 3, 5, 1, 4, 2):
            position = collected.read(
                source,
                stream,
                world=world,
                batch=random.randint(1, 9),
                start=position,
                steps=random.randint(1, 12),
            )
        assert collected.digest(position) == stream.digest(position)


@settings(max_examples=25)
@given(
    segments=st.lists(
        st.tuples(st.integers(1, 7), st.integers(1, 40), st.integers(0, 40)), max_size=8
    )
)
def test_any_cuts_and_any_worlds_partition_the_stream(
    stream: Stream, segments: list[tuple[int, int, int]]
) -> None:
    collected, position = Collected(stream), 0
    for world, batch, steps in segments:
        position = collected.read(
            str(stream.store), stream, world=world, batch=batch, start=position, steps=steps
        )
    assert collected.digest(position) == stream.digest(position)


@settings(max_examples=15)
@given(
    deeds=st.lists(st.sampled_from(["next", "next", "save", "load", "die"]), max_size=40),
    batch=st.integers(1, 40),
    served=st.booleans(),
)
def test_whatever_a_trainer_does_it_receives_what_follows_its_state(
    stream: Stream, url: str, deeds: list[str], batch: int, served: bool
) -> None:
    """Reading ahead all the time; a trainer that dies begins again from what it saved as JSON."""
    source = url if served else str(stream.store)
    options = Options(in_flight=3, request_bytes=2 * batch * LENGTH * 2)
    step, position, saved = 2 * batch, 0, json.dumps(Cursor(stream.plan, 0).to_document())

    def begin() -> TokenStream:
        state = json.loads(saved)
        return TokenStream(
            source, stream.plan, rank=1, world=2, batch=batch, cursor=state, options=options
        )

    batches = begin()
    for deed in deeds:
        if deed == "next":
            received = next(batches, None)
            assert (received is None) == (position + step > stream.total)
            if received is not None:
                mine = slice(position + 1, position + step, 2)
                np.testing.assert_array_equal(received.input_ids, stream.tokens[mine])
                position += step
        elif deed == "save":
            saved = json.dumps(batches.state_dict())
        elif deed == "load":
            batches.load_state_dict(json.loads(saved))
        else:
            batches.close()
            batches = begin()
        if deed in ("load", "die"):
            position = json.loads(saved)["position"]
        assert batches.state_dict()["position"] == position
    batches.close()


def test_steps_shared_by_loader_workers_are_the_same_stream(stream: Stream, url: str) -> None:
    for workers in (1, 2, 3):
        collected = np.zeros_like(stream.tokens)
        for worker in range(workers):
            with TokenStream(
                url,
                stream.plan,
                batch=4,
                every=workers,
                cursor=Cursor(stream.plan, 4 * worker),
                options=LEAN,
            ) as batches:
                for batch in batches:
                    collected[batch.positions] = batch.input_ids
        until = stream.total // 4 * 4
        assert hashlib.sha256(collected[:until].tobytes()).hexdigest() == stream.digest(until)


@pytest.mark.parametrize("numba", [True, False], ids=["numba", "numpy"])
@pytest.mark.parametrize("where", ["store", "server"])
def test_numba_changes_speed_and_nothing_else(
    where: str, numba: bool, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every world, with the compiled loops from the first position on, and without them."""
    monkeypatch.setenv("AWASE_NUMBA", str(int(numba)))
    for module in ("order", "reader"):
        monkeypatch.setattr(f"awase_client.engine.{module}.NUMPY_POSITIONS", -1)
    ways = set()
    kernels_of = Engine._compiled

    def compiled(engine: Engine, count: int) -> Any:
        kernels = kernels_of(engine, count)
        ways.add(kernels is not None)
        return kernels

    monkeypatch.setattr(Engine, "_compiled", compiled)
    with serving(stream.store) if where == "server" else nullcontext(str(stream.store)) as source:
        for world in WORLDS:
            collected = Collected(stream)
            reached = collected.read(
                source, stream, world=world, batch=3, start=0, steps=stream.total
            )
            assert collected.digest(reached) == stream.digest(reached)
    assert ways == {numba}


WITHOUT_NUMBA = """
import sys, hashlib, numpy as np
sys.modules["numba"] = None  # as where it is not installed
from awase_client import TokenStream
store, plan, total = sys.argv[1], sys.argv[2], int(sys.argv[3])
for world in map(int, sys.argv[4:]):
    rows = [None] * total
    for rank in range(world):
        with TokenStream(store, plan, rank=rank, world=world, batch=3) as batches:
            for batch in batches:
                for position, row in zip(batch.positions, batch.input_ids):
                    rows[position] = row
    print(hashlib.sha256(np.array(rows[: batches.cursor.position]).tobytes()).hexdigest())
"""


def test_where_numba_is_not_installed_every_world_reads_the_same(stream: Stream) -> None:
    arguments = [str(stream.store), stream.plan, str(stream.total), *map(str, WORLDS)]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_NUMBA, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    steps = [3 * world for world in WORLDS]
    until = [stream.total // step * step for step in steps]
    assert done.stdout.split() == [stream.digest(end) for end in until]


def test_each_source_epoch_and_sequence_comes_exactly_once(stream: Stream) -> None:
    engine = Engine.open(stream.store, stream.plan)
    source, epoch, sequence = engine.locate(np.arange(stream.total))
    keys = set(zip(source.tolist(), epoch.tolist(), sequence.tolist(), strict=True))
    assert len(keys) == stream.total
    for index, of in enumerate(engine.plan.sources):
        drawn = int((source == index).sum())
        whole, rest = divmod(drawn, of.sequences)
        for e in range(whole + 1):
            mine = [key for key in keys if key[:2] == (index, e)]
            assert len(mine) == (of.sequences if e < whole else rest)
    assert max(key[1] for key in keys) >= 1, "the plan has several epochs"
