"""Frames from servers over HTTP: keep-alive, bounded retries across servers, one error at the end.

Any server may answer any request, so a request that failed goes to the next one. What is tried
again: no connection, a cut or late answer, a damaged frame, 429 and 5xx. What is not: other 4xx,
once three answers agree. After `patience_seconds` without a frame the last failure is raised.
"""

from __future__ import annotations

import json
import os
import random
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Lock
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import numpy as np
from numpy.typing import NDArray

from awase_client.errors import (
    AwaseClientError,
    BadCursor,
    CorruptFrame,
    CorruptStore,
    Refused,
    Unreachable,
)
from awase_client.wire import HEADER_BYTES, Frame, decode

if TYPE_CHECKING:
    import http.client

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Options:
    """How a stream reads ahead and how long it waits for servers.

    in_flight         requests under way or received and not yet consumed, at most
    request_bytes     tokens asked for in a request; a batch larger than this is one request
    timeout_seconds   silence on a connection before it is given up
    patience_seconds  how long all servers may fail for one request before Unreachable
    """

    in_flight: int = 3
    request_bytes: int = 4 << 20
    timeout_seconds: float = 30.0
    patience_seconds: float = 60.0


_AGREE = 3  # refusals with one status in a row, before one is believed
_MAX_BODY_BYTES = 1 << 30
_MAX_PROBLEM_BYTES = 64 << 10
_MAX_JSON_BYTES = 16 << 20
_FIRST_DELAY_SECONDS = 0.05
_MAX_DELAY_SECONDS = 2.0


class _Later(Exception):
    """The server asked to be tried again (429, 5xx)."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class Servers:
    """Equal servers of one plan."""

    def __init__(
        self,
        urls: Sequence[str],
        plan: str,
        *,
        rank: int,
        split: str,
        sections: Sequence[str] | None,
        key: str | None,
        options: Options,
    ) -> None:
        self.plan = plan
        self.rank = rank
        self.split = split
        self.sections = sections
        self.key = key
        self.options = options
        self.urls = [check_url(url) for url in urls]
        self._next = 0
        self._lock = Lock()

    def connect(self, *, stop: Event) -> ServerReader:
        with self._lock:
            first = self._next
            self._next += 1
        return ServerReader(self, first=first, stop=stop)

    def close(self) -> None:
        pass

    def target(self, first: int, count: int, stride: int) -> str:
        """Path and query of a frame that starts at position `first`."""
        query = {
            "position": first - self.rank,
            "count": count,
            "rank": self.rank,
            "world": stride,
            "split": self.split,
        }
        if self.sections is not None:
            query["sections"] = ",".join(self.sections)
        return f"/v1/plans/{quote(self.plan)}/tokens?{urlencode(query)}"


class Asker:
    """One thread's connection to equal servers; goes from one to the next when one fails."""

    def __init__(
        self, urls: Sequence[str], *, key: str | None, options: Options, first: int, stop: Event
    ) -> None:
        check_key(key)
        self._urls = urls
        self._key = key
        self._options = options
        self._at = first
        self._stop = stop
        self._connection: http.client.HTTPConnection | None = None
        self._response: http.client.HTTPResponse | None = None
        # Jitter only spreads retries in time and decides no byte, so it may be truly random.
        self._random = random.Random(os.urandom(8))  # noqa: S311
        self.retries = 0
        self.bytes_read = 0

    def ask(
        self, target: str, take: Callable[[http.client.HTTPResponse], T], *, position: int
    ) -> T:
        """What `take` makes of a 200; Refused, CorruptFrame, CorruptStore or Unreachable."""
        import http.client  # 30 ms that a trainer which reads a store need not pay

        deadline = time.monotonic() + self._options.patience_seconds
        delay = _FIRST_DELAY_SECONDS
        refusals: list[int] = []
        while True:
            url = self._urls[self._at % len(self._urls)]
            reused = self._connection is not None
            try:
                return take(self._get(url, target))
            except (OSError, http.client.HTTPException, CorruptFrame, _Later) as error:
                self.close()
                failure = error
            except Refused as refusal:
                self.close()
                refusals.append(refusal.status)
                if refusals[-_AGREE:] == [refusal.status] * _AGREE or len(refusals) > 9:
                    raise
                self.retries += 1
                self._at += 1  # a bit flipped on the way may have made another question of it
                continue
            refusals.clear()
            if reused and isinstance(failure, ConnectionError):
                continue  # the server closed an idle connection, as it may: ask again on a new one
            self.retries += 1
            self._at += 1
            left = deadline - time.monotonic()
            if left <= 0 or self._stop.wait(min(left, self._random.uniform(0, delay))):
                raise self._last_word(failure, url, position) from failure
            delay = min(2 * delay, _MAX_DELAY_SECONDS)

    def abort(self) -> None:
        """Wake a read under way in another thread; it fails."""
        connection = self._connection
        sock = None if connection is None else connection.sock
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        if self._response is not None:
            self._response.close()  # an answer that was not read to its end keeps the socket open
            self._response = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _get(self, url: str, target: str) -> http.client.HTTPResponse:
        if self._connection is None:
            self._connection = _open(url, self._options.timeout_seconds)
        headers = {"Accept-Encoding": "identity"}
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key}"
        path = urlsplit(url).path.rstrip("/") + target
        self._connection.request("GET", path, headers=headers)
        response = self._response = self._connection.getresponse()
        if response.status != 200:
            raise _problem(response, url, target)
        return response

    def _last_word(self, failure: Exception, url: str, position: int) -> AwaseClientError:
        if isinstance(failure, CorruptFrame):
            return CorruptFrame(f"position {position}: {url}: {failure}")
        if isinstance(failure, _Later) and failure.code == "integrity":
            return CorruptStore(f"position {position}: {failure}")
        return Unreachable(
            f"position {position}: no answer from {', '.join(self._urls)} within "
            f"{self._options.patience_seconds:g} s, last {type(failure).__name__}: {failure}; "
            "nothing is lost: start again from the last saved state",
            position=position,
        )


