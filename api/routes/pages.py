"""Pages for people: the same facts as /v1, server-rendered; a browser sends the key as password."""

from __future__ import annotations

import difflib
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from api.caching import IMMUTABLE
from api.deps import CatalogDep, SettingsDep, StoreDep, plan_digest, require
from api.pages import MEDIA_TYPES, render, rows, static_file
from api.paging import PageDep
from awase_client.engine.documents import plan_bytes
from awase_client.engine.plan import Plan
from curation.base.errors import NotFound
from mixtures.documents import dropped, kept
from mixtures.runs import Runs

router = APIRouter(include_in_schema=False)
READ = Depends(require("read", page=True))

SAMPLE = 8  # documents on a dataset's page
NEWEST = 5  # plans and datasets on the first page
MAX_INPUTS = 20
MAX_ROWS = 50  # plans and versions on the page of one dataset or mixture
MAX_STAGES = 14


def _page(
    request: Request, template: str, /, *, here: str, json: str = "", **values: Any
) -> Response:
    common = {"version": request.app.version, "here": here, "json": json}
    return render(template, **common, **values)


@router.get("/static/{digest}/{file}", dependencies=[Depends(require())])
def get_static(digest: str, file: str) -> Response:
    """The style sheet and the icon; their addresses change with their content."""
    if file not in MEDIA_TYPES:
        raise NotFound(f"there is no {file!r}; there are {', '.join(MEDIA_TYPES)}")
    data, current = static_file(file)
    if digest != current:
        raise NotFound(f"{file} is {current} now, not {digest!r}")
    return Response(data, headers={"Cache-Control": IMMUTABLE}, media_type=MEDIA_TYPES[file])


@router.get("/", dependencies=[READ])
def home_page(request: Request, catalog: CatalogDep) -> Response:
    links = {"dataset versions": "/datasets", "mixture versions": "/mixtures"}
    links |= {"plans": "/plans", "runs": "/runs"}
    counts = [(name, count, links.get(name)) for name, count in catalog.counts().items()]
    return _page(
        request,
        "home.html",
        here="",
        counts=counts,
        plans=[rows.plan_row(record) for record in catalog.plans(limit=NEWEST)],
        datasets=[rows.dataset_row(catalog, item) for item in catalog.datasets(limit=NEWEST)],
    )


@router.get("/datasets", dependencies=[READ])
def datasets_page(request: Request, catalog: CatalogDep, page: PageDep) -> Response:
    found = catalog.datasets(after=page.after_name(), limit=page.limit + 1)
    shown, last = page.cut(found, lambda item: [item.name])
    return _page(
        request,
        "datasets.html",
        here="datasets",
        json="/v1/datasets",
        datasets=[rows.dataset_row(catalog, item) for item in shown],
        next=page.following(last),
    )


@router.get("/datasets/{name}", dependencies=[READ])
def dataset_page(
    request: Request, catalog: CatalogDep, store: StoreDep, settings: SettingsDep, name: str
) -> Response:
    newest = str(catalog.dataset(name).number)
    return dataset_version_page(request, catalog, store, settings, name, newest)


