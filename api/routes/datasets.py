"""Datasets: names, versions, shards, aliases."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from api import aliases
from api.aliases import AliasTarget, is_fixed
from api.caching import etag_of, json_response
from api.deps import CatalogDep, SettingsDep, StoreDep, require
from api.paging import PageDep
from api.problems import Problem
from awase_client.engine.tokensets import TokenSetReader
from curation.base.store import Store
from curation.shards.token_stats import read_token_stats
from mixtures.catalog import Catalog, DatasetVersion
from mixtures.documents import dropped, kept
from mixtures.query import TokenCounts, query

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])
READ = Depends(require("read"))


def summary(version: DatasetVersion) -> dict[str, Any]:
    """A version in one line: what it is called, how much there is."""
    manifest = version.manifest
    return {
        "name": version.name,
        "version": version.number,
        "digest": version.digest,
        "text_digest": version.text_digest,
        "created": version.created,
        "rows": manifest.rows,
        "bytes": manifest.bytes,
        "characters": manifest.characters,
        "shards": len(manifest.shards),
        "languages": dict(manifest.languages),
        "licenses": dict(manifest.licenses),
        "terms": dict(manifest.terms),
    }


@router.get("", dependencies=[READ])
def list_datasets(catalog: CatalogDep, page: PageDep) -> Response:
    """The newest version of each dataset, by name."""
    found = catalog.datasets(after=page.after_name(), limit=page.limit + 1)
    shown, last = page.cut(found, lambda item: [item.name])
    return page.respond([summary(item) for item in shown], last)


@router.get("/{name}", dependencies=[READ])
def get_dataset(
    request: Request, catalog: CatalogDep, settings: SettingsDep, name: str
) -> Response:
    """One dataset: its newest versions, and where its aliases point."""
    return aliases.named(request, catalog, "dataset", name, limit=settings.page_items)


@router.get("/{name}/versions/{ref}", dependencies=[READ])
def get_dataset_version(request: Request, catalog: CatalogDep, name: str, ref: str) -> Response:
    """The manifest of a version; `ref` is a number, an alias or sha256:<hex>."""
    version = resolve(catalog, name, ref)
    document = {
        **summary(version),
        "manifest": version.manifest.to_document(),
        "notes": _notes(catalog, version),
    }
    return json_response(request, document)


@router.get("/{name}/versions/{ref}/shards", dependencies=[READ])
def list_shards(request: Request, catalog: CatalogDep, name: str, ref: str) -> Response:
    """The shards of a version in row order, with digests and sizes."""
    version = resolve(catalog, name, ref)
    items = [
        {
            "name": shard.name,
            "sha256": shard.sha256,
            "rows": shard.rows,
            "bytes": shard.bytes,
            "characters": shard.characters,
            "file_bytes": shard.file_bytes,
        }
        for shard in version.manifest.shards
    ]
    document = {"dataset": version.reference, "digest": version.digest, "items": items}
    return json_response(request, document, etag=etag_of(version.digest), immutable=is_fixed(ref))


@router.get("/{name}/versions/{ref}/documents", dependencies=[READ])
def list_documents(
    store: StoreDep,
    catalog: CatalogDep,
    settings: SettingsDep,
    page: PageDep,
    name: str,
    ref: str,
    reason: Annotated[
        str | None, Query(max_length=200, description="first reason of dropped documents")
    ] = None,
) -> Response:
    """Kept documents in row order, or those that `reason` dropped, with all their columns."""
    if not settings.documents:
        raise Problem(403, "forbidden", "this server shows no text (AWASE_DOCUMENTS=false)")
    manifest = resolve(catalog, name, ref).manifest
    limit = min(page.limit, settings.page_documents)
    start = (page.after(int) or [0])[0]
    if reason is None:
        found = kept(store, manifest, start=max(start, 0), limit=limit)
    else:
        found = dropped(store, manifest, reason, start=max(start, 0), limit=limit)
    return page.respond(found.items, None if found.next is None else [found.next])


@router.get("/{name}/versions/{ref}/stats", dependencies=[READ])
def get_stats(
    request: Request,
    store: StoreDep,
    catalog: CatalogDep,
    settings: SettingsDep,
    name: str,
    ref: str,
    group_by: Annotated[
        str, Query(max_length=1000, description="columns, separated by commas")
    ] = "",
    where: Annotated[
        str | None, Query(max_length=4000, description="a condition, as in a mixture")
    ] = None,
    tokenizer: Annotated[
        str | None, Query(max_length=300, description="count tokens of this tokenizer too")
    ] = None,
) -> Response:
    """Documents, bytes, characters (and tokens) by the values of columns, largest first."""
    version = resolve(catalog, name, ref)
    counts = stored = None
    if tokenizer is not None:
        digest = catalog.tokenizer(tokenizer).digest
        counts = token_counts(store, catalog, version, digest)
        stored = read_token_stats(store, version.manifest, digest)
    with request.app.state.queries.slot():
        found = query(
            store,
            version.manifest,
            group_by=[column for column in group_by.split(",") if column],
            where=where,
            tokens=counts,
            token_stats=stored,
            limits=settings.query_limits,
        )
    document = {
        "dataset": version.reference,
        "digest": version.digest,
        "source": found.source,
        "columns": list(found.columns),
        "items": [dict(zip(found.columns, row, strict=True)) for row in found.rows],
    }
    return json_response(request, document, immutable=is_fixed(ref) and tokenizer is None)


def token_counts(
    store: Store, catalog: Catalog, version: DatasetVersion, digest: str
) -> TokenCounts:
    """How many tokens each document of a shard has; NotFound names the `tokenize` command."""
    manifest = catalog.token_set(version.text_digest, digest)
    reader = TokenSetReader(store.root, manifest)
    return lambda shard: np.diff(reader.offsets(shard))


@router.get("/{name}/aliases/{alias}", dependencies=[READ])
def get_alias(request: Request, catalog: CatalogDep, name: str, alias: str) -> Response:
    """Where an alias points, and every move it made; the ETag is what If-Match wants."""
    return aliases.show(request, catalog, "dataset", name, alias)


@router.put("/{name}/aliases/{alias}", dependencies=[Depends(require("write"))])
def put_alias(
    request: Request, catalog: CatalogDep, name: str, alias: str, body: AliasTarget
) -> Response:
    """Point an alias at a version; If-Match (or If-None-Match: *) refuses lost updates."""
    return aliases.move(request, catalog, "dataset", name, alias, body)


def resolve(catalog: Catalog, name: str, ref: str) -> DatasetVersion:
    """The version that the path means."""
    return catalog.dataset(f"{name}@{ref}")


def _notes(catalog: Catalog, version: DatasetVersion) -> dict[str, Any]:
    notes = catalog.notes("dataset", version.name, version.number)
    return {"tags": dict(notes.tags), "note": notes.note}
