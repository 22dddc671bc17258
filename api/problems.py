"""Every answer outside 2xx and 304 is application/problem+json (RFC 9457), made here; to a browser
that asks for one of the pages, outside /v1, the same is a page.

type        urn:awase:problem:<code>; docs/http.md explains each
title       the code in words        status      as in the status line
detail      what, where, the value seen, what to do next
instance    the path asked for       request_id  also in the header X-Request-ID and the log
code        stable, for programs     errors      [{line, column, key, message}] of a document
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from awase_client.errors import AwaseClientError, CorruptStore, PlanMismatch
from curation.base.errors import AwaseError, InvalidDocument

MEDIA_TYPE = "application/problem+json"
CODES = {
    400: "usage",
    401: "unauthenticated",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    409: "conflict",
    412: "precondition-failed",
    413: "too-large",
    415: "unsupported-media-type",
    422: "invalid-request",
    500: "failed",
    503: "try-again",
}
RETRY_SECONDS = 5

log = logging.getLogger("awase.api")


class Problem(Exception):
    """Raised by the API itself; `extra` members are added to the document."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})


def respond(request: Request, problem: Problem) -> Response:
    """The response that tells of `problem`."""
    document = {
        "type": f"urn:awase:problem:{problem.code}",
        "title": problem.code.replace("-", " ").capitalize(),
        "status": problem.status,
        "detail": problem.detail,
        "instance": request.url.path,
        "code": problem.code,
        "request_id": getattr(request.state, "request_id", ""),
        **problem.extra,
    }
    headers = {"Cache-Control": "no-store", "Vary": "Accept", **problem.headers}
    if problem.status == 503:
        headers.setdefault("Retry-After", str(RETRY_SECONDS))
    if _of_a_page(request):
        page = _page(request, document)
        page.status_code = problem.status
        page.headers.update(headers)
        return page
    body = json.dumps(document, ensure_ascii=False).encode()
    return Response(body, problem.status, headers=headers, media_type=MEDIA_TYPE)


def _of_a_page(request: Request) -> bool:
    """Whether a browser asks for a page: curl's and httpx's `*/*` is no such wish."""
    wanted = "text/html" in request.headers.get("accept", "")
    return wanted and request.method == "GET" and not request.url.path.startswith("/v1/")


def _page(request: Request, document: Mapping[str, Any]) -> Response:
    from api.pages import render

    return render(
        "problem.html",
        version=request.app.version,
        here="",
        json="",
        path=document["instance"],
        **{name: document[name] for name in ("title", "status", "detail", "request_id")},
    )


def install(app: FastAPI) -> None:
    """Let every error of `app` leave as a problem."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(AwaseError, _ours)
    app.add_exception_handler(AwaseClientError, _ours)
    app.add_exception_handler(Exception, _unexpected)


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return respond(request, error)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = CODES.get(error.status_code, "usage" if error.status_code < 500 else "failed")
    detail = str(error.detail)
    if detail == HTTPStatus(error.status_code).phrase:  # Starlette's own words say little
        detail = f"{detail}: {request.method} {request.url.path}"
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_methods(request))
    return respond(request, Problem(error.status_code, code, detail, headers=headers))


def _methods(request: Request) -> list[str]:
    """What the path takes (RFC 9110 §15.5.6); Starlette names the methods of its first route."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    fitting = [route for route in routes if route.path_regex.match(request.url.path)]
    return sorted({method for route in fitting for method in route.methods or ()})


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [
        {"key": ".".join(str(part) for part in item["loc"]), "message": item["msg"]}
        for item in error.errors()
    ]
    detail = "; ".join(f"{item['key']}: {item['message']}" for item in errors)
    return respond(request, Problem(422, "invalid-request", detail, extra={"errors": errors}))


def of_error(error: AwaseError | AwaseClientError) -> Problem:
    """How an error of ours is told over HTTP: status, code, text, positions in a document."""
    if isinstance(error, PlanMismatch):
        return Problem(409, "conflict", str(error))
    if isinstance(error, AwaseClientError):
        # the engine runs behind this server: what it finds damaged is not the caller's fault
        code = "integrity" if isinstance(error, CorruptStore) else "failed"
        return Problem(500, code, str(error))
    extra: dict[str, Any] = {}
    if isinstance(error, InvalidDocument):
        extra["errors"] = [
            {"line": item.line, "column": item.column, "key": item.key, "message": item.message}
            for item in error.problems
        ]
    notes = "".join(f"\n{note}" for note in getattr(error, "__notes__", ()))
    return Problem(error.status, error.code, f"{error}{notes}", extra=extra)


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, AwaseError | AwaseClientError)
    problem = of_error(error)
    if problem.status >= 500 and problem.status != 503:
        # What is damaged is all there is to know of it, and a client asks for it again and again.
        trace = None if problem.code == "integrity" else error
        log.error("request_failed: %s", error, extra={"path": request.url.path}, exc_info=trace)
    return respond(request, problem)


async def _unexpected(request: Request, error: Exception) -> Response:
    """A mistake of ours: the log has the trace under the request's id, the caller gets the id."""
    log.error("request_broke", extra={"path": request.url.path}, exc_info=error)
    detail = "the server made a mistake; its log tells more under this request_id"
    return respond(request, Problem(500, "failed", detail))
