from __future__ import annotations

import json
import os
import pickle
import re
import shutil
import socket
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import awase_client
from awase_client import (
    BadCursor,
    CorruptStore,
    Cursor,
    Options,
    PlanMismatch,
    Refused,
    TokenStream,
    Unreachable,
    position_ids,
)
from awase_client.engine.reader import Engine
from tests.streams import LENGTH, Stream, serving

HURRIED = Options(in_flight=2, timeout_seconds=1.0, patience_seconds=0.3)


@pytest.fixture(params=["store", "server", "two replicas"])
def source(
    request: pytest.FixtureRequest, stream: Stream, url: str, other_url: str
) -> str | list[str]:
    places: dict[str, str | list[str]] = {
        "store": str(stream.store),
        "server": url,
        "two replicas": [url, other_url],
    }
    return places[request.param]


def test_a_batch_is_what_the_engine_reads_there(source: str | list[str], stream: Stream) -> None:
    engine = Engine.open(stream.store, stream.plan)
    with TokenStream(source, stream.plan, rank=1, world=3, batch=4) as batches:
        for step, batch in enumerate(batches):
            first = step * 12 + 1
            block = engine.read(first, 4, stride=3, sections=("sources", "cu_seqlens"))
            np.testing.assert_array_equal(batch.input_ids, block.tokens)
            np.testing.assert_array_equal(batch.sources, block.sources)
            np.testing.assert_array_equal(batch.cu_seqlens, block.cu_seqlens)
            assert batch.positions.tolist() == [first, first + 3, first + 6, first + 9]
            assert batch.loss_mask is None
            assert batch.cursor == Cursor(stream.plan, (step + 1) * 12)
    assert step + 1 == stream.total // 12


def test_a_loss_mask_comes_with_every_batch_of_a_plan_that_has_one(masked: Stream) -> None:
    engine = Engine.open(masked.store, masked.plan)
    with serving(masked.store) as url:
        for source in (masked.store, url):
            with TokenStream(source, masked.plan, batch=7) as batches:
                masks = [batch.loss_mask for batch in batches]
            want = engine.read(0, len(masks) * 7, sections=("loss_mask",)).loss_mask
            np.testing.assert_array_equal(np.concatenate(masks), want)  # type: ignore[arg-type]


def test_sections_not_asked_for_do_not_come(source: str | list[str], stream: Stream) -> None:
    with TokenStream(source, stream.plan, batch=3, sections=()) as batches:
        batch = next(batches)
        assert (batch.sources, batch.cu_seqlens, batch.loss_mask) == (None, None, None)


def test_the_state_is_what_the_caller_received_not_what_was_read_ahead(
    source: str | list[str], stream: Stream
) -> None:
    with TokenStream(source, stream.plan, batch=5) as batches:
        assert batches.state_dict() == {"version": 1, "plan": stream.plan, "position": 0}
        for _ in range(4):
            batch = next(batches)
        state = batches.state_dict()
        assert state["position"] == 20 == batch.cursor.position
        following = [next(batches).input_ids.copy() for _ in range(3)]
        batches.load_state_dict(state)
        again = [next(batches).input_ids for _ in range(3)]
    np.testing.assert_array_equal(again, following)
    with TokenStream(source, stream.plan, batch=5, cursor=state) as resumed:
        np.testing.assert_array_equal(next(resumed).input_ids, following[0])


def test_the_end_is_stop_iteration_and_stays(source: str | list[str], stream: Stream) -> None:
    end = Cursor(stream.plan, stream.total - 4)
    with TokenStream(source, stream.plan, batch=5, cursor=end) as batches:
        for _ in range(2):
            assert next(batches, None) is None, "a remainder under a step is not delivered"
        assert batches.state_dict()["position"] == stream.total - 4
    beyond = Cursor(stream.plan, stream.total + 99)
    with TokenStream(source, stream.plan, cursor=beyond) as batches:
        assert next(batches, None) is None


def test_another_plans_state_is_refused_unless_declared(stream: Stream) -> None:
    other = Cursor("sha256:" + "0" * 64, 40)
    with pytest.raises(PlanMismatch, match=r"at position 40.*allow_plan_change=True"):
        TokenStream(stream.store, stream.plan, cursor=other)
    with TokenStream(
        stream.store, stream.plan, cursor=other, allow_plan_change=True, batch=8
    ) as batches:
        assert next(batches).positions[0] == 40
        assert batches.changed_from == other
        assert batches.state_dict() == {"version": 1, "plan": stream.plan, "position": 48}


