"""Query keys that a route does not read are refused: passed over, its answer would be another's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.routing import BaseRoute

from api.problems import Problem
from curation.base.fields import nearest

PREFIX = "/v1/"  # pages and probes take what a browser or a balancer adds


def keys_of(routes: Iterable[BaseRoute]) -> dict[str, tuple[str, ...]]:
    """The query keys that each route of the API reads, by the route's `unique_id`."""
    return {
        route.unique_id: tuple(sorted(_keys(route.dependant)))
        for route in routes
        if isinstance(route, APIRoute) and route.path.startswith(PREFIX)
    }


def check_keys(request: Request) -> None:
    """Problem 422 that names each unknown key of a request, and the nearest one that is read."""
    route = request.scope.get("route")
    if not request.scope["query_string"] or not isinstance(route, APIRoute):
        return
    known = request.app.state.query_keys.get(route.unique_id)
    if known is None:
        return
    errors = [
        {"key": f"query.{key}", "message": f"unknown key{nearest(key, known) or '; none is read'}"}
        for key in request.query_params
        if key not in known
    ]
    if errors:
        detail = f"{errors[0]['key']}: {errors[0]['message']}"
        raise Problem(422, "invalid-request", detail, extra={"errors": errors})


def _keys(dependant: Dependant) -> Iterator[str]:
    yield from (item.alias for item in dependant.query_params)
    for child in dependant.dependencies:
        yield from _keys(child)
