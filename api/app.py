"""create_app: the HTTP service. START HERE, then a file of `api.routes`.

A request passes: `limits.Rim` (id, metrics, headers, body limit) -> the scope that its route
declares (`auth.require`) and the query keys that it reads (`query_keys`) -> the route, which calls
`mixtures` or the engine -> `problems`. Frames that our own client asks for take a shorter way:
`straight`.
"""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from api import metrics, problems
from api.auth import Keys, Require, is_loopback
from api.deps import Engines
from api.jobs import Runner
from api.limits import Rim, Slots, drain_on_sigterm
from api.query_keys import keys_of
from api.routes import ROUTES
from api.settings import Settings
from api.straight import Straight
from curation.base.errors import UsageError
from curation.base.store import Store
from mixtures.catalog import Catalog

VERSION = version("awase")


class _App(FastAPI):
    def build_middleware_stack(self) -> ASGIApp:
        """The rim outermost, so that answers to our own mistakes carry their id too."""
        body_bytes = self.state.settings.body_bytes
        return Rim(super().build_middleware_stack(), body_bytes=body_bytes)


def create_app(settings: Settings) -> FastAPI:
    """The service over one store; UsageError where it would be open to a network without keys."""
    keys = Keys.parse(settings.keys.get_secret_value())
    check_open(settings.host, keys)
    app = _App(
        title="awase",
        version=VERSION,
        summary="Dataset versions, mixtures, plans and their token streams.",
        lifespan=_lifespan,
        openapi_url=None,  # a route of ours serves it, with a declared scope
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.settings = settings
    app.state.keys = keys
    app.state.store = Store(settings.store)
    app.state.engines = Engines(app.state.store, size=settings.engines)
    app.state.queries = Slots(settings.query_concurrency, what="statistics queries")
    problems.install(app)
    app.add_middleware(Straight, api=app)
    for name in ROUTES:
        # not include_router, which wraps routes: the scopes of each must be seen here
        app.router.routes.extend(importlib.import_module(f"api.routes.{name}").router.routes)
    for route in undeclared(app):
        raise RuntimeError(f"route {route} declares no scope: add Depends(require(...))")
    app.state.query_keys = keys_of(app.routes)
    metrics.build_info.labels(VERSION).set(1)
    return app


def from_environment() -> FastAPI:
    """The app of the settings in the environment; what uvicorn's workers import."""
    return create_app(Settings())


def check_open(host: str, keys: Keys) -> None:
    """Refuse to listen to a network when anybody there could do anything."""
    if not keys and not is_loopback(host):
        raise UsageError(
            f"refusing to bind {host} without keys: anybody who reaches it could read and change "
            "everything. Run `awase key create` and set AWASE_KEYS, or bind 127.0.0.1"
        )


def scopes_of(route: BaseRoute) -> Require | None:
    """The scopes that a route declares, None where it declares nothing."""
    if not isinstance(route, APIRoute):
        return None
    found = [call for call in _calls(route.dependant) if isinstance(call, Require)]
    return found[0] if len(found) == 1 else None


def undeclared(app: FastAPI) -> Iterator[str]:
    """Routes without exactly one declared scope."""
    for route in app.routes:
        if scopes_of(route) is None:
            yield route.path if isinstance(route, Route) else repr(route)


def _calls(dependant: Dependant) -> Iterator[Any]:
    for child in dependant.dependencies:
        yield child.call
        yield from _calls(child)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    url = None if settings.catalog is None else settings.catalog.get_secret_value()
    app.state.catalog = Catalog.open(app.state.store, url)
    app.state.runner = Runner(app.state.catalog, threads=settings.plan_threads)
    try:
        with drain_on_sigterm(settings.drain_seconds):
            yield
    finally:
        if (frames := getattr(app.state, "frames", None)) is not None:
            frames.close()
        app.state.runner.close()
        app.state.catalog.close()
