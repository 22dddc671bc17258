"""Mixtures: publish YAML, read versions, compare them, make plans."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from api import aliases
from api.aliases import AliasTarget, is_fixed
from api.caching import etag_of, expected_digest, json_response
from api.deps import CatalogDep, SettingsDep, StoreDep, require
from api.jobs import Runner
from api.paging import PageDep
from api.problems import CODES, Problem
from curation.base.digest import digest_of
from curation.base.errors import NotFound
from mixtures.catalog import Catalog, MixtureVersion
from mixtures.catalog.jobs import Job
from mixtures.diff import diff
from mixtures.publish import publish, read_published

router = APIRouter(prefix="/v1/mixtures", tags=["mixtures"])
READ = Depends(require("read"))
WRITE = Depends(require("write"))

# What programs call YAML, and what curl and urllib send where nobody says what a body is.
_KINDS = frozenset(f"application/{name}" for name in ("yaml", "x-yaml", "json", "octet-stream")) | {
    "text/yaml",
    "text/x-yaml",
    "text/plain",
    "application/x-www-form-urlencoded",
}

_YAML: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/yaml": {"schema": {"type": "string"}}},
    }
}


_UNDER_WAY: dict[int | str, dict[str, Any]] = {
    202: {"description": "under way: ask again at Location"}
}


def _summary(version: MixtureVersion) -> dict[str, Any]:
    return {
        "name": version.name,
        "version": version.number,
        "digest": version.digest,
        "created": version.created,
    }


@router.get("", dependencies=[READ])
def list_mixtures(catalog: CatalogDep, page: PageDep) -> Response:
    """The newest version of each mixture, by name."""
    found = catalog.mixtures(after=page.after_name(), limit=page.limit + 1)
    shown, last = page.cut(found, lambda item: [item.name])
    return page.respond([_summary(item) for item in shown], last)


@router.put(
    "/{name}",
    dependencies=[WRITE],
    openapi_extra=_YAML,
    responses={201: {"description": "a new version"}},
)
async def put_mixture(request: Request, catalog: CatalogDep, name: str) -> Response:
    """Publish the YAML in the body: 201 with a new version, 200 with the one that has this text.

    A document with problems is refused with all of them, each with line and column. If-Match with
    the newest version's ETag (or If-None-Match: *) refuses with 412 where another is newest.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind and kind not in _KINDS:
        raise Problem(415, CODES[415], f"a mixture is application/yaml, not {kind[:100]}")
    body = await request.body()
    return await run_in_threadpool(_publish, request, catalog, name, body)


def _publish(request: Request, catalog: Catalog, name: str, body: bytes) -> Response:
    def current() -> str | None:
        try:
            return etag_of(catalog.mixture(name).digest)
        except NotFound:
            return None

    expected = expected_digest(request, current)
    published = publish(catalog, name, body, file="body", expected=expected)
    version = published.version
    document = {**_summary(version), "advice": list(published.mixture.advice)}
    headers = {
        "Location": f"/v1/mixtures/{name}/versions/{version.number}",
        "ETag": etag_of(version.digest),
    }
    return JSONResponse(document, 201 if published.is_new else 200, headers=headers)


@router.get("/{name}", dependencies=[READ])
def get_mixture(
    request: Request, catalog: CatalogDep, settings: SettingsDep, name: str
) -> Response:
    """One mixture: its newest versions, and where its aliases point."""
    return aliases.named(request, catalog, "mixture", name, limit=settings.page_items)


@router.get("/{name}/versions/{ref}", dependencies=[READ])
def get_mixture_version(request: Request, catalog: CatalogDep, name: str, ref: str) -> Response:
    """A version: its YAML as published, and the mixture as it is understood."""
    version = catalog.mixture(f"{name}@{ref}")
    mixture = read_published(catalog, version)
    document = {**_summary(version), "text": version.text, "document": mixture.document()}
    # publishing merges what a document extends, so the text alone decides all of this
    etag = etag_of(version.digest)
    return json_response(request, document, etag=etag, immutable=is_fixed(ref))


@router.get("/{name}/aliases/{alias}", dependencies=[READ])
def get_mixture_alias(request: Request, catalog: CatalogDep, name: str, alias: str) -> Response:
    """Where an alias points, and every move it made; the ETag is what If-Match wants."""
    return aliases.show(request, catalog, "mixture", name, alias)


@router.put("/{name}/aliases/{alias}", dependencies=[WRITE])
def put_mixture_alias(
    request: Request, catalog: CatalogDep, name: str, alias: str, body: AliasTarget
) -> Response:
    """Point an alias at a version; If-Match (or If-None-Match: *) refuses lost updates."""
    return aliases.move(request, catalog, "mixture", name, alias, body)


@router.get("/{name}/diff", dependencies=[READ])
def get_mixture_diff(
    request: Request,
    catalog: CatalogDep,
    name: str,
    before: Annotated[str, Query(alias="from", max_length=300, description="a version of it")],
    after: Annotated[str, Query(alias="to", max_length=300, description="a version of it")],
) -> Response:
    """What changed between two versions: tokens, epochs and licences a source, settings, lines."""
    sides = []
    for ref in (before, after):
        version = catalog.mixture(f"{name}@{ref}")
        sides.append((version.reference, version.text, read_published(catalog, version)))
    return json_response(request, diff(catalog, sides[0], sides[1]).document())


@router.post("/{name}/plan", dependencies=[WRITE], status_code=201, responses=_UNDER_WAY)
def post_plan(
    request: Request,
    catalog: CatalogDep,
    store: StoreDep,
    settings: SettingsDep,
    name: str,
    version: Annotated[
        str | None, Query(max_length=300, description="number, alias or digest; default: newest")
    ] = None,
) -> Response:
    """Make the plan of a mixture: 201 with it, or 202 with where to ask after ten seconds.

    What the mixture's references mean is looked up when the work starts.
    """
    from mixtures.plan import make_plan

    chosen = catalog.mixture(name if version is None else f"{name}@{version}")
    mixture = read_published(catalog, chosen)

    def work() -> str:
        return make_plan(mixture, catalog, store, reference=chosen.reference).digest

    job_name = digest_of({"plan": chosen.digest, "mixture": chosen.reference})[7:39]
    runner: Runner = request.app.state.runner
    job = runner.submit(job_name, work, wait_seconds=settings.plan_wait_seconds)
    return _answer(name, job)


@router.get("/{name}/plan/{job}", dependencies=[READ], status_code=201, responses=_UNDER_WAY)
def get_plan_job(request: Request, name: str, job: str) -> Response:
    """How the making of a plan stands: 202 while it goes on, then the plan or what went wrong."""
    runner: Runner = request.app.state.runner
    return _answer(name, runner.get(job))


def _answer(name: str, job: Job) -> Response:
    if job.state == "running":
        location = f"/v1/mixtures/{name}/plan/{job.name}"
        headers = {"Location": location, "Retry-After": "2"}
        return JSONResponse({"state": "running", "job": job.name}, 202, headers=headers)
    if job.state == "lost":
        raise Problem(503, "try-again", "the server that made this plan is gone: POST it again")
    if job.state == "failed":
        assert job.problem is not None
        told = dict(job.problem)
        status, code, detail = told.pop("status"), told.pop("code"), told.pop("detail")
        raise Problem(status, code, detail, extra=told)
    headers = {"Location": f"/v1/plans/{job.plan}"}
    return JSONResponse({"state": "done", "plan": job.plan}, 201, headers=headers)