def test_the_holdout_split_is_each_source_in_turn(source: str | list[str], stream: Stream) -> None:
    engine = Engine.open(stream.store, stream.plan)
    with TokenStream(source, stream.plan, split="holdout") as batches:
        rows = list(batches)
    assert len(rows) == engine.total("holdout") > 10
    want = engine.read(0, len(rows), split="holdout").tokens
    np.testing.assert_array_equal(np.concatenate([row.input_ids for row in rows]), want)
    sources = [int(row.sources[0]) for row in rows if row.sources is not None]
    assert sources == sorted(sources)


def test_every_nth_step_shares_a_ranks_steps_among_loaders(
    source: str | list[str], stream: Stream
) -> None:
    with TokenStream(source, stream.plan, batch=6) as batches:
        whole = [batch.positions[0] for batch in batches]
    for loaders in (2, 3):
        found: list[Any] = [None] * len(whole)
        for k in range(loaders):
            cursor = Cursor(stream.plan, k * 6)
            with TokenStream(source, stream.plan, batch=6, every=loaders, cursor=cursor) as batches:
                found[k::loaders] = [batch.positions[0] for batch in batches]
                last = batches.cursor
            assert last.position == (k + loaders * len(found[k::loaders])) * 6
        assert found == whole


def test_frames_that_the_server_cuts_short_are_completed(stream: Stream) -> None:
    with (
        serving(stream.store, frame_bytes=3 * LENGTH * 2) as url,
        TokenStream(url, stream.plan, batch=8, world=2) as batches,
        TokenStream(stream.store, stream.plan, batch=8, world=2) as wanted,
    ):
        for batch, want in zip(batches, wanted, strict=True):
            np.testing.assert_array_equal(batch.input_ids, want.input_ids)
            np.testing.assert_array_equal(batch.cu_seqlens, want.cu_seqlens)  # type: ignore[arg-type]
            np.testing.assert_array_equal(batch.sources, want.sources)  # type: ignore[arg-type]


def test_stats_tell_what_was_read(stream: Stream, url: str) -> None:
    with TokenStream(url, stream.plan, batch=10) as batches:
        count = sum(1 for _ in batches)
        stats = batches.stats()
        assert stats.batches == count == stream.total // 10
        assert stats.bytes >= stream.tokens.nbytes
        assert stats.frames >= 2
        assert stats.retries == 0
        assert 0 < stats.waited_seconds < 60
        batches.load_state_dict(Cursor(stream.plan, 0))
        next(batches)
        assert batches.stats().batches > stats.batches, "stats add up over reloads"


def closed_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def test_a_dead_server_is_an_error_that_names_the_position(stream: Stream) -> None:
    url = closed_port()
    with TokenStream(
        url, stream.plan, batch=4, cursor=Cursor(stream.plan, 44), options=HURRIED
    ) as batches:
        for _ in range(2):
            with pytest.raises(Unreachable, match=f"position 44: no answer from {url}") as caught:
                next(batches)
            assert caught.value.position == 44


def test_a_server_that_dies_midway_is_an_error_never_an_end(stream: Stream) -> None:
    small = Options(in_flight=1, request_bytes=1, timeout_seconds=1.0, patience_seconds=0.3)
    with serving(stream.store) as url:
        batches = TokenStream(url, stream.plan, batch=4, options=small)
        received = [next(batches) for _ in range(5)]
    with pytest.raises(Unreachable) as caught:
        received.extend(batches)
    assert caught.value.position == len(received) * 4 == batches.cursor.position
    batches.close()


@pytest.mark.parametrize("served", [False, True])
@pytest.mark.parametrize("damage", ["cut", "overwritten"])
def test_a_token_file_damaged_while_it_streams_ends_the_stream_before_a_wrong_token(
    tmp_path: Path, stream: Stream, served: bool, damage: str
) -> None:
    """All blocks were read and verified once, in this process or in the server's."""
    store = tmp_path / "store"
    shutil.copytree(stream.store, store)
    with serving(store) if served else nullcontext(str(store)) as source:
        small = Options(in_flight=1, request_bytes=1, timeout_seconds=2.0, patience_seconds=0.3)
        with TokenStream(source, stream.plan, batch=4, options=small) as batches:
            assert sum(1 for _ in batches) == stream.total // 4
            batches.load_state_dict(Cursor(stream.plan, 0))
            received = [next(batches) for _ in range(5)]
            for path in store.glob("tokens/*/part-00000.tok"):
                if damage == "cut":
                    os.truncate(path, 64)
                else:
                    data = path.read_bytes()
                    with path.open("r+b") as file:
                        file.write(bytes(byte ^ 1 for byte in data))
            with pytest.raises(CorruptStore) as caught:
                received.extend(batches)
    found = str(caught.value)
    assert re.search(r"dataset [a-z-]+@sha256:[0-9a-f]{64}", found)
    assert re.search(r"part-00000\.tok.*expected sha256:[0-9a-f]{64}, found sha256:", found)
    assert not served or f"position {len(received) * 4}: " in found
    tokens = np.concatenate([batch.input_ids for batch in received])
    np.testing.assert_array_equal(tokens, stream.tokens[: len(tokens)])


