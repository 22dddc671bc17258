"""Building and sending frames: a few threads, a bounded number of frames in memory.

A frame is built whole, because its header carries the CRC, and leaves in pieces with a real await
each, so that a client that hangs up stops costing. A client too slow to take it within
`HOLD_SECONDS` loses its place: the frame is let go and every further piece is gathered again when
the socket has room, which purity allows. So slow clients hold a piece each, whatever a frame's
size, and never keep fast ones waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.caching import IMMUTABLE
from awase_client.engine.block import Block
from awase_client.engine.reader import Engine
from awase_client.engine.views import Split
from awase_client.wire import MEDIA_TYPE, Frame, Part, encode, frame_bytes

PIECE_BYTES = 512 << 10
HOLD_SECONDS = 1.0

_MEDIA_TYPE = MEDIA_TYPE.encode()
_IMMUTABLE = IMMUTABLE.encode()

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Question:
    """Which sequences: first, first + stride, ... `count` of them; `sections` beside tokens."""

    first: int
    count: int
    stride: int
    split: Split
    sections: tuple[str, ...]


class FrameBuilder:
    """The threads that build frames and the places that whole frames take in memory."""

    def __init__(self, *, threads: int, frames: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="awase-frame")
        self.places = asyncio.Semaphore(frames)

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, *arguments)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


class FrameResponse(Response):
    """One frame with its Content-Length; built when it is sent.

    etag names the content; on_built is called with the split and the block, in the thread that
    built it.
    """

    def __init__(
        self,
        builder: FrameBuilder,
        engine: Engine,
        question: Question,
        *,
        etag: str,
        on_built: Callable[[str, Block], None],
    ) -> None:
        self.status_code = 200
        self.background = None
        self.media_type = MEDIA_TYPE
        self.etag = etag
        self.started = False
        self._builder = builder
        self._engine = engine
        self._question = question
        self._on_built = on_built

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        places = self._builder.places
        waits = places.locked()
        await places.acquire()
        held = _Held(places)
        try:
            if waits and await _gone(scope, receive):
                return
            frame, parts = await self._builder.run(self._build)
            rows = frame.block.count
            row_bytes = frame.block.tokens.nbytes // rows if rows else 1
            held.tokens = parts[1] if rows else None
            lead, length = bytes(parts[0]), frame_bytes(parts)
            rest = b"".join(parts[2:] if rows else parts[1:])
            del frame, parts
            timer = asyncio.get_running_loop().call_later(HOLD_SECONDS, held.give_back)
            try:
                await self._start(send, length)
                at_once = max(1, PIECE_BYTES // row_bytes)
                for row in range(0, rows, at_once):
                    until = min(rows, row + at_once)
                    tail = rest if until == rows else b""
                    if held.tokens is not None:
                        # A copy, as the socket's buffer would keep the whole frame alive; it
                        # costs a tenth of the gather. Few messages, as each wakes the reader.
                        tokens = held.tokens[row * row_bytes : until * row_bytes]
                        body = b"".join((lead, tokens, tail))
                        del tokens
                    elif await _gone(scope, receive):
                        return
                    else:
                        again = await self._builder.run(self._again, row, until)
                        body = b"".join((lead, again, tail))
                    lead = b""
                    await send(_body(body, more=until < rows))
                if not rows:
                    await send(_body(lead + rest, more=False))
            finally:
                timer.cancel()
        finally:
            held.give_back()

    async def _start(self, send: Send, length: int) -> None:
        headers = [
            (b"content-type", _MEDIA_TYPE),
            (b"content-length", str(length).encode()),
            (b"etag", self.etag.encode("latin-1")),
            (b"cache-control", _IMMUTABLE),
        ]
        self.started = True
        await send({"type": "http.response.start", "status": 200, "headers": headers})

    def _build(self) -> tuple[Frame, list[Part]]:
        question, plan = self._question, self._engine.plan
        block = self._engine.read(
            question.first,
            question.count,
            stride=question.stride,
            split=question.split,
            sections={*question.sections, "sources"},  # always counted, not always sent
        )
        self._on_built(question.split, block)
        if "sources" not in question.sections:
            block = replace(block, sources=None)
        total = self._engine.total(question.split)
        frame = Frame(plan.digest, question.split, total, plan.sequence_length, block)
        return frame, encode(frame)

    def _again(self, row: int, until: int) -> bytes:
        """The tokens of rows row..until-1, gathered anew: the same bytes."""
        question = self._question
        block = self._engine.read(
            question.first + row * question.stride,
            until - row,
            stride=question.stride,
            split=question.split,
            sections=(),
        )
        return block.tokens.tobytes()


class _Held:
    """A place among the whole frames and the tokens in it, until given back."""

    def __init__(self, places: asyncio.Semaphore) -> None:
        self._places: asyncio.Semaphore | None = places
        self.tokens: Part | None = None

    def give_back(self) -> None:
        self.tokens = None
        if self._places is not None:
            self._places.release()
            self._places = None


async def _gone(scope: Scope, receive: Receive) -> bool:
    """Whether the client has hung up."""
    return await Request(scope, receive).is_disconnected()


def _body(part: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.response.body", "body": part, "more_body": more}
