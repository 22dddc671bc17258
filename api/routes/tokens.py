"""The token stream: one GET is one frame is one response. Stateless; any replica answers any."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import State
from starlette.responses import Response

from api.caching import IMMUTABLE, matches
from api.deps import plan_digest, require
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

SCOPE = require("stream")
_FRAME: dict[int | str, dict[str, Any]] = {
    200: {"content": {MEDIA_TYPE: {}}, "description": "one frame: `awase_client.wire`"}
}
_LARGEST = 2**48

router = APIRouter(prefix="/v1/plans", tags=["stream"])


@router.get(
    "/{digest}/tokens",
    dependencies=[Depends(SCOPE)],
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
    if rank >= world:
        raise UsageError(f"rank {rank} of world {world}: ranks count from 0 to world - 1")
    engine = await run_in_threadpool(request.app.state.engines.get, plan_digest(digest))
    response = frame(
        request.app.state,
        engine,
        position=position,
        count=count,
        rank=rank,
        world=world,
        split=split,
        sections=sections,
    )
    if matches(request.headers.get("if-none-match"), response.etag):
        headers = {"ETag": response.etag, "Cache-Control": IMMUTABLE}
        return Response(status_code=304, headers=headers)
    return response


ROUTE = router.routes[-1]


def frame(
    state: State,
    engine: Engine,
    *,
    position: int,
    count: int,
    rank: int,
    world: int,
    split: Split,
    sections: str | None = None,
) -> FrameResponse:
    """The response whose frame is built when it is sent; rank < world."""
    first = position + rank
    question = Question(
        first=first,
        count=_possible(engine, split, first, count, world, state.settings.frame_bytes),
        stride=world,
        split=split,
        sections=_chosen(engine.plan, sections),
    )
    return FrameResponse(
        _builder(state),
        engine,
        question,
        etag=_etag(engine.plan, question),
        on_built=realised(engine).count,
    )


def _builder(state: State) -> FrameBuilder:
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