def test_one_living_replica_is_enough(stream: Stream, url: str) -> None:
    with TokenStream([closed_port(), url], stream.plan, batch=4) as batches:
        assert sum(1 for _ in batches) == stream.total // 4
        assert batches.stats().retries > 0


def test_what_no_repetition_mends_is_refused_at_once(stream: Stream, url: str) -> None:
    unknown = "sha256:" + "5" * 64
    with (
        TokenStream(url, unknown) as batches,
        pytest.raises(Refused, match=r"answered 404: plan sha256:555.*awase mixture plan"),
    ):
        next(batches)
    with TokenStream(stream.store, unknown) as batches, pytest.raises(Refused, match="not in the"):
        next(batches)
    with (
        TokenStream(url, stream.plan, sections=("loss_mask",)) as batches,
        pytest.raises(Refused, match=r"sections loss_mask: plan .* has sources, cu_seqlens"),
    ):
        next(batches)


def test_a_batch_that_cu_seqlens_could_not_count_is_refused(
    source: str | list[str], stream: Stream
) -> None:
    most = (2**31 - 1) // LENGTH
    with TokenStream(source, stream.plan, batch=most) as batches:
        assert next(batches, None) is None
    with (
        TokenStream(source, stream.plan, batch=most + 1) as batches,
        pytest.raises(BadCursor, match=r"batch 134217728 of 16 tokens: .*int32"),
    ):
        next(batches)


def test_what_is_done_to_a_batch_changes_no_other(source: str | list[str], stream: Stream) -> None:
    with (
        TokenStream(source, stream.plan, batch=4) as batches,
        TokenStream(stream.store, stream.plan, batch=4) as wanted,
    ):
        for batch, want in zip(batches, wanted, strict=True):
            for name in ("input_ids", "sources", "cu_seqlens", "positions"):
                array = getattr(batch, name)
                np.testing.assert_array_equal(array, getattr(want, name))
                array[:] = 0


def test_a_numpy_number_is_a_number_and_leaves_as_an_int(stream: Stream) -> None:
    cursor = Cursor(stream.plan, np.int64(4))  # type: ignore[arg-type]
    with TokenStream(
        stream.store,
        stream.plan,
        world=np.int32(2),
        rank=np.uint8(1),
        cursor=cursor,  # type: ignore[arg-type]
    ) as batches:
        assert json.dumps(batches.state_dict()).endswith('"position": 4}')
        assert next(batches).positions.tolist() == [5]
        assert json.dumps(batches.state_dict()).endswith('"position": 6}')


def test_position_ids_count_from_each_document(stream: Stream) -> None:
    with TokenStream(stream.store, stream.plan, batch=4) as batches:
        batch = next(batches)
    assert batch.cu_seqlens is not None
    ids = position_ids(batch.cu_seqlens, (4, LENGTH))
    starts = set(batch.cu_seqlens.tolist())
    expected = 0
    for at, found in enumerate(ids.reshape(-1).tolist()):
        expected = 0 if at in starts else expected + 1
        assert found == expected


def test_errors_survive_another_process_and_a_loader_that_hands_on_their_text_alone() -> None:
    lost = Unreachable("position 44: no answer from http://a within 1 s", position=44)
    refused = Refused("http://a/v1/plans/b answered 404: no such plan", status=404)
    again = pickle.loads(pickle.dumps(lost)), pickle.loads(pickle.dumps(refused))
    text = Unreachable(f"Caught in worker 1.\n{lost}"), Refused(f"Caught in worker 1.\n{refused}")
    for unreachable, refusal in (again, text):
        assert unreachable.position == 44
        assert (refusal.status, refusal.exit_code) == (404, 4)
    assert Unreachable("lost").position is None


def test_the_package_exports_what_it_lists() -> None:
    assert sorted(awase_client.__all__) == awase_client.__all__
    for name in awase_client.__all__:
        assert hasattr(awase_client, name)
