"""The OpenAPI document: FastAPI's own, plus keys, scopes and the one shape of errors."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from api.problems import MEDIA_TYPE

_PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance", "code", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "code": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["key", "message"],
                "properties": {
                    "line": {"type": "integer"},
                    "column": {"type": "integer"},
                    "key": {"type": "string"},
                    "message": {"type": "string"},
                },
            },
        },
    },
}
_ERROR = {
    "description": "Any error, as a problem (RFC 9457)",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


_NOT_CONDITIONAL = {"get_lease", "get_plan_job"}  # they tell of something that moves


def _condition(name: str, description: str) -> dict[str, Any]:
    schema = {"type": "string"}
    return {"name": name, "in": "header", "description": description, "schema": schema}


_IF_CHANGED = _condition("If-None-Match", "ETags; 304 where one is that of the answer")
_IF_SAME = [
    _condition("If-Match", "ETags, or *: 412 where none is that of what is there"),
    _condition("If-None-Match", "*: 412 where something is there"),
]


def document_of(app: FastAPI) -> dict[str, Any]:
    """The document of `app`; made once, the same for the same code."""
    if app.openapi_schema is None:
        app.openapi_schema = _build(app)
    return app.openapi_schema


def _build(app: FastAPI) -> dict[str, Any]:
    from api.app import scopes_of

    document = get_openapi(
        title=app.title, version=app.version, summary=app.summary, routes=app.routes
    )
    components = document.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = _PROBLEM
    components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    for route in app.routes:
        if not isinstance(route, APIRoute) or not route.include_in_schema:
            continue
        declared = scopes_of(route)
        for method in route.methods or ():
            operation = document["paths"][route.path_format][method.lower()]
            operation["operationId"] = route.name
            operation["responses"].pop("422", None)  # FastAPI's own shape, which we never send
            operation["responses"]["default"] = _ERROR
            if route.path.startswith("/v1/") and route.name not in _NOT_CONDITIONAL:
                _conditions(operation, method)
            scopes = sorted(declared.scopes) if declared else []
            operation["x-scopes"] = scopes
            operation["security"] = [{"key": []}] if scopes else []
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)
    return document


def _conditions(operation: dict[str, Any], method: str) -> None:
    """Add the headers that `api.caching` reads, and what they may lead to."""
    if method == "GET":
        operation.setdefault("parameters", []).append(_IF_CHANGED)
        operation["responses"]["304"] = {"description": "what the caller has is what there is"}
    elif method == "PUT":
        operation.setdefault("parameters", []).extend(_IF_SAME)
