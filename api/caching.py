"""Strong ETags of content, 304 for a reader that has it, for ever for what never changes."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.problems import CODES, Problem

IMMUTABLE = "private, max-age=31536000, immutable"  # private: keys may be needed to read it
REVALIDATE = "private, no-cache"
_ENTITY_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')


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
    named = _if_match(request, r'"revision-([0-9]{1,15})"')
    if named is None:
        return 0 if request.headers.get("if-none-match") == "*" else None
    return int(named)


def expected_digest(request: Request) -> str | None:
    """The digest that If-Match names by its ETag; "" for If-None-Match: *; None without either."""
    named = _if_match(request, r'"sha256-([0-9a-f]{64})"')
    if named is None:
        return "" if request.headers.get("if-none-match") == "*" else None
    return "sha256:" + named


def _if_match(request: Request, ours: str) -> str | None:
    """What If-Match holds where the expression `ours` has its group; None without the header.

    412 for an ETag that is none of ours, which therefore no longer holds (RFC 9110 §13.1.1); 400
    for what is not one ETag: a change is made against one state.
    """
    header = request.headers.get("if-match")
    if header is None:
        return None
    if found := re.fullmatch(ours, header.strip(), re.ASCII):
        return found[1]
    if _ENTITY_TAG.fullmatch(header.strip()):
        raise Problem(412, CODES[412], f"If-Match {header!r} is not the ETag of what is there now")
    raise Problem(400, CODES[400], f"If-Match {header!r} is not one ETag, as GET gives it")


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
