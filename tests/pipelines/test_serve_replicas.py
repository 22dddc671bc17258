"""Two `awase serve` processes on ports of their own behind one client, one of them killed."""

from __future__ import annotations

import hashlib
import signal
from pathlib import Path

import numpy as np
import pytest

from awase_client import Options, TokenStream, Unreachable
from tests.pipelines.test_server import serve
from tests.streams import Stream, make_stream

BATCH = 4
# One step a request, so that each server has many frames still to answer when it dies.
OPTIONS = Options(in_flight=2, request_bytes=1, timeout_seconds=10.0, patience_seconds=30.0)


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Stream:
    return make_stream(tmp_path_factory.mktemp("replicas"))


def test_a_replica_killed_midway_changes_nothing_and_the_death_of_all_is_no_end(
    stream: Stream, tmp_path: Path
) -> None:
    seen = np.zeros(stream.total, int)
    digest = hashlib.sha256()
    with serve(stream.store) as (one, first), serve(stream.store) as (two, second):
        assert one != two
        with TokenStream([one, two], stream.plan, batch=BATCH, options=OPTIONS) as batches:
            for step, batch in enumerate(batches):
                digest.update(batch.input_ids.data)
                seen[batch.positions] += 1
                if step == 60:
                    first.send_signal(signal.SIGKILL)
                    first.wait(30)
            assert batches.stats().retries > 0, "the killed one was asked, too"
        until = stream.total // BATCH * BATCH
        assert digest.hexdigest() == stream.digest(until)
        assert seen.tolist() == [1] * until + [0] * (stream.total - until)

        hurried = Options(in_flight=2, request_bytes=1, timeout_seconds=2, patience_seconds=0.5)
        received = []
        with TokenStream([one, two], stream.plan, batch=BATCH, options=hurried) as batches:
            with pytest.raises(Unreachable) as caught:  # noqa: PT012
                for batch in batches:
                    received.append(batch)
                    if len(received) == 20:
                        second.send_signal(signal.SIGKILL)
                        second.wait(30)
            assert caught.value.position == BATCH * len(received) == batches.cursor.position
    assert f"position {BATCH * len(received)}: no answer from {one}, {two} within" in str(
        caught.value
    )
    assert 20 <= len(received) < stream.total // BATCH