@router.get("/datasets/{name}/versions/{ref}", dependencies=[READ])
def dataset_version_page(
    request: Request,
    catalog: CatalogDep,
    store: StoreDep,
    settings: SettingsDep,
    name: str,
    ref: str,
    reason: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    version = catalog.dataset(f"{name}@{ref}")
    manifest = version.manifest
    documents = None
    if settings.documents and reason:
        documents = dropped(store, manifest, reason, start=0, limit=SAMPLE)
    elif settings.documents:
        documents = kept(store, manifest, start=0, limit=SAMPLE)
    notes = catalog.notes("dataset", name, version.number)
    path = f"/datasets/{name}/versions/{version.number}"
    return _page(
        request,
        "dataset.html",
        here="datasets",
        json=f"/v1{path}",
        name=name,
        number=version.number,
        path=path,
        aliases=catalog.aliases_of("dataset", name, version.number),
        tags=notes.tags,
        note=notes.note,
        manifest=manifest,
        dropped=manifest.counts.get("dropped", 0),
        compositions=rows.compositions(version),
        reasons=rows.reasons(version),
        inputs=manifest.inputs[:MAX_INPUTS],
        more_inputs=max(len(manifest.inputs) - MAX_INPUTS, 0),
        plans=[
            rows.plan_row(record) for record in catalog.plans_with(version.digest, limit=MAX_ROWS)
        ],
        versions=catalog.versions("dataset", name, limit=MAX_ROWS),
        reason=reason,
        documents=None if documents is None else rows.document_rows(documents),
    )


@router.get("/mixtures", dependencies=[READ])
def mixtures_page(request: Request, catalog: CatalogDep, page: PageDep) -> Response:
    found = catalog.mixtures(after=page.after_name(), limit=page.limit + 1)
    shown, last = page.cut(found, lambda item: [item.name])
    return _page(
        request,
        "mixtures.html",
        here="mixtures",
        json="/v1/mixtures",
        mixtures=shown,
        next=page.following(last),
    )


@router.get("/mixtures/{name}", dependencies=[READ])
def mixture_page(request: Request, catalog: CatalogDep, name: str) -> Response:
    return mixture_version_page(request, catalog, name, str(catalog.mixture(name).number))


@router.get("/mixtures/{name}/versions/{ref}", dependencies=[READ])
def mixture_version_page(request: Request, catalog: CatalogDep, name: str, ref: str) -> Response:
    version = catalog.mixture(f"{name}@{ref}")
    changes = None
    if version.number > 1:
        before = catalog.mixture(f"{name}@{version.number - 1}")
        changes = (before.reference, _marked(before.text, version.text))
    return _page(
        request,
        "mixture.html",
        here="mixtures",
        json=f"/v1/mixtures/{name}/versions/{version.number}",
        name=name,
        number=version.number,
        created=version.created,
        aliases=catalog.aliases_of("mixture", name, version.number),
        text=version.text,
        changes=changes,
        plans=[
            rows.plan_row(record)
            for record in catalog.plans(mixture=version.reference, limit=MAX_ROWS)
        ],
        versions=catalog.versions("mixture", name, limit=MAX_ROWS),
    )


@router.get("/plans", dependencies=[READ])
def plans_page(request: Request, catalog: CatalogDep, page: PageDep) -> Response:
    after = page.after(str, str)
    found = catalog.plans(after=(after[0], after[1]) if after else None, limit=page.limit + 1)
    shown, last = page.cut(found, lambda plan: [plan.created, plan.digest])
    return _page(
        request,
        "plans.html",
        here="plans",
        json="/v1/plans",
        plans=[rows.plan_row(record) for record in shown],
        next=page.following(last),
    )


@router.get("/plans/{digest}", dependencies=[READ])
def plan_page(request: Request, catalog: CatalogDep, store: StoreDep, digest: str) -> Response:
    record = catalog.plan(plan_digest(digest))
    plan = Plan.from_bytes(plan_bytes(store.root, record.digest))
    sources = rows.source_rows(plan)
    stages = rows.stage_rows(plan)
    tokenizer = catalog.name_of("tokenizer", plan.tokenizer)
    return _page(
        request,
        "plan.html",
        here="plans",
        json=f"/v1/plans/{record.digest}",
        plan=plan,
        mixture=record.mixture,
        mixture_link=rows.mixture_link(record.mixture),
        created=record.created,
        sources=sources,
        parts=rows.source_parts(sources),
        stages=_spread(stages),
        stage_count=len(stages),
        tokenizer=f"{tokenizer} ({plan.tokenizer})" if tokenizer else plan.tokenizer,
        origin=f"{request.url.scheme}://{request.url.netloc}",
    )


@router.get("/runs", dependencies=[READ])
def runs_page(request: Request, catalog: CatalogDep, page: PageDep) -> Response:
    shown, last = page.runs(catalog)
    return _page(
        request,
        "runs.html",
        here="runs",
        json="/v1/runs",
        runs=shown,
        next=page.following(last),
    )


@router.get("/runs/{id}", dependencies=[READ])
def run_page(request: Request, catalog: CatalogDep, id: str) -> Response:
    return _page(request, "run.html", here="runs", json=f"/v1/runs/{id}", run=Runs(catalog).get(id))


def _spread(stages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """At most MAX_STAGES of the stages, evenly spaced, the first and the last among them."""
    if len(stages) <= MAX_STAGES:
        return stages
    last = len(stages) - 1
    return [stages[place * last // (MAX_STAGES - 1)] for place in range(MAX_STAGES)]


def _marked(before: str, after: str) -> list[tuple[str, str]]:
    """Lines of a diff with the class that colours them."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2)
    kinds = {"+": "add", "-": "del"}
    # the first two lines name files
    return [(kinds.get(line[:1], ""), line) for line in islice(lines, 2, None)]
