"""Plans: immutable, named by digest."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.caching import IMMUTABLE, etag_of, matches
from api.deps import CatalogDep, StoreDep, plan_digest, require
from api.paging import PageDep
from awase_client.engine.documents import plan_bytes
from curation.base.errors import NotFound

router = APIRouter(prefix="/v1/plans", tags=["plans"])
READ = Depends(require("read"))


@router.get("", dependencies=[READ])
def list_plans(catalog: CatalogDep, page: PageDep) -> Response:
    """Plans, newest first."""
    after = page.after(str, str)
    found = catalog.plans(after=(after[0], after[1]) if after else None, limit=page.limit + 1)
    shown, last = page.cut(found, lambda plan: [plan.created, plan.digest])
    items = [
        {
            "digest": plan.digest,
            "mixture": plan.mixture,
            "sources": plan.sources,
            "tokens": plan.tokens,
            "created": plan.created,
        }
        for plan in shown
    ]
    return page.respond(items, last)


@router.get("/{digest}", dependencies=[Depends(require("read", "stream"))])
def get_plan(request: Request, store: StoreDep, digest: str) -> Response:
    """The plan, byte for byte as the store holds it: its SHA-256 is its name."""
    wanted = plan_digest(digest)
    headers = {"ETag": etag_of(wanted), "Cache-Control": IMMUTABLE}
    path = store.plan_path(wanted)
    if not path.exists():
        raise NotFound(f"plan {wanted} is not in this store: `awase mixture plan` makes one")
    if matches(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(plan_bytes(store.root, wanted), headers=headers, media_type="application/json")
