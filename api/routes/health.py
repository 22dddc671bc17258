"""Is it alive, is it ready, which version, what did it count."""

from __future__ import annotations

import shutil
from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from api import limits, metrics
from api.caching import json_response
from api.deps import CatalogDep, SettingsDep, StoreDep, require
from api.openapi import document_of
from api.problems import Problem

router = APIRouter(tags=["service"])
OPEN = Depends(require())


@router.get("/livez", dependencies=[OPEN])
async def livez() -> dict[str, str]:
    """The process answers; touches nothing, so a full disk restarts nobody."""
    return {"status": "ok"}


@router.get("/readyz", dependencies=[OPEN])
def readyz(catalog: CatalogDep, store: StoreDep, settings: SettingsDep) -> Response:
    """Whether to send requests here: catalog opens, store is there, disk above its floor."""
    checks = {
        "draining": not limits.draining.is_set(),
        "catalog": catalog.database.answers(),
        "store": store.root.is_dir(),
    }
    free = _free(store) if checks["store"] else 0
    checks["disk"] = free >= settings.disk_floor_bytes
    failed = [name for name, good in checks.items() if not good]
    if not checks["disk"] and checks["store"]:
        failed[-1] = f"disk: {free:,} bytes free, under {settings.disk_floor_bytes:,}"
    words = {name: "ok" if good else "failed" for name, good in checks.items()}
    if failed:
        detail = f"not ready: {', '.join(failed)}"
        raise Problem(503, "try-again", detail, extra={"checks": words})
    return JSONResponse({"status": "ok", "checks": words})


@router.get("/version", dependencies=[OPEN])
async def version(request: Request) -> dict[str, str]:
    """The version of awase that answers."""
    return {"name": "awase", "version": request.app.version}


@router.get("/metrics", dependencies=[Depends(require("read"))], response_class=Response)
def prometheus() -> Response:
    """Counters and histograms in Prometheus' text format."""
    body, media_type = metrics.exposition()
    return Response(body, headers={"Content-Type": media_type, "Cache-Control": "no-store"})


@router.get("/openapi.json", dependencies=[OPEN])
def openapi(request: Request) -> Response:
    """This interface as OpenAPI 3.1."""
    document: dict[str, Any] = document_of(request.app)
    return json_response(request, document)


def _free(store: StoreDep) -> int:
    return shutil.disk_usage(store.root).free
