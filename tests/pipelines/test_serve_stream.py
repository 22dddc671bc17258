"""Streams from real `awase serve` processes: workers, and a drain that loses nothing."""

from __future__ import annotations

import hashlib
import signal
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from api.auth import create_key, hash_key
from awase_client import Options, TokenStream
from tests.pipelines.test_server import get, serve
from tests.streams import LENGTH, Stream, make_stream

CLIENTS = 8
BATCH = 9


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Stream:
    return make_stream(tmp_path_factory.mktemp("served"))


def read(urls: list[str], stream: Stream, *, key: str | None, each: Event | None = None) -> str:
    """The digest of the whole stream, a step a request; `each` is set once some were received."""
    digest = hashlib.sha256()
    options = Options(in_flight=2, request_bytes=1, timeout_seconds=20)
    with TokenStream(urls, stream.plan, batch=BATCH, key=key, options=options) as batches:
        for number, batch in enumerate(batches):
            digest.update(batch.input_ids.data)
            if each is not None and number == 20:
                each.set()
    return digest.hexdigest()


def counted(address: str, key: str, name: str) -> dict[str, float]:
    found = {}
    for line in get(f"{address}/metrics", key)[1].splitlines():
        if line.startswith(f"{name}_total{{"):
            label, value = line.split('="')[1].split('"} ')
            found[label] = float(value)
    return found


def test_workers_serve_streams_side_by_side_and_count_them_together(stream: Stream) -> None:
    key, scraper = create_key(), create_key()
    pairs = f"stream:{hash_key(key)},read:{hash_key(scraper)}"
    until = stream.total // BATCH * BATCH
    with serve(stream.store, "--workers", "2", AWASE_KEYS=pairs) as (address, process):
        assert get(f"{address}/v1/plans/{stream.plan}/tokens")[0] == 401
        with ThreadPoolExecutor(CLIENTS) as pool:
            reading = [pool.submit(read, [address], stream, key=key) for _ in range(CLIENTS)]
            assert {each.result() for each in reading} == {stream.digest(until)}
        real = counted(address, scraper, "awase_stream_tokens")
        assert sum(real.values()) == CLIENTS * until * LENGTH
        planned = counted(address, scraper, "awase_stream_planned_tokens")
        for source, value in real.items():
            assert planned[source] == pytest.approx(value, abs=CLIENTS * 3 * LENGTH)
        assert counted(address, scraper, "awase_stream_bytes") == {
            "train": CLIENTS * until * LENGTH * 2
        }
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_sigterm_under_load_loses_nothing_and_the_clients_go_on_elsewhere(stream: Stream) -> None:
    until = stream.total // BATCH * BATCH
    started = [Event() for _ in range(CLIENTS)]
    with (
        serve(stream.store, AWASE_DRAIN_SECONDS="0.2") as (one, ending),
        serve(stream.store) as (two, _),
        ThreadPoolExecutor(CLIENTS) as pool,
    ):
        reading = [pool.submit(read, [one, two], stream, key=None, each=each) for each in started]
        for each in started:
            assert each.wait(60)
        ending.send_signal(signal.SIGTERM)
        assert ending.wait(60) == 0, "a server that drained has ended well"
        assert {each.result() for each in reading} == {stream.digest(until)}
        assert get(f"{two}/readyz")[0] == 200
