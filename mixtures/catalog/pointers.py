"""What moves: aliases with their history, tags and notes. Each change is an entry of a journal."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sqlalchemy import select

from curation.base.errors import NotFound, UsageError
from curation.base.names import Reference, parse_reference
from curation.base.store import put_if_absent, to_json
from mixtures.catalog import models, rebuild, refs
from mixtures.catalog.records import AliasMove, Kind, Notes, StaleAlias, Version
from mixtures.catalog.versions import Versions


class Pointers(Versions):
    """Aliases, tags and notes on versions."""

    def version(self, kind: Kind, ref: str | Reference) -> Version:
        """Resolve `name[@3|@alias|@sha256:...]`, newest by default; NotFound says what there is."""
        reference = parse_reference(ref, what=kind) if isinstance(ref, str) else ref
        if reference.alias is None:
            return self._one(kind, reference)
        move = self.alias(kind, reference.name, reference.alias)
        return self._one(kind, Reference(reference.name, number=move.version))

    # Aliases move, their history stays.
    def set_alias(
        self, kind: Kind, name: str, alias: str, version: int | None, *, expected: int | None = None
    ) -> AliasMove:
        """Point `name@alias` at a version, or at none (removes it); nothing moves if it is there.

        expected: the revision the caller has seen (0: no such alias yet). StaleAlias if it moved
        since; without it, the last of several callers wins.
        """
        if alias.isdigit():
            raise UsageError(f"alias {alias!r} is a number, which would mean a version: use a word")
        folder = self.store.alias_dir(kind, name, alias)
        if version is not None:
            self.numbered(kind, name, version)
        now = self._alias_now(kind, name, alias)
        if expected is not None and now.revision != expected:
            raise _stale(now, expected)
        if now.version == version:
            return now
        entry = {
            "kind": kind,
            "name": name,
            "alias": alias,
            "target": version,
            "created": self._clock(),
        }

        def seen(revision: int, other: refs.Entry) -> bool:
            if expected is not None:
                move = AliasMove(kind, name, alias, revision, other["target"], other["created"])
                raise _stale(move, expected)
            return False

        refs.append(folder, entry, keys=refs.OF_ALIAS, after=now.revision, seen=seen)
        return self._alias_now(kind, name, alias)

    def alias(self, kind: Kind, name: str, alias: str) -> AliasMove:
        """Where an alias points; NotFound where it was never set or was removed."""
        move = self._alias_now(kind, name, alias)
        if move.version is None:
            known = ", ".join(item.alias for item in self.aliases(kind, name)) or "none"
            raise NotFound(f"{kind} {name!r} has no alias {alias!r}; its aliases: {known}")
        return move

    def aliases(self, kind: Kind, name: str) -> list[AliasMove]:
        """Where each alias of `name` points, by alias."""
        last: dict[str, AliasMove] = {}
        for move in self._moves(kind, name):
            last[move.alias] = move
        return [move for _, move in sorted(last.items()) if move.version is not None]

    def aliases_of(self, kind: Kind, name: str, number: int) -> list[str]:
        """The aliases that point at a version, by alias."""
        return [move.alias for move in self.aliases(kind, name) if move.version == number]

    def alias_history(self, kind: Kind, name: str, alias: str) -> list[AliasMove]:
        """Every move of one alias, oldest first; empty where it was never set."""
        self._alias_now(kind, name, alias)
        return [move for move in self._moves(kind, name) if move.alias == alias]

    def _moves(self, kind: Kind, name: str) -> list[AliasMove]:
        table = models.alias_moves.c
        query = (
            select(models.alias_moves)
            .where(table.kind == kind, table.name == name)
            .order_by(table.alias, table.revision)
        )
        with self.database.read() as rows:
            return [AliasMove(**row._mapping) for row in rows.execute(query)]

    def _alias_now(self, kind: Kind, name: str, alias: str) -> AliasMove:
        folder = self.store.alias_dir(kind, name, alias)
        table = models.alias_moves.c
        query = (
            select(models.alias_moves)
            .where(table.kind == kind, table.name == name, table.alias == alias)
            .order_by(table.revision.desc())
            .limit(1)
        )
        with self.database.read() as rows:
            row = rows.execute(query).first()
        none = AliasMove(kind, name, alias, 0, None, "")
        move = none if row is None else AliasMove(**row._mapping)
        if not (folder / f"{move.revision + 1}.json").exists():
            return move
        with self.database.write() as rows:
            for revision, entry in refs.entries(folder, refs.OF_ALIAS, after=move.revision):
                rebuild.insert_alias_move(rows, kind, name, alias, revision, entry)
        return self._alias_now(kind, name, alias)

    # Tags and notes.
    def notes(self, kind: Kind, name: str, number: int) -> Notes:
        """Tags and note of a version; empty where none were set."""
        folder = self.store.notes_dir(kind, name, number)
        table = models.notes.c
        query = (
            select(models.notes)
            .where(table.kind == kind, table.name == name, table.number == number)
            .order_by(table.revision.desc())
            .limit(1)
        )
        with self.database.read() as rows:
            row = rows.execute(query).first()
        revision = 0 if row is None else row.revision
        if (folder / f"{revision + 1}.json").exists():
            with self.database.write() as rows:
                for new, entry in refs.entries(folder, refs.OF_NOTES, after=revision):
                    rebuild.insert_notes(rows, kind, name, number, new, entry)
            return self.notes(kind, name, number)
        document = {} if row is None else json.loads(row.document)
        return Notes(document.get("tags", {}), document.get("note", ""), revision)

    def annotate(
        self,
        kind: Kind,
        name: str,
        number: int,
        *,
        tags: Mapping[str, str | None] | None = None,
        note: str | None = None,
    ) -> Notes:
        """Set tags (None removes one) and, if given, the note of a version."""
        self.numbered(kind, name, number)
        folder = self.store.notes_dir(kind, name, number)
        before = self.notes(kind, name, number)
        while True:
            merged = {**before.tags, **(tags or {})}
            kept = {key: value for key, value in sorted(merged.items()) if value is not None}
            text = before.note if note is None else note
            entry = {"tags": kept, "note": text, "created": self._clock()}
            document = {"version": refs.VERSION, "number": before.revision + 1, **entry}
            if put_if_absent(folder / f"{before.revision + 1}.json", to_json(document)):
                return self.notes(kind, name, number)
            before = self.notes(kind, name, number)  # somebody was first: add to what they wrote


def _stale(move: AliasMove, expected: int) -> StaleAlias:
    return StaleAlias(
        f"{move.kind} {move.name}@{move.alias} is at revision {move.revision} (version "
        f"{move.version}), not {expected}: look at it again, then move it"
    )
