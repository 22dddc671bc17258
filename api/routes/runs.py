"""Runs: a chain of plans, and leases that fix whose a position is."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from api.caching import json_response
from api.deps import CatalogDep, StoreDep, require
from api.paging import PageDep
from curation.base.errors import UsageError
from mixtures.journal import Change, enter
from mixtures.publish import read_published
from mixtures.quantities import parse_weight
from mixtures.runs import MAX_LEASE, Runs

router = APIRouter(prefix="/v1/runs", tags=["runs"])
_READ = Depends(require("read", "stream"))
_WRITE = Depends(require("write"))


class NewRun(BaseModel):
    """A run at a plan; without `id` one is made up."""

    model_config = ConfigDict(extra="forbid")
    plan: str = Field(max_length=100)
    id: str | None = Field(None, max_length=100)


class NewEntry(BaseModel):
    """A change from `from` on: exactly one of `weights`, `skip_to`, `mixture` and `plan`."""

    model_config = ConfigDict(extra="forbid")
    start: int | None = Field(None, alias="from", ge=0, le=2**48)
    weights: dict[str, str | int] | None = Field(None, max_length=1000)
    skip_to: int | None = Field(None, ge=0, le=2**48)
    mixture: str | None = Field(None, max_length=300, description="a published name[@version]")
    restart: list[str] = Field(default_factory=list, max_length=1000)
    plan: str | None = Field(
        None, max_length=100, description="a plan in the store that continues the head"
    )


@router.post("", dependencies=[_WRITE], status_code=201)
def post_run(catalog: CatalogDep, body: NewRun) -> Response:
    """Start a run: 201; 409 where the id is taken."""
    run = Runs(catalog).create(body.plan, id=body.id)
    return JSONResponse(run.to_document(), 201, headers={"Location": f"/v1/runs/{run.id}"})


@router.get("", dependencies=[_READ])
def list_runs(catalog: CatalogDep, page: PageDep) -> Response:
    """Runs, newest first."""
    shown, last = page.runs(catalog)
    return page.respond([run.to_document() for run in shown], last)


@router.get("/{id}", dependencies=[_READ])
def get_run(request: Request, catalog: CatalogDep, id: str) -> Response:
    """A run: its head, the sealed mark, and its journal from the first plan on."""
    return json_response(request, Runs(catalog).get(id).to_document())


@router.post("/{id}/entries", dependencies=[_WRITE], status_code=201)
def post_entry(catalog: CatalogDep, store: StoreDep, id: str, body: NewEntry) -> Response:
    """Continue the run with a change: 409 where `from` is below the sealed mark."""
    if body.plan is not None:
        if body.model_fields_set - {"plan"}:
            raise UsageError("an entry with a plan has nothing else: the plan says from where")
        return JSONResponse(Runs(catalog).append(id, body.plan).to_document(), 201)
    if body.start is None:
        raise UsageError("an entry needs `from`: the first position that it changes")
    mixture = reference = None
    if body.mixture is not None:
        version = catalog.mixture(body.mixture)
        mixture, reference = read_published(catalog, version), version.reference
    change = Change(
        start=body.start,
        weights=None if body.weights is None else _weights(body.weights),
        skip_to=body.skip_to,
        mixture=mixture,
        restart=tuple(body.restart),
        reference=reference,
    )
    return JSONResponse(enter(catalog, store, id, change).to_document(), 201)


@router.get("/{id}/lease", dependencies=[Depends(require("stream"))])
def get_lease(
    catalog: CatalogDep,
    id: str,
    position: Annotated[int, Query(ge=0, le=2**48)],
    count: Annotated[int, Query(ge=1, le=MAX_LEASE)] = 1,
) -> Response:
    """Fix positions below `until`, at least position + count, to be the plan's for ever."""
    lease = Runs(catalog).lease(id, position=position, count=count)
    document = {"plan": lease.plan, "until": lease.until}
    return JSONResponse(document, headers={"Cache-Control": "no-store"})


def _weights(given: dict[str, str | int]) -> dict[str, Fraction]:
    found = {}
    for path, text in given.items():
        try:
            found[path] = parse_weight(str(text))
        except ValueError as error:
            raise UsageError(f"weights: {path[:100]}: {error}") from error
    return found
