"""Slow readers cost little memory and nobody's speed; clients that hang up cost nothing."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import psutil
import pytest
import uvicorn

from api.app import create_app
from api.settings import Settings
from awase_client import TokenStream
from curation.base.store import Store
from tests.streams import make_stream
from tests.tokenstore import view_of, write_corpus, write_plan

pytestmark = pytest.mark.faults
SECONDS = 60
MIB = 1 << 20


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A plan whose frames reach the server's bound: 4,000 sequences of 2,048."""
    store = Store(tmp_path_factory.mktemp("load"))
    corpus = write_corpus(store, "web", [[list(range(10, 2058))] * 500])
    view = view_of(store, corpus, length=2048)
    return store.root, write_plan(store, {"web": (corpus, view)}, counts=[4000])


class Served:
    """The app in a process of its own; its pid is what psutil looks at."""

    def __init__(self, store: Path) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.pid = os.fork()
        if self.pid == 0:
            config = uvicorn.Config(create_app(Settings(store=store)), log_level="critical")
            uvicorn.Server(config).run(sockets=[self.listener])
            os._exit(0)

    def close(self) -> None:
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        self.listener.close()


def drip(url: str, plan: str, stop: threading.Event) -> None:
    """Ask for the largest frame and take 64 KB of it a second."""
    with socket.create_connection((urlsplit(url).hostname or "", urlsplit(url).port or 0)) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
        query = "position=0&count=4000&rank=0&world=1&split=train"
        sock.sendall(
            f"GET /v1/plans/{plan}/tokens?{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        )
        while not stop.wait(0.25):
            sock.recv(16 << 10)


def rate(url: str, plan: str, seconds: float) -> float:
    started, read = time.monotonic(), 0
    with TokenStream(url, plan, batch=8) as stream:
        while time.monotonic() - started < seconds:
            stream.load_state_dict({"version": 1, "plan": plan, "position": 0})
            for batch in stream:
                read += batch.input_ids.nbytes
    return read / (time.monotonic() - started)


@pytest.mark.timeout(240)
def test_twenty_slow_readers_cost_little_and_slow_nobody(wide: tuple[Path, str]) -> None:
    store, plan = wide
    served = Served(store)
    stop = threading.Event()
    try:
        rate(served.url, plan, 3)
        alone = [rate(served.url, plan, 5) for _ in range(3)]
        process = psutil.Process(served.pid)
        before = process.memory_info().rss
        slow = [threading.Thread(target=drip, args=(served.url, plan, stop)) for _ in range(20)]
        for thread in slow:
            thread.start()
        peak, beside, until = 0, [], time.monotonic() + SECONDS
        while time.monotonic() < until:
            beside.append(rate(served.url, plan, 5))
            peak = max(peak, process.memory_info().rss)
        stop.set()
        for thread in slow:
            thread.join()
        # Before and after, as the machine may have become busier meanwhile.
        alone += [rate(served.url, plan, 5) for _ in range(3)]
        print(f"{median(alone) / 1e6:.0f} MB/s alone, {median(beside) / 1e6:.0f} beside")
        print(f"{(peak - before) / MIB:.0f} MiB more")
        assert peak - before < 64 * MIB
        assert median(beside) > 0.8 * median(alone)
    finally:
        stop.set()
        served.close()


def test_two_hundred_aborted_clients_leave_nothing(tmp_path: Path) -> None:
    """No task, thread or descriptor in the server is theirs a moment later."""
    stream = make_stream(tmp_path)
    app = create_app(Settings(store=stream.store))
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", ws="none"))
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        await server.serve(sockets=[listener])

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"

    def held() -> tuple[int, int, int]:
        async def count() -> int:
            return len(asyncio.all_tasks())

        tasks = asyncio.run_coroutine_threadsafe(count(), loops[0]).result()
        return tasks, threading.active_count(), psutil.Process().num_fds()

    try:
        with TokenStream(url, stream.plan) as batches:
            next(batches)
        aborted(url, stream.plan, 20)
        base = settled(held, (0, 0, 0))
        aborted(url, stream.plan, 200)
        now = settled(held, base)
        assert all(a <= b for a, b in zip(now, base, strict=True)), (base, now)
    finally:
        server.should_exit = True
        thread.join()


def aborted(url: str, plan: str, count: int) -> None:
    """Ask and hang up: some before the answer, some within it."""
    address = (urlsplit(url).hostname or "", urlsplit(url).port or 0)
    target = f"/v1/plans/{plan}/tokens?position=0&count=1500&rank=0&world=1&split=train"
    for k in range(count):
        with socket.create_connection(address) as sock:
            sock.sendall(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            if k % 2:
                sock.recv(1000)


def settled(held: object, at_most: tuple[int, int, int]) -> tuple[int, int, int]:
    """What is held once it no longer falls, or is no more than `at_most`."""
    deadline = time.monotonic() + 5
    lowest: tuple[int, int, int] = held()  # type: ignore[operator]
    while time.monotonic() < deadline and not all(
        a <= b for a, b in zip(lowest, at_most, strict=True)
    ):
        lowest = tuple(map(min, lowest, held()))  # type: ignore[operator, assignment]
    return lowest
