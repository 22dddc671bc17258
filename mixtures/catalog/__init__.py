"""What is called what: names -> immutable versions -> movable aliases, tags, notes; plans.

    refs.py      the truth: files created by put-if-absent under refs/, one a version or move
    catalog.py   Catalog: what the other packages call   START HERE
    versions.py  publishing under a number, finding again
    pointers.py  aliases, tags, notes
    run_refs.py  what the store keeps of runs
    records.py   what comes back: versions, aliases, plans
    database.py  the only module that opens SQLAlchemy: SQLite (WAL) or PostgreSQL, migrations
    models.py    the tables
    rebuild.py   refs and manifests -> an empty database

A version is acknowledged after its ref is durable and its row committed. A process killed between
the two leaves a ref without a row; the next call that touches the name reads it in. So the database
is an index that can be lost: opening a store without one rebuilds it.
"""

from mixtures.catalog.catalog import Catalog
from mixtures.catalog.records import (
    AliasMove,
    DatasetVersion,
    MixtureVersion,
    Notes,
    PlanRecord,
    PlanSummary,
    Stale,
    StaleAlias,
    TokenizerVersion,
    ViewRecord,
)

__all__ = [
    "AliasMove",
    "Catalog",
    "DatasetVersion",
    "MixtureVersion",
    "Notes",
    "PlanRecord",
    "PlanSummary",
    "Stale",
    "StaleAlias",
    "TokenizerVersion",
    "ViewRecord",
]
