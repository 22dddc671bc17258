"""No flipped bit is delivered: each in a frame is detected and asked for again, one for one."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from urllib.parse import urlsplit

import numpy as np
import pytest

from awase_client import Cursor, Options, TokenStream
from tests.faults.bodies import Bodies
from tests.faults.proxy import Proxy
from tests.streams import Stream

BATCH = 7
STEP_A_REQUEST = Options(in_flight=3, request_bytes=1, timeout_seconds=5.0)


def address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    return parts.hostname, parts.port


def test_every_flip_in_a_frame_is_detected_once(stream: Stream, url: str) -> None:
    """The proxy counts frames in which it flipped a bit, the client its retries; no other cause."""
    proxy = Proxy(address(url), seed=1, flip=0.1, bodies=True)
    seen = np.zeros(stream.total, int)
    try:
        with TokenStream(proxy.url, stream.plan, batch=BATCH, options=STEP_A_REQUEST) as batches:
            for batch in batches:
                np.testing.assert_array_equal(batch.input_ids, stream.tokens[batch.positions])
                seen[batch.positions] += 1
            stats = batches.stats()
    finally:
        proxy.close()
    steps = stream.total // BATCH
    assert proxy.done.flipped == proxy.done.flips > 10
    assert stats.retries == proxy.done.flipped, "as many detected as flipped"
    assert stats.frames == steps == proxy.done.frames - proxy.done.flipped
    assert seen.tolist() == [1] * (BATCH * steps) + [0] * (stream.total % BATCH)


Change = Callable[[bytes], bytes]


class Between:
    """Passes one connection's request and answer on, changed, and closes; notes what it passed."""

    def __init__(self, upstream: tuple[str, int]) -> None:
        self._upstream = upstream
        self.request: Change = bytes
        self.answer: Change = bytes
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.sizes = (0, 0)

    def run(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client, suppress(OSError):
                asked = client.recv(8192)
                question, self.request = self.request(asked), bytes
                answered = self._ask(question)
                self.sizes = len(asked), len(answered)
                change, self.answer = self.answer, bytes
                client.sendall(change(answered))

    def _ask(self, question: bytes) -> bytes:
        """The one answer; as much of it as comes, where the server waits for more of a question."""
        out, where = b"", Bodies()
        with (
            socket.create_connection(self._upstream, timeout=0.2) as server,
            suppress(TimeoutError),
        ):
            server.sendall(question)
            while not where.whole and (data := server.recv(65536)):
                where.feed(data)
                out += data
        return out


@contextmanager
def between(url: str) -> Iterator[Between]:
    made = Between(address(url))
    thread = Thread(target=made.run)
    thread.start()
    try:
        yield made
    finally:
        made.listener.shutdown(socket.SHUT_RDWR)
        made.listener.close()
        thread.join()


def flipped(bit: int) -> Change:
    def change(data: bytes) -> bytes:
        out = bytearray(data)
        out[bit // 8] ^= 1 << bit % 8
        return bytes(out)

    return change


@pytest.mark.parametrize("way", ["request", "answer"])
def test_a_bit_flipped_anywhere_never_changes_what_arrives(
    stream: Stream, url: str, way: str
) -> None:
    """Request line, headers and body: what comes is right, whether the flip was noticed or not."""
    with between(url) as proxy:
        options = Options(in_flight=1, timeout_seconds=1.0)
        with TokenStream(proxy.url, stream.plan, batch=2, options=options) as batches:
            next(batches)
            size = proxy.sizes[way == "answer"]
            noticed = 0
            # A prime step takes all eight bits of a byte by turns.
            for bit in range(0, 8 * size, 23):
                position = bit % (stream.total - 2)
                setattr(proxy, way, flipped(bit))
                before = batches.stats().retries
                batches.load_state_dict(Cursor(stream.plan, position))
                batch = next(batches)
                want = stream.tokens[position : position + 2]
                np.testing.assert_array_equal(batch.input_ids, want)
                assert batch.positions.tolist() == [position, position + 1]
                noticed += batches.stats().retries > before
    assert noticed > 10, "most flips matter"
