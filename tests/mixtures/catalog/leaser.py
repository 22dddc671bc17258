"""A process that leases and branches: run by the tests, prints a line after each acknowledgement.

python -m tests.mixtures.catalog.leaser STORE RUN
"""

from __future__ import annotations

import sys
from typing import Any

from curation.base.digest import canonical, digest_of
from curation.base.store import Store, write_atomic
from mixtures.catalog import Catalog
from mixtures.runs import BLOCK, Runs


def record(
    store: Store, catalog: Catalog, name: str, *, parent: str | None = None, start: int = 0
) -> str:
    """Record a plan that continues `parent` from `start`; runs read no more of it than that."""
    document: dict[str, Any] = {"name": name, "parent": parent, "from": start, "sources": []}
    digest = digest_of(document)
    write_atomic(store.plan_path(digest), canonical(document))
    catalog.record_plan(digest, None, document)
    return digest


def main() -> None:
    store, run = Store(sys.argv[1]), sys.argv[2]
    with Catalog.open(store) as catalog:
        runs = Runs(catalog)
        print("open", flush=True)
        while True:
            lease = runs.lease(run, position=runs.get(run).sealed, count=BLOCK)
            print("lease", lease.plan, lease.until, flush=True)
            now = runs.get(run)
            plan = record(store, catalog, run, parent=now.head, start=now.sealed)
            now = runs.append(run, plan)
            print("entry", now.head, len(now.entries), flush=True)


if __name__ == "__main__":
    main()
