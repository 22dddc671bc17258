"""Strong ETags of content, 304 for a reader that has it, for ever for what never changes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.problems import CODES, Problem

IMMUTABLE = "private, max-age=31536000, immutable"  # private: keys may be needed to read it
REVALIDATE = "private, no-cache"
_TAG = r'"[\x21\x23-\x7e\x80-\xff]*"'
_ENTITY_TAGS = re.compile(rf"(?:W/)?{_TAG}(?:[ \t]*,[ \t]*(?:W/)?{_TAG})*")
_STRONG = re.compile(rf"(?<!W/){_TAG}")


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


def expected_revision(request: Request, current: Callable[[], str | None]) -> int | None:
    """The revision that If-Match names; 0 for If-None-Match: *; None without a condition.

    `current` gives the ETag of what is there, None for nothing: `*` and lists are held against it.
    """
    named = _if_match(request, r'"revision-([0-9]{1,15})"', current)
    if named is None:
        return 0 if request.headers.get("if-none-match") == "*" else None
    return int(named)


def expected_digest(request: Request, current: Callable[[], str | None]) -> str | None:
    """The digest that If-Match names by its ETag; "" for If-None-Match: *; None without either."""
    named = _if_match(request, r'"sha256-([0-9a-f]{64})"', current)
    if named is None:
        return "" if request.headers.get("if-none-match") == "*" else None
    return "sha256:" + named


def _if_match(request: Request, ours: str, current: Callable[[], str | None]) -> str | None:
    """What If-Match holds where the expression `ours` has its group; None without the header.

    Of a list, and for `*`, that is the ETag of what is there now; the change is then made against
    that state. 412 where none is (RFC 9110 §13.1.1), 400 for what is no list of ETags.
    """
    header = request.headers.get("if-match")
    if header is None:
        return None
    if found := re.fullmatch(ours, header.strip(), re.ASCII):
        return found[1]
    if header.strip() != "*" and not _ENTITY_TAGS.fullmatch(header.strip()):
        raise Problem(400, CODES[400], f"If-Match {header!r} is not an ETag, as GET gives it")
    etag = current()
    if etag is not None and (header.strip() == "*" or etag in _STRONG.findall(header)):
        found = re.fullmatch(ours, etag, re.ASCII)
        assert found is not None, etag
        return found[1]
    raise Problem(412, CODES[412], f"If-Match {header!r} is not the ETag of what is there now")


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
