"""Served: `awase serve` as shipped (auth, metrics, boundaries, ids), clients on the same two cores.

served-1 is one TokenStream that verifies every CRC. It is set against constant bytes, at the same
response size, from the same app with one route more. served-8 and served-64 are as many processes,
the ranks of one job, together. What arrives is checked once, untimed, against the reference digest.

All clients are timed after a warm-up, in which each writes its three receive buffers of 4 MiB for
the first time: 64 ranks of a short plan would be timed at little else (196,608 page faults). What
is left between served-64 and served-1 is memory: 64 working sets of 12 MiB do not fit a cache that
holds one, and a rank's CPU time goes from 1.0 to 1.7 ns a token, the server's from 4.7 to 5.0 s for
2,540 M tokens.
"""

from __future__ import annotations

import hashlib
import http.client
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from starlette.responses import Response

from api.auth import create_key, hash_key
from awase_client import Options, TokenStream
from benchmarks._stream_data import SEQUENCES, SMALL, Small, small
from benchmarks._stream_inprocess import BATCH, reference_digest
from benchmarks._table import RUNS, Measured, Table
from benchmarks._tokenstore import LENGTH
from curation.base.digest import canonical, digest_bytes
from curation.base.store import Store, write_atomic

OPTIONS = Options()
LONG = 10  # the timed plan is so many times the stream that is checked
# Ranks divide the plan and each warms up as served-1 does, so theirs is longer: 64 warm-ups are a
# tenth of it.
LONG_TOGETHER = 40
WARM = 250  # batches
RESPONSE = OPTIONS.request_bytes // (BATCH * LENGTH * 2) * BATCH * LENGTH * 2
CONSTANTS = 250  # responses a run of the constant


def app() -> Any:
    """The app of `awase serve`, and /constant."""
    from fastapi import Depends

    from api.app import from_environment
    from api.auth import require

    made, body = from_environment(), bytes(RESPONSE)

    @made.get("/constant", dependencies=[Depends(require("stream"))])
    async def constant() -> Response:
        return Response(body)

    return made


@contextmanager
def server(data: Small, *command: str) -> Iterator[tuple[str, str]]:
    """(URL, key) of a server in a process of its own."""
    key = create_key()
    environment = os.environ | {
        "AWASE_STORE": str(data.root),
        "AWASE_KEYS": f"stream:{hash_key(key)}",
    }
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), key
    finally:
        process.terminate()
        process.wait()


def shipped(data: Small) -> Any:
    awase = Path(sys.executable).with_name("awase")
    return server(data, str(awase), "serve", "--port", "0")


def with_constant(data: Small) -> Any:
    return server(data, sys.executable, "-m", "benchmarks._stream_served")


def long_plan(data: Small, times: int = LONG) -> str:
    """The blend over `times` as many epochs, so that a run takes seconds."""
    import json

    store = Store(data.root)
    document = json.loads(store.plan_path(data.plan).read_bytes())
    counts = [round(weight * SEQUENCES) * times for _, _, weight in SMALL]
    document["stages"] = [{"until": sum(counts), "tree": 0, "counts": counts}]
    text = canonical(document)
    write_atomic(store.plan_path(digest_bytes(text)), text)
    return digest_bytes(text)


def read_all(url: str, key: str, plan: str, *, warm: int = 0) -> float:
    """M tokens/s of one client over a plan, after `warm` batches."""
    with TokenStream(url, plan, batch=BATCH, key=key, options=OPTIONS) as stream:
        for _ in range(warm):
            next(stream)
        started, tokens = time.perf_counter(), 0
        for batch in stream:
            tokens += batch.input_ids.size
        return tokens / (time.perf_counter() - started) / 1e6


def received_digest(url: str, key: str, plan: str) -> str:
    state = hashlib.sha256()
    with TokenStream(url, plan, key=key, batch=BATCH) as stream:
        for batch in stream:
            state.update(batch.input_ids.data)
    return state.hexdigest()


