"""The usual question of our own client, answered without the framework around a route.

Finding the route, its dependencies and its stacks of contexts cost as much as gathering half a
megabyte of tokens. What is asked in the client's own words, by a key that may, of a plan that is
open, is answered here at once. All else, errors included, goes the usual way and is told of there.
"""

from __future__ import annotations

import re

from fastapi import FastAPI
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api.deps import plan_digest
from api.frames import FrameResponse
from api.problems import Problem
from api.routes import tokens
from awase_client.engine.views import Split
from awase_client.errors import AwaseClientError
from curation.base.errors import AwaseError

_PATH = re.compile(r"/v1/plans/((?:sha256:)?[0-9a-f]{64})/tokens")
_QUERY = re.compile(
    rb"position=(\d{1,14})&count=([1-9]\d{0,8})&rank=(\d{1,9})&world=([1-9]\d{0,8})"
    rb"&split=(train|holdout)"
)


class Straight:
    """Middleware: answers what `awase_client` asks for, passes on what is asked otherwise."""

    def __init__(self, app: ASGIApp, *, api: FastAPI) -> None:
        self.app = app
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = None
        if scope["type"] == "http" and scope["method"] == "GET":
            response = await self._response(scope)
        if response is None:
            await self.app(scope, receive, send)
            return
        try:
            await response(scope, receive, send)
        except (AwaseError, AwaseClientError):
            if response.started:
                raise
            await self.app(scope, receive, send)  # fails in the same way, and says so properly

    async def _response(self, scope: Scope) -> FrameResponse | None:
        """The frame that is asked for; None where it takes more than a look to say."""
        path, query = _PATH.fullmatch(scope["path"]), _QUERY.fullmatch(scope["query_string"])
        if path is None or query is None:
            return None
        engine = self._api.state.engines.opened(plan_digest(path[1]))
        if engine is None or any(name == b"if-none-match" for name, _ in scope["headers"]):
            return None
        position, count, rank, world = map(int, query.groups()[:4])
        if rank >= world:
            return None
        try:
            await tokens.SCOPE(Request(scope))
        except Problem:
            return None
        split: Split = "train" if query[5] == b"train" else "holdout"
        scope["route"] = tokens.ROUTE
        return tokens.frame(
            self._api.state,
            engine,
            position=position,
            count=count,
            rank=rank,
            world=world,
            split=split,
        )
