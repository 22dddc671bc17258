"""The token stream: one GET is one frame is one response. Stateless; any replica answers any."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.caching import IMMUTABLE, matches
from api.deps import Engines, plan_digest, require
from api.frames import FrameBuilder, FrameResponse, Question
from api.realised import realised
from api.settings import Settings
from awase_client.engine.plan import Plan
from awase_client.engine.reader import Engine
from awase_client.engine.views import Split
from awase_client.engine.within import remaining
from awase_client.engine.within import sections as sections_of
from awase_client.wire import MEDIA_TYPE
from curation.base.errors import UsageError

_SCOPE = require("stream")
_FRAME: dict[int | str, dict[str, Any]] = {
    200: {"content": {MEDIA_TYPE: {}}, "description": "one frame: `awase_client.wire`"}
}
_LARGEST = 2**48
# What awase_client sends. Anything else goes through FastAPI's own checks and messages, which cost
# as much as gathering half a megabyte.
_USUAL = re.compile(
    rb"position=(\d{1,14})&count=(\d{1,9})&rank=(\d{1,9})&world=([1-9]\d{0,8})"
    rb"&split=(train|holdout)"
)


class FrameRoute(APIRoute):
    """A route that recognises the questions of our own client as they stand."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        usual_way = super().get_route_handler()

        async def handler(request: Request) -> Response:
            usual = _USUAL.fullmatch(request.scope["query_string"])
            if usual is None or usual[2].strip(b"0") == b"":
                return await usual_way(request)
            await _SCOPE(request)
            position, count, rank, world = map(int, usual.groups()[:4])
            split: Split = "train" if usual[5] == b"train" else "holdout"
            return await _answer(
                request,
                request.path_params["digest"],
                position=position,
                count=count,
                rank=rank,
                world=world,
                split=split,
                sections=None,
            )

        return handler


router = APIRouter(prefix="/v1/plans", tags=["stream"], route_class=FrameRoute)


@router.get(
    "/{digest}/tokens",
    dependencies=[Depends(_SCOPE)],
    response_class=Response,
    responses=_FRAME,
)
async def get_tokens(
    request: Request,
    digest: str,
    position: Annotated[int, Query(ge=0, le=_LARGEST, description="the cursor, in sequences")] = 0,
    count: Annotated[int, Query(ge=1, le=2**31, description="sequences for this rank")] = 1,
    rank: Annotated[int, Query(ge=0, le=2**31)] = 0,
    world: Annotated[int, Query(ge=1, le=2**31)] = 1,
    split: Annotated[Split, Query()] = "train",
    sections: Annotated[
        str | None,
        Query(description="of sources, cu_seqlens, loss_mask, by commas; default: all there are"),
    ] = None,
) -> Response:
    """Positions position + rank + k * world, k = 0..count-1, as one frame.

    A frame may hold fewer than asked for, where the plan ends or the server's bound is reached: its
    header says how many. Past the end it holds none and has the end flag.
    """
    return await _answer(
        request,
        digest,
        position=position,
        count=count,
        rank=rank,
        world=world,
        split=split,
        sections=sections,
    )


async def _answer(
    request: Request,
    digest: str,
    *,
    position: int,
    count: int,
    rank: int,
    world: int,
    split: Split,
    sections: str | None,
) -> Response:
    if rank >= world:
        raise UsageError(f"rank {rank} of world {world}: ranks count from 0 to world - 1")
    engine = await _engine(request, plan_digest(digest))
    settings: Settings = request.app.state.settings
    first = position + rank
    question = Question(
        first=first,
        count=_possible(engine, split, first, count, world, settings.frame_bytes),
        stride=world,
        split=split,
        sections=_chosen(engine.plan, sections),
    )
    etag = _etag(engine.plan, question)
    if matches(request.headers.get("if-none-match"), etag):
        headers = {"ETag": etag, "Cache-Control": IMMUTABLE}
        return Response(status_code=304, headers=headers)
    return FrameResponse(
        _builder(request),
        engine,
        question,
        headers=((b"etag", etag), (b"cache-control", IMMUTABLE)),
        on_built=realised(engine).count,
    )


async def _engine(request: Request, digest: str) -> Engine:
    engines: Engines = request.app.state.engines
    engine = engines.opened(digest)
    return await run_in_threadpool(engines.get, digest) if engine is None else engine


def _builder(request: Request) -> FrameBuilder:
    state = request.app.state
    builder: FrameBuilder | None = getattr(state, "frames", None)
    if builder is None:
        settings: Settings = state.settings
        builder = FrameBuilder(threads=settings.frame_threads, frames=settings.frames)
        state.frames = builder
    return builder


def _possible(
    engine: Engine, split: Split, first: int, count: int, stride: int, frame_bytes: int
) -> int:
    """How many sequences the frame will hold."""
    row_bytes = engine.plan.width * (2 if engine.plan.dtype == "uint16" else 4)
    rows = max(1, frame_bytes // row_bytes)
    return min(count, rows, remaining(engine.total(split), first, stride))


def _chosen(plan: Plan, text: str | None) -> tuple[str, ...]:
    known = sections_of(plan)
    if text is None:
        return known
    asked = [name for name in text.split(",") if name]
    if unknown := sorted(set(asked) - set(known)):
        raise UsageError(
            f"sections {', '.join(unknown)}: plan {plan.digest} has {', '.join(known)}"
        )
    return tuple(name for name in known if name in asked)


def _etag(plan: Plan, question: Question) -> str:
    """Names the content without making it: everything a frame is a function of."""
    parts = (
        plan.digest.replace(":", "-"),
        question.split,
        question.first,
        question.stride,
        question.count,
        *question.sections,
    )
    return '"' + ".".join(map(str, parts)) + '"'
