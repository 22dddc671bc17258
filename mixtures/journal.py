"""Entries of a run by hand: from position p on, other weights, a skip, or another mixture.

Each makes the plan that continues the run's head, writes it, and appends it to the run. A change
below the run's sealed mark is a Conflict there; under a new id (`fork`) it is another run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from curation.base.errors import Conflict, UsageError
from curation.base.store import Store
from mixtures import chain
from mixtures.catalog import Catalog
from mixtures.plan import write_plan
from mixtures.runs import Run, Runs
from mixtures.spec import Mixture


@dataclass(frozen=True, slots=True)
class Change:
    """One change from position `start` on: exactly one of `weights`, `skip_to` and `mixture`.

    weights    by dotted path, relative to siblings        skip_to   first position delivered again
    restart    sources that begin anew although their view changed (with a mixture)
    reference  what the mixture is called in the catalog, None for a file
    """

    start: int
    weights: Mapping[str, Fraction] | None = None
    skip_to: int | None = None
    mixture: Mixture | None = None
    restart: tuple[str, ...] = ()
    reference: str | None = None

    def document(self) -> dict[str, Any]:
        """What the journal keeps of it."""
        kept: dict[str, Any] = {"from": self.start}
        if self.weights is not None:
            kept["weights"] = {path: str(weight) for path, weight in self.weights.items()}
        if self.skip_to is not None:
            kept["skip_to"] = self.skip_to
        if self.mixture is not None:
            kept["mixture"] = self.reference or self.mixture.name
            kept["restart"] = list(self.restart)
        return kept


def enter(catalog: Catalog, store: Store, run: str, change: Change) -> Run:
    """Append a change to a run; Conflict where it would change a position that was handed out."""
    runs = Runs(catalog)
    now = runs.get(run)
    if change.start < now.sealed:
        raise Conflict(
            f"run {run}: positions below {now.sealed} were handed out, the change is from "
            f"{change.start}: change from {now.sealed} or later, or branch under a new id (--as)"
        )
    digest = _continued(catalog, store, now.head, change)
    return runs.append(run, digest, document=change.document())


def fork(catalog: Catalog, store: Store, run: str, change: Change, *, id: str) -> Run:
    """Start run `id` as a change of `run` at any position; `run` itself stays as it is."""
    runs = Runs(catalog)
    digest = _continued(catalog, store, runs.get(run).head, change)
    return runs.create(digest, id=id, document={"run": run, **change.document()})


def _continued(catalog: Catalog, store: Store, head: str, change: Change) -> str:
    given = [change.weights is not None, change.skip_to is not None, change.mixture is not None]
    if sum(given) != 1:
        raise UsageError("a change is exactly one of other weights, a skip, or another mixture")
    record = catalog.plan(head)
    if change.weights is not None:
        document = chain.reweigh(record.document, at=change.start, weights=change.weights)
    elif change.skip_to is not None:
        document = chain.skip(record.document, start=change.start, end=change.skip_to)
    else:
        assert change.mixture is not None
        document = chain.continue_plan(
            record.document,
            change.mixture,
            catalog,
            store,
            at=change.start,
            restart=change.restart,
        )
    reference = change.reference if change.mixture is not None else record.mixture
    return write_plan(document, catalog, store, reference=reference).digest
