"""`doctor --rebuild`: a catalog from the store, even where the old one cannot be read."""

from __future__ import annotations

import os
from collections.abc import Callable

from curation.base.errors import Failed
from curation.base.store import Store, disk_errors
from mixtures.catalog import Catalog
from mixtures.catalog.database import ENVIRONMENT
from mixtures.catalog.rebuild import Rebuilt


def rebuild_catalog(store: Store, *, say: Callable[[str], None]) -> Rebuilt:
    """Fill the catalog from refs and manifests; an unreadable SQLite file is moved aside first."""
    try:
        catalog = Catalog.open(store)
    except Failed:
        if os.environ.get(ENVIRONMENT) or not store.catalog_path.exists():
            raise
        aside = store.catalog_path.with_name("catalog.db.damaged")
        number = 1
        while aside.exists():
            number += 1
            aside = store.catalog_path.with_name(f"catalog.db.damaged-{number}")
        with disk_errors(store.catalog_path):
            store.catalog_path.rename(aside)
            for ending in ("-wal", "-shm"):
                store.catalog_path.with_name(f"catalog.db{ending}").unlink(missing_ok=True)
        say(f"catalog.db could not be read and is now {aside}")
        catalog = Catalog.open(store)
    with catalog:
        return catalog.rebuild()
