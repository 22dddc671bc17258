"""Strong ETags of content, 304 for a reader that has it, for ever for what never changes."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.problems import Problem

IMMUTABLE = "private, max-age=31536000, immutable"  # private: keys may be needed to read it
REVALIDATE = "private, no-cache"


def etag_of(digest: str) -> str:
    """A strong ETag from `sha256:<hex>`."""
    return '"' + digest.replace(":", "-") + '"'


def matches(header: str | None, etag: str) -> bool:
    """Whether an If-None-Match names `etag`; weak comparison, as RFC 9110 §13.1.2 asks."""
    if header is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return "*" in tags or etag in tags


def revision_etag(revision: int) -> str:
    """The strong ETag of something that moves, by how often it did."""
    return f'"revision-{revision}"'


def expected_revision(request: Request) -> int | None:
    """The revision that If-Match names; 0 for If-None-Match: *; None without a condition."""
    header = request.headers.get("if-match")
    if header is None:
        return 0 if request.headers.get("if-none-match") == "*" else None
    found = re.fullmatch(r'"revision-([0-9]{1,15})"', header.strip(), re.ASCII)
    if found is None:
        raise Problem(400, "usage", f"If-Match {header!r} is not the ETag that GET gave")
    return int(found[1])


def expected_digest(request: Request) -> str | None:
    """The digest that If-Match names by its ETag; "" for If-None-Match: *; None without either."""
    header = request.headers.get("if-match")
    if header is None:
        return "" if request.headers.get("if-none-match") == "*" else None
    found = re.fullmatch(r'"sha256-([0-9a-f]{64})"', header.strip(), re.ASCII)
    if found is None:
        raise Problem(400, "usage", f"If-Match {header!r} is not the ETag of a version")
    return "sha256:" + found[1]


def json_response(
    request: Request, document: Any, *, etag: str | None = None, immutable: bool = False
) -> Response:
    """`document` as JSON, or 304; without `etag` it is taken from the bytes."""
    response: Response = JSONResponse(document)
    if etag is None:
        etag = etag_of("sha256:" + hashlib.sha256(response.body).hexdigest())
    headers = {"ETag": etag, "Cache-Control": IMMUTABLE if immutable else REVALIDATE}
    if matches(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    response.headers.update(headers)
    return response
