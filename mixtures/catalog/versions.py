"""Numbers: publishing a version of any kind, and finding it again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, Select, func, select

from curation.base.errors import NotFound
from curation.base.names import Reference
from curation.base.store import Store
from mixtures.catalog import models, rebuild, refs
from mixtures.catalog.database import Database
from mixtures.catalog.records import Kind, StaleVersion, Version

_NEXT = {
    "dataset": "`awase dataset ls` lists what is there, `awase curate` and `awase dataset import` "
    "make one",
    "tokenizer": "`awase tokenizer ls` lists what is there, `awase tokenizer train` makes one",
    "mixture": "`awase mixture ls` lists what is there, `awase mixture publish` adds one",
}


def now() -> str:
    """The time, as refs record it: ISO 8601, UTC, whole seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class Versions:
    """Immutable versions under names; numbers count from 1 and are fixed by refs."""

    def __init__(self, store: Store, database: Database, *, clock: Callable[[], str] = now) -> None:
        self.store = store
        self.database = database
        self._clock = clock

    def numbered(self, kind: Kind, name: str, number: int) -> Version:
        """Version `number` of `name`; NotFound says which there are."""
        return self._one(kind, Reference(name, number=number))

    def _one(self, kind: Kind, reference: Reference) -> Version:
        """The newest version that a reference without alias admits."""
        query = of_name(kind, reference.name)
        if reference.number is not None:
            query = query.where(models.versions.c.number == reference.number)
        if reference.digest is not None:
            query = query.where(models.versions.c.digest == reference.digest)
        query = query.order_by(models.versions.c.number.desc()).limit(1)
        row = self._row(query)
        exact = reference.number is not None or reference.digest is not None
        if row is None or not (exact or self._is_newest(kind, row)):
            self._catch_up(kind, reference.name)
            row = self._row(query)
        if row is None:
            raise self._missing(kind, reference)
        return as_version(row)

    def _row(self, query: Select[Any]) -> Row[Any] | None:
        with self.database.read() as rows:
            return rows.execute(query).first()

    def _is_newest(self, kind: Kind, row: Row[Any] | Version) -> bool:
        """Whether no ref follows the row's; a plan of 1,000 datasets asks this 1,000 times."""
        folder = self.store.refs_dir(row.name, kind)
        return not (folder / f"{row.number + 1}.json").exists()

    def versions(
        self, kind: Kind, name: str, *, before: int | None = None, limit: int | None = None
    ) -> list[Version]:
        """Versions of one name, newest first; NotFound where there is none."""
        self._catch_up(kind, name)
        query = of_name(kind, name).order_by(models.versions.c.number.desc()).limit(limit)
        if before is not None:
            query = query.where(models.versions.c.number < before)
        with self.database.read() as rows:
            found = [as_version(row) for row in rows.execute(query)]
        if not found and before is None:
            raise self._missing(kind, Reference(name))
        return found

    def newest(self, kind: Kind, *, after: str = "", limit: int | None = None) -> list[Version]:
        """The newest version of every name past `after`, by name."""
        table = models.versions.c
        last = (
            select(table.name, func.max(table.number).label("number"))
            .where(table.kind == kind, table.name > after)
            .group_by(table.name)
            .order_by(table.name)
            .limit(limit)
            .subquery()
        )
        query = (
            select(models.versions)
            .join(last, (table.name == last.c.name) & (table.number == last.c.number))
            .where(table.kind == kind)
            .order_by(table.name)
        )
        with self.database.read() as rows:
            return [as_version(row) for row in rows.execute(query)]

    def _publish(
        self,
        kind: Kind,
        name: str,
        digest: str,
        extra: Mapping[str, Any],
        *,
        expected: str | None = None,
    ) -> tuple[Version, bool]:
        """The version with this digest, and whether it is there since this call."""
        folder = self.store.refs_dir(name, kind)
        self._catch_up(kind, name)
        table = models.versions.c
        with self.database.read() as rows:
            # in this order: what others publish in between is then met again past `last`
            newest = rows.execute(
                of_name(kind, name).order_by(table.number.desc()).limit(1)
            ).first()
            last = 0 if newest is None else newest.number
            same = rows.execute(of_name(kind, name).where(table.digest == digest)).first()
        if expected is not None and expected != (newest.digest if newest is not None else ""):
            raise _stale(kind, name, last)
        if same is not None:
            return as_version(same), False
        made_before = False
        entry = {"kind": kind, "name": name, "digest": digest, "created": self._clock(), **extra}

        def seen(number: int, other: refs.Entry) -> bool:
            nonlocal made_before
            if expected is not None:
                raise _stale(kind, name, number)
            made_before = bool(other["digest"] == digest)
            return made_before

        number = refs.append(folder, entry, keys=refs.OF_VERSION, after=last, seen=seen)
        self._catch_up(kind, name)
        return self.numbered(kind, name, number), not made_before

    def _catch_up(self, kind: Kind, name: str) -> None:
        """Read in refs that have no row: of a publisher that was killed, or is not done yet."""
        folder = self.store.refs_dir(name, kind)
        query = of_name(kind, name, func.max(models.versions.c.number))
        with self.database.read() as rows:
            last = rows.execute(query).scalar() or 0
        if not (folder / f"{last + 1}.json").exists():
            return
        with self.database.write() as rows:
            for number, entry in refs.entries(folder, refs.OF_VERSION, after=last):
                rebuild.insert_version(rows, kind, name, number, entry)

    def _missing(self, kind: Kind, reference: Reference) -> NotFound:
        with self.database.read() as rows:
            query = of_name(kind, reference.name, models.versions.c.number)
            numbers = sorted(rows.execute(query).scalars())
        if not numbers:
            return NotFound(f"{kind} {reference.name!r} is not in {self.store.root}: {_NEXT[kind]}")
        return NotFound(
            f"{kind} {str(reference)!r}: there is no such version of {reference.name!r}, "
            f"which has {numbers[0]} to {numbers[-1]}"
        )


def _stale(kind: Kind, name: str, number: int) -> StaleVersion:
    what = f"is at version {number} now" if number else "has no version"
    return StaleVersion(
        f"{kind} {name!r} {what}, which is not the one expected: look at it again, then publish"
    )


def of_name(kind: Kind, name: str, *columns: Any) -> Select[Any]:
    table = models.versions.c
    query = select(*columns) if columns else select(models.versions)
    return query.where(table.kind == kind, table.name == name)


def as_version(row: Row[Any]) -> Version:
    return Version(
        row.name, row.number, row.digest, row.kind, row.created, json.loads(row.document)
    )