class ServerReader(Asker):
    """One thread's way to the frames of a plan."""

    def __init__(self, servers: Servers, *, first: int, stop: Event) -> None:
        super().__init__(
            servers.urls, key=servers.key, options=servers.options, first=first, stop=stop
        )
        self._servers = servers

    def read(self, first: int, count: int, stride: int) -> Frame:
        """The frame; Refused, CorruptFrame, CorruptStore or Unreachable where none can be had."""
        servers = self._servers
        target = servers.target(first, count, stride)

        def take(response: http.client.HTTPResponse) -> Frame:
            body = _read_body(response)
            self.bytes_read += len(body)
            frame = decode(body.data)
            block = frame.block
            asked = (servers.plan, servers.split, first, stride)
            if (frame.plan, frame.split, block.first, block.stride) != asked or block.count > count:
                raise CorruptFrame(f"the answer is to another question than {target}")
            return frame

        return self.ask(target, take, position=first)


def read_json(response: http.client.HTTPResponse) -> Any:
    """The JSON of a small answer; CorruptFrame where it is none."""
    try:
        return json.loads(response.read(_MAX_JSON_BYTES))
    except ValueError as error:
        raise CorruptFrame(f"an answer is not JSON ({error})") from error


def check_url(url: str) -> str:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:  # no number, or none that a port can have
        port = 0
    if (
        port == 0
        or parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.query
        or parts.fragment
    ):
        raise BadCursor(f"server {url!r}: give it as http(s)://host[:port][/prefix]")
    return url


def check_key(key: str | None) -> None:
    """BadCursor, which does not show it, for a key that no header can carry."""
    if key is not None and (not key or not key.isascii() or any(map(str.isspace, key))):
        raise BadCursor(
            "the key is empty, or holds white space or a character that is not ASCII: give it as "
            "`awase key create` printed it, without a file's line end"
        )


def _open(url: str, timeout_seconds: float) -> http.client.HTTPConnection:
    import http.client

    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        import ssl

        return http.client.HTTPSConnection(
            host, parts.port, timeout=timeout_seconds, context=ssl.create_default_context()
        )
    return http.client.HTTPConnection(host, parts.port, timeout=timeout_seconds)


def _read_body(response: http.client.HTTPResponse) -> NDArray[np.uint8]:
    length = response.length
    if length is None or not HEADER_BYTES <= length <= _MAX_BODY_BYTES:
        raise CorruptFrame(f"a frame with Content-Length {length}")
    body = np.empty(length, np.uint8)
    view = body.data
    at = 0
    while at < length:
        got = response.readinto(view[at:])
        if got == 0:
            import http.client

            raise http.client.IncompleteRead(b"", length - at)
        at += got
    return body


def _problem(response: http.client.HTTPResponse, url: str, target: str) -> Exception:
    """What a non-200 means: `Refused` for good, or `_Later`."""
    try:
        document = json.loads(response.read(_MAX_PROBLEM_BYTES))
        detail, code = str(document.get("detail", "")), str(document.get("code", ""))
    except (ValueError, AttributeError):
        detail, code = "", ""
    message = f"{url}{target} answered {response.status}: {detail or response.reason}"
    if 400 <= response.status < 500 and response.status != 429:
        return Refused(message, status=response.status)
    return _Later(message, code=code)
