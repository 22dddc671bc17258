"""A server that is SIGKILLed at the n-th piece of a frame it sends, and starts again.

    python -m tests.faults.stream_server STORE LISTENER_FD KILLS SEED COUNTER

Imports and compiles once and forks each life, so that a restart takes a moment. The socket outlives
the server.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path
from random import Random
from typing import Any

import uvicorn

from api.app import create_app
from api.settings import Settings
from awase_client.engine.reader import Engine


class Killed:
    """Passes everything on and dies before or after the n-th body message of token frames."""

    def __init__(self, app: Any, after: int, before_it: bool) -> None:
        self._app, self._left, self._before = app, after, before_it

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def answer(message: Any) -> None:
            mine = message["type"] == "http.response.body" and scope["path"].endswith("/tokens")
            self._left -= mine
            if self._left == 0 and self._before:
                os.kill(os.getpid(), signal.SIGKILL)
            await send(message)
            if self._left == 0 and mine:
                os.kill(os.getpid(), signal.SIGKILL)

        await self._app(scope, receive, answer if scope["type"] == "http" else send)


def life(store: str, listener: socket.socket, random: Random, *, kill: bool) -> None:
    app: Any = create_app(Settings(store=Path(store), drain_seconds=0))
    if kill:
        app = Killed(app, random.randint(1, 14), random.random() < 0.5)
    config = uvicorn.Config(app, log_level="critical", ws="none", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listener])


def main() -> None:
    store, descriptor, kills, seed, counter = sys.argv[1:]
    for plan in (Path(store) / "plans").iterdir():
        engine = Engine.open(store, f"sha256:{plan.name}", numba=True)
        engine.read(0, engine.total(), sections=("sources", "cu_seqlens"))
    listener = socket.socket(fileno=int(descriptor))
    random = Random(seed)
    child = 0

    def stop(*_: object) -> None:
        if child:
            os.kill(child, signal.SIGKILL)
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    done = 0
    while True:
        number = random.random()
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            life(store, listener, Random(number), kill=done < int(kills))
            os._exit(0)
        os.waitpid(child, 0)
        done += 1
        Path(counter).write_text(str(done))


if __name__ == "__main__":
    main()
