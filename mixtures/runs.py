"""Runs: which plan a training run reads now, and how far it was handed out.

A run points at the last plan of a chain; each journal entry is a plan that continues the one before
from a position on. Before a client reads positions it leases them: that raises the run's `sealed`
mark, in blocks, and answers with the plan that holds below it. An entry may only change positions
at or above the mark. So no position is ever served under two plans, and replay from zero under the
head is exact, because a plan embeds the history of its chain.

Both moves are made in one transaction that holds the run's row, so any number of replicas over one
database may race; and both are durable in the store before they are in the database
(`mixtures.catalog.run_refs`), so a lost database loses no mark and no entry.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from curation.base.errors import Conflict, NotFound, TryAgain, UsageError
from curation.base.names import check_name
from mixtures.catalog import run_refs
from mixtures.catalog.catalog import Catalog
from mixtures.catalog.database import insert_if_absent
from mixtures.catalog.models import run_entries, runs
from mixtures.catalog.versions import now

BLOCK = 65_536
MAX_LEASE = 16 * BLOCK  # one call must not seal a run to its end
_MAX_POSITION = 2**48


@dataclass(frozen=True, slots=True)
class Entry:
    """One plan of a run's chain; it governs positions from `start` on. Entry 0 made the run."""

    number: int
    plan: str
    start: int
    document: Mapping[str, Any]
    created: str


@dataclass(frozen=True, slots=True)
class Run:
    id: str
    head: str
    sealed: int
    created: str
    entries: tuple[Entry, ...]

    def to_document(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "head": self.head,
            "sealed": self.sealed,
            "created": self.created,
            "entries": [
                {
                    "number": entry.number,
                    "plan": entry.plan,
                    "from": entry.start,
                    "change": dict(entry.document),
                    "created": entry.created,
                }
                for entry in self.entries
            ],
        }


@dataclass(frozen=True, slots=True)
class Lease:
    """Positions below `until` are fixed to be `plan`'s, for ever."""

    plan: str
    until: int