def read_constant(url: str, key: str) -> float:
    """M tokens/s if the constant were tokens; as many connections as a TokenStream, no CRC."""
    left = iter(range(CONSTANTS))
    lock = threading.Lock()

    def read() -> None:
        connection = http.client.HTTPConnection(urlsplit(url).netloc)
        body = np.empty(RESPONSE, np.uint8).data
        while True:
            with lock:
                if next(left, None) is None:
                    connection.close()
                    return
            connection.request("GET", "/constant", headers={"Authorization": f"Bearer {key}"})
            response = connection.getresponse()
            at = 0
            while at < RESPONSE:
                at += response.readinto(body[at:])
            response.read()

    threads = [threading.Thread(target=read) for _ in range(OPTIONS.in_flight)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return CONSTANTS * RESPONSE / 2 / (time.perf_counter() - started) / 1e6


def served_1(table: Table) -> None:
    """One client; the same run also gives served-1-of-constant."""
    data = small()
    plan = long_plan(data)
    with shipped(data) as (url, key), with_constant(data) as (constant_url, constant_key):
        differences = int(received_digest(url, key, data.plan) != reference_digest(data))
        read_all(url, key, plan)
        ours, constant, beside = [], [], []
        for _ in range(RUNS):
            ours.append(read_all(url, key, plan, warm=WARM))
            constant.append(read_constant(constant_url, constant_key))
            beside.append(read_all(constant_url, constant_key, plan, warm=WARM))
    table.add(
        "served-1",
        "M tokens/s",
        Measured(tuple(ours)),
        differences=differences,
        target=">= 400",
        notes="one server process, one client, both checking CRC; auth and metrics on",
    )
    table.add(
        "served-1-of-constant",
        "M tokens/s",
        Measured(tuple(beside)),
        peer="constant bytes",
        peer_value=Measured(tuple(constant)),
        differences=differences,
        target=">= 0.35x",
        notes=f"responses of {RESPONSE >> 20} MiB from the same app",
    )


def _rank(
    url: str, key: str, plan: str, rank: int, world: int, into: str | None, gates: Any
) -> None:
    ready, go, done = gates
    rows = None if into is None else np.memmap(into, np.uint16, "r+", shape=(SEQUENCES, LENGTH))
    with TokenStream(url, plan, rank=rank, world=world, batch=BATCH, key=key) as stream:
        warm = [next(stream) for _ in range(1 if into is not None else WARM)]
        tokens = sum(batch.input_ids.size for batch in warm)
        if rows is not None:
            for batch in warm:
                rows[batch.positions] = batch.input_ids
        warm.clear()
        ready.wait()
        go.wait()
        before = stream.stats().bytes
        for batch in stream:
            tokens += batch.input_ids.size
            if rows is not None:
                rows[batch.positions] = batch.input_ids
        # What was read ahead while the others warmed up was not received in the time.
        received = stream.stats().bytes
        done.put(tokens * (received - before) / received)


def read_together(url: str, key: str, plan: str, world: int, into: str | None = None) -> float:
    """M tokens/s of `world` processes, the ranks of one job, each after a warm-up."""
    context = multiprocessing.get_context("fork")
    ready, go, done = context.Barrier(world + 1), context.Event(), context.Queue()
    ranks = [
        context.Process(target=_rank, args=(url, key, plan, rank, world, into, (ready, go, done)))
        for rank in range(world)
    ]
    for process in ranks:
        process.start()
    ready.wait()
    started = time.perf_counter()
    go.set()
    tokens = sum(done.get() for _ in ranks)
    seconds = time.perf_counter() - started
    for process in ranks:
        process.join()
    return float(tokens / seconds / 1e6)


def _differences(url: str, key: str, data: Small, world: int) -> int:
    """Whether what the ranks received, put in order, is not the reference (a remainder apart)."""
    whole = SEQUENCES // (world * BATCH) * world * BATCH
    with tempfile.NamedTemporaryFile() as file, TokenStream(data.root, data.plan) as tail:
        file.truncate(SEQUENCES * LENGTH * 2)
        read_together(url, key, data.plan, world, into=file.name)
        rows = np.memmap(file.name, np.uint16, "r+", shape=(SEQUENCES, LENGTH))
        tail.load_state_dict({"version": 1, "plan": tail.plan, "position": whole})
        for batch in tail:
            rows[batch.positions] = batch.input_ids
        return int(hashlib.sha256(rows.data).hexdigest() != reference_digest(data))


def served_many(table: Table, world: int) -> None:
    data = small()
    plan, longer = long_plan(data), long_plan(data, LONG_TOGETHER)
    with shipped(data) as (url, key):
        differences = _differences(url, key, data, world)
        ours, one = [], []
        for _ in range(RUNS):
            one.append(read_all(url, key, plan, warm=WARM))
            ours.append(read_together(url, key, longer, world))
    table.add(
        f"served-{world}",
        "M tokens/s",
        Measured(tuple(ours)),
        peer="served-1",
        peer_value=Measured(tuple(one)),
        differences=differences,
        target=">= 0.8x",
        notes=f"{world} client processes together, the ranks of one job, each after {WARM} "
        "batches as served-1 is; what was read ahead by then is not counted",
    )


CASES: dict[str, Callable[[Table], None]] = {
    "served-1": served_1,
    "served-8": lambda table: served_many(table, 8),
    "served-64": lambda table: served_many(table, 64),
}


def main() -> None:
    """Serve `app` on a free port, as pipelines.server does its own; prints the address first."""
    import uvicorn

    from pipelines.server import address, bind

    listener = bind("127.0.0.1", 0)
    print(address(listener), flush=True)
    config = uvicorn.Config(
        "benchmarks._stream_served:app", factory=True, log_level="warning", access_log=False
    )
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
