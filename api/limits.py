"""The rim of the app: request ids, counting, security headers; and the way out, draining.

Plain ASGI, so that a response body passes as it is: frames are large and must not be copied.
"""

from __future__ import annotations

import asyncio
import re
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import metrics
from curation.base.errors import TryAgain

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)
_SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}

draining = threading.Event()  # set by SIGTERM, for the process: /readyz says 503 from then on


class Rim:
    """Gives each request an id (the caller's X-Request-ID if well formed), counts and times it.

    A body over `body_bytes` ends in 413 when the route reads it, declared length or not.
    """

    def __init__(self, app: ASGIApp, *, body_bytes: int) -> None:
        self.app = app
        self.body_bytes = body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        status = 500
        started = time.perf_counter()

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                for name, value in _SECURITY.items():
                    headers.setdefault(name, value)
                if draining.is_set():
                    headers["Connection"] = "close"
            await send(message)

        metrics.requests_open.inc()
        try:
            await self.app(scope, _bounded(receive, self.body_bytes), answer)
        finally:
            metrics.requests_open.dec()
            route = _route(scope)
            method = scope["method"] if scope["method"] in _METHODS else "other"
            metrics.requests_total.labels(method, route, str(status)).inc()
            metrics.request_seconds.labels(route).observe(time.perf_counter() - started)


_METHODS = frozenset({"GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"})


def _bounded(receive: Receive, body_bytes: int) -> Receive:
    total = 0

    async def bounded() -> Message:
        nonlocal total
        message = await receive()
        if message["type"] == "http.request":
            total += len(message.get("body", b""))
            if total > body_bytes:
                raise HTTPException(413, f"the body is larger than {body_bytes} bytes")
        return message

    return bounded


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            text = bytes(value).decode("latin-1")
            if _REQUEST_ID.fullmatch(text):
                return text
    return uuid.uuid4().hex


def _route(scope: Scope) -> str:
    """The template of the route that answered: a bounded set, unlike paths."""
    route: Any = scope.get("route")
    return str(getattr(route, "path", "")) or "none"


class Slots:
    """At most `count` of something at a time; who waits longer than a second is sent away."""

    def __init__(self, count: int, *, what: str, wait_seconds: float = 1.0) -> None:
        self._free = threading.BoundedSemaphore(count)
        self._count = count
        self._what = what
        self._wait_seconds = wait_seconds

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold one of the places; TryAgain where none is free."""
        if not self._free.acquire(timeout=self._wait_seconds):
            raise TryAgain(f"{self._count} {self._what} are running already: try again")
        started = time.perf_counter()
        outcome = "failed"
        try:
            yield
            outcome = "answered"
        finally:
            self._free.release()
            metrics.query_seconds.labels(outcome).observe(time.perf_counter() - started)


@contextmanager
def drain_on_sigterm(seconds: float) -> Iterator[None]:
    """First SIGTERM: say so for `seconds`, then stop as the server would have; a second: at once.

    Load balancers need the time between "not ready" and a closed port. Responses that are running
    finish whole either way.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals reach the main thread alone; a test client runs apps elsewhere
        return
    before = signal.getsignal(signal.SIGTERM)
    if not callable(before):
        yield
        return
    loop = asyncio.get_running_loop()

    def on_sigterm(number: int, frame: FrameType | None) -> None:
        if draining.is_set() or seconds == 0:
            draining.set()
            before(number, frame)
            return
        draining.set()
        loop.call_soon_threadsafe(loop.call_later, seconds, before, number, None)

    signal.signal(signal.SIGTERM, on_sigterm)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