class Runs:
    """The runs of one catalog."""

    def __init__(self, catalog: Catalog, *, clock: Callable[[], str] = now) -> None:
        self._catalog = catalog
        self._store = catalog.store
        self._clock = clock

    def create(
        self, plan: str, *, id: str | None = None, document: Mapping[str, Any] | None = None
    ) -> Run:
        """Start a run at `plan`; Conflict where the id is taken by another.

        A plan that continues another fixes what comes before its start: the mark begins there.
        """
        record = self._catalog.plan(plan)
        identity = f"run-{secrets.token_hex(4)}" if id is None else check_name(id, what="run")
        start = int(record.document["from"])
        created = self._clock()
        row = {
            "id": identity,
            "head": record.digest,
            "sealed": start,
            "entries": 1,
            "created": created,
        }
        entry = {
            "plan": record.digest,
            "start": start,
            "change": dict(document or {}),
            "created": created,
        }
        with self._catalog.database.write() as rows:
            there = run_refs.catch_up(self._store, rows, identity)
            if there is not None or not insert_if_absent(rows, runs, row):
                head = self._held(rows, identity).head if there is None else there.head
                raise Conflict(
                    f"run {identity!r} exists, at plan {head}: choose another id, "
                    f"or continue it with `awase run branch {identity}`"
                )
            self._append(rows, identity, 0, entry)
        return self.get(identity)

    def get(self, id: str) -> Run:
        with self._catalog.database.read() as rows:
            row = _row(rows, id)
            if not run_refs.is_ahead(self._store, check_name(id, what="run"), row):
                return _run(rows, _known(row, id))
        with self._catalog.database.write() as rows:
            return _run(rows, self._held(rows, id))

    def all(self, *, after: tuple[str, str] | None = None, limit: int | None = None) -> list[Run]:
        """Runs, newest first; after: (created, id) of the last one seen."""
        query = select(runs).order_by(runs.c.created.desc(), runs.c.id).limit(limit)
        if after is not None:
            older = runs.c.created < after[0]
            query = query.where(older | ((runs.c.created == after[0]) & (runs.c.id > after[1])))
        with self._catalog.database.read() as rows:
            return [_run(rows, row) for row in rows.execute(query).all()]

    def lease(self, id: str, *, position: int, count: int) -> Lease:
        """Seal positions up to at least position + count; then say whose they are.

        Once this returned, no entry can change a position below `until`.
        """
        if position < 0 or not 1 <= count <= MAX_LEASE or position > _MAX_POSITION:
            raise UsageError(
                f"lease of {count} from {position}: position >= 0, count from 1 to {MAX_LEASE}"
            )
        goal = -(-(position + count) // BLOCK) * BLOCK
        check_name(id, what="run")
        with self._catalog.database.read() as rows:
            row = _row(rows, id)
        if row is None or row.sealed < goal:
            with self._catalog.database.write() as rows:
                row = self._held(rows, id)
                if row.sealed < goal:
                    run_refs.seal(self._store, id, goal)
                    rows.execute(update(runs).where(runs.c.id == id).values(sealed=goal))
                    row = self._held(rows, id)
        return Lease(row.head, row.sealed)

    def append(self, id: str, plan: str, *, document: Mapping[str, Any] | None = None) -> Run:
        """Make `plan` the run's head; Conflict where it changes a sealed position or is late.

        `plan` must continue the present head; it may have been made before or by somebody else.
        """
        record = self._catalog.plan(plan)
        start, parent = int(record.document["from"]), record.document["parent"]
        with self._catalog.database.write() as rows:
            row = self._held(rows, id)
            if row.head == record.digest:
                return _run(rows, row)
            if row.head != parent or row.sealed > start:
                raise _refusal(row, record.digest, parent, start)
            entry = {
                "plan": record.digest,
                "start": start,
                "change": dict(document or {}),
                "created": self._clock(),
            }
            self._append(rows, id, row.entries, entry)
            values = {"head": record.digest, "entries": row.entries + 1}
            rows.execute(update(runs).where(runs.c.id == id).values(**values))
            return _run(rows, self._held(rows, id))

    def _held(self, rows: Connection, id: str) -> Row[Any]:
        """The run's row as the store knows it, held until the transaction ends; or NotFound."""
        check_name(id, what="run")
        return _known(run_refs.catch_up(self._store, rows, id), id)

    def _append(self, rows: Connection, id: str, number: int, entry: Mapping[str, Any]) -> None:
        """The row first, as it may be refused; then the store; the caller commits."""
        rows.execute(insert(run_entries).values(**run_refs.entry_row(id, number, entry)))
        if not run_refs.put_entry(self._store, id, number, entry):
            raise TryAgain(f"run {id}: another catalog appended entry {number}: look at it again")


def _row(rows: Connection, id: str) -> Row[Any] | None:
    return rows.execute(select(runs).where(runs.c.id == id)).first()


def _known(row: Row[Any] | None, id: str) -> Row[Any]:
    if row is None:
        raise NotFound(f"run {id!r} does not exist; `awase run ls` lists runs")
    return row


def _run(rows: Connection, row: Row[Any]) -> Run:
    query = select(run_entries).where(run_entries.c.run == row.id).order_by(run_entries.c.number)
    entries = tuple(
        Entry(item.number, item.plan, item.start, json.loads(item.document), item.created)
        for item in rows.execute(query)
    )
    return Run(row.id, row.head, row.sealed, row.created, entries)


def _refusal(row: Row[Any], plan: str, parent: str | None, start: int) -> Conflict:
    if row.head != parent:
        return Conflict(
            f"run {row.id}: plan {plan} continues {parent}, the run is at {row.head}: "
            "look at the run again and plan the change on its head"
        )
    return Conflict(
        f"run {row.id}: positions below {row.sealed} were handed out, plan {plan} changes them "
        f"from {start}: change from {row.sealed} or later, or branch under a new id (--as)"
    )
