"""Pages by cursor: `{"items": [...], "next": url or null}` and Link: rel="next" (RFC 8288)."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Query, Request
from starlette.responses import Response

from api.caching import json_response
from api.problems import Problem
from api.settings import Settings
from mixtures.catalog import Catalog
from mixtures.runs import Run, Runs

Item = TypeVar("Item")


class Page:
    """The page a caller asks for: at most `limit` items after the place that `cursor` remembers."""

    def __init__(
        self,
        request: Request,
        limit: Annotated[int, Query(ge=1, description="items a page")] = 100,
        cursor: Annotated[str | None, Query(max_length=1000, description="from `next`")] = None,
    ) -> None:
        settings: Settings = request.app.state.settings
        self.request = request
        self.limit = min(limit, settings.page_items)
        self._cursor = cursor

    def after(self, *kinds: type) -> list[Any] | None:
        """Where to go on, as values of `kinds`; None from the start, 400 for a made-up cursor."""
        if self._cursor is None:
            return None
        try:
            values = json.loads(base64.urlsafe_b64decode(self._cursor))
        except (binascii.Error, ValueError):
            values = None
        if not isinstance(values, list) or [type(value) for value in values] != list(kinds):
            raise Problem(400, "usage", "cursor is not one that this listing gave: leave it out")
        return values

    def after_name(self) -> str:
        """The name that a listing by name goes on after, "" from the start."""
        after = self.after(str)
        return after[0] if after else ""

    def runs(self, catalog: Catalog) -> tuple[Sequence[Run], Sequence[Any] | None]:
        """The runs of this page, newest first, and the last one's key if more follow."""
        after = self.after(str, str)
        found = Runs(catalog).all(
            after=(after[0], after[1]) if after else None, limit=self.limit + 1
        )
        return self.cut(found, lambda run: [run.created, run.id])

    def cut(
        self, found: Sequence[Item], key: Callable[[Item], Sequence[Any]]
    ) -> tuple[Sequence[Item], Sequence[Any] | None]:
        """Items of this page, of `limit` + 1 asked for; and the last one's key if more follow."""
        shown = found[: self.limit]
        return shown, key(shown[-1]) if len(found) > self.limit else None

    def following(self, last: Sequence[Any] | None) -> str | None:
        """The address of the page after the item with key `last`; None where nothing follows."""
        if last is None:
            return None
        raw = json.dumps(list(last), ensure_ascii=False).encode()
        cursor = base64.urlsafe_b64encode(raw).decode()
        url = self.request.url.include_query_params(cursor=cursor, limit=self.limit)
        return f"{url.path}?{url.query}"

    def respond(self, items: Sequence[Any], last: Sequence[Any] | None) -> Response:
        """One page; `last` is the key of its last item, None where nothing follows."""
        following = self.following(last)
        response = json_response(self.request, {"items": list(items), "next": following})
        if following is not None:
            response.headers["Link"] = f'<{following}>; rel="next"'
        return response


PageDep = Annotated[Page, Depends(Page)]
