"""What datasets and mixtures have in common: a line on each version, aliases that move."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.caching import expected_revision, json_response, revision_etag
from curation.base.names import MAX_VERSION
from mixtures.catalog import AliasMove, Catalog
from mixtures.catalog.records import Kind


class AliasTarget(BaseModel):
    """Where an alias shall point: a version's number, or null to remove it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    version: int | None = Field(ge=1, le=MAX_VERSION)


def is_fixed(ref: str) -> bool:
    """Whether a selector means the same for ever: a number or a digest, not an alias."""
    return ref.isdigit() or ref.startswith("sha256:")


def named(request: Request, catalog: Catalog, kind: Kind, name: str, *, limit: int) -> Response:
    """A name: its newest versions, and where its aliases point."""
    versions = catalog.versions(kind, name, limit=limit)
    document = {
        "name": name,
        "versions": [
            {"version": item.number, "digest": item.digest, "created": item.created}
            for item in versions
        ],
        "aliases": [_document(move) for move in catalog.aliases(kind, name)],
    }
    return json_response(request, document)


def show(request: Request, catalog: Catalog, kind: Kind, name: str, alias: str) -> Response:
    """Where an alias points, and every move it made; the ETag is what If-Match wants."""
    move = catalog.alias(kind, name, alias)
    history = catalog.alias_history(kind, name, alias)
    document = {**_document(move), "history": [_document(item) for item in history]}
    return json_response(request, document, etag=revision_etag(move.revision))


def move(
    request: Request, catalog: Catalog, kind: Kind, name: str, alias: str, target: AliasTarget
) -> Response:
    """Point an alias at a version; StaleAlias where If-Match or If-None-Match does not hold."""

    def current() -> str | None:
        found = [item for item in catalog.aliases(kind, name) if item.alias == alias]
        return revision_etag(found[0].revision) if found else None

    expected = expected_revision(request, current)
    moved = catalog.set_alias(kind, name, alias, target.version, expected=expected)
    return JSONResponse(_document(moved), headers={"ETag": revision_etag(moved.revision)})


def _document(move: AliasMove) -> dict[str, Any]:
    return {
        "alias": move.alias,
        "version": move.version,
        "revision": move.revision,
        "created": move.created,
    }
