"""What routes ask for: the store, the catalog, an engine; and the scopes they declare."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Request

from api.auth import require
from api.settings import Settings
from curation.base.digest import PREFIX
from curation.base.errors import NotFound, UsageError
from curation.base.store import Store
from mixtures.catalog import Catalog

if TYPE_CHECKING:
    from awase_client.engine.reader import Engine
else:
    Engine = Any

__all__ = [
    "CatalogDep",
    "EngineDep",
    "Engines",
    "SettingsDep",
    "StoreDep",
    "plan_digest",
    "require",
]


def plan_digest(text: str, *, what: str = "plan") -> str:
    """`sha256:<hex>` of a plan given so, or as bare hex; UsageError otherwise."""
    digits = text.removeprefix(PREFIX)
    if len(digits) != 64 or digits.strip("0123456789abcdef"):
        raise UsageError(f"{what} {text!r} is not sha256:<64 hex digits>")
    return PREFIX + digits


class Engines:
    """Opened plans, the `size` used last; safe for threads.

    A plan dropped from here stays open until the requests that read from it are done.
    """

    def __init__(self, store: Store, *, size: int) -> None:
        self._store = store
        self._size = size
        self._lock = threading.Lock()
        self._engines: OrderedDict[str, Engine] = OrderedDict()

    def opened(self, digest: str) -> Engine | None:
        """The engine of a plan if it is open; never waits, so the event loop may ask."""
        engine = self._engines.get(digest)
        if engine is not None and self._lock.acquire(blocking=False):
            try:
                if digest in self._engines:
                    self._engines.move_to_end(digest)
            finally:
                self._lock.release()
        return engine

    def get(self, digest: str) -> Engine:
        """The engine of a plan; NotFound where the store has no such plan."""
        with self._lock:
            engine = self._engines.get(digest)
            if engine is not None:
                self._engines.move_to_end(digest)
                return engine
            engine = self._open(digest)
            self._engines[digest] = engine
            while len(self._engines) > self._size:
                self._engines.popitem(last=False)
            return engine

    def _open(self, digest: str) -> Engine:
        from awase_client.engine.reader import Engine

        if not self._store.plan_path(digest).exists():
            raise NotFound(f"plan {digest} is not in this store: `awase mixture plan` makes one")
        return Engine.open(self._store.root, digest)


def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


def _catalog(request: Request) -> Catalog:
    catalog: Catalog = request.app.state.catalog
    return catalog


def _engine(request: Request, digest: str) -> Engine:
    engines: Engines = request.app.state.engines
    return engines.get(plan_digest(digest))


SettingsDep = Annotated[Settings, Depends(_settings)]
StoreDep = Annotated[Store, Depends(_store)]
CatalogDep = Annotated[Catalog, Depends(_catalog)]
EngineDep = Annotated[Engine, Depends(_engine)]
