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
            scopes = sorted(declared.scopes) if declared else []
            operation["x-scopes"] = scopes
            operation["security"] = [{"key": []}] if scopes else []
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)
    return document
