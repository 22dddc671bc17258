"""Refs and manifests -> rows. The one place that lists folders of the store."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete

from awase_client.engine.documents import plan_bytes
from awase_client.errors import AwaseClientError
from curation.base.digest import PREFIX
from curation.base.errors import AwaseError
from curation.base.store import Store, read_json
from curation.shards import manifest as manifests
from mixtures.catalog import models, refs, run_refs
from mixtures.catalog.database import dump, insert_all_if_absent, insert_if_absent
from mixtures.catalog.records import KINDS, Kind

_INDEX = ("plan_sources", "plans", "views", "token_sets", "notes", "alias_moves", "versions")


@dataclass
class Rebuilt:
    """How many of each thing were read in, and what could not be, one line each."""

    counts: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def add(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1


def clear(connection: Connection) -> None:
    """Empty the tables that the store can fill again, and no others."""
    for name in _INDEX:
        connection.execute(delete(models.metadata.tables[name]))


def fill(store: Store, connection: Connection) -> Rebuilt:
    """Read every ref, manifest, view and plan of the store into rows that lack them."""
    report = Rebuilt()
    for kind in KINDS:
        for name in refs.names(store.refs_dir("x", kind).parent):
            _versions(store, connection, report, kind=kind, name=name)
            _aliases(store, connection, report, kind=kind, name=name)
    _token_sets(store, connection, report)
    for path in _documents(store.root / "views", "view.json"):
        with _reported(report):
            document = read_json(path, what="view")
            insert_view(connection, _digest(path), document, created="")
            report.add("views")
    for path in _documents(store.root / "plans", "plan.json"):
        with _reported(report):
            digest = _digest(path)
            ref = store.plan_ref_path(digest)
            entry = refs.read(ref, refs.OF_PLAN) if ref.exists() else {}
            document = json.loads(plan_bytes(store.root, digest))
            insert_plan(connection, digest, document, entry)
            report.add("plans")
    for id in run_refs.ids(store):
        with _reported(report):
            run_refs.fill(store, connection, id)
            report.add("runs")
    return report


def unregistered(store: Store, known: Container[tuple[Kind, str, int]]) -> Iterator[str]:
    """Versions that the store has and `known` lacks, a line each; commits without a number too."""
    for kind in KINDS:
        for name in refs.names(store.refs_dir("x", kind).parent):
            for number in refs.numbers(store.refs_dir(name, kind)):
                if (kind, name, number) not in known:
                    yield f"{kind} {name}@{number} is not in the catalog"


def insert_version(
    connection: Connection, kind: Kind, name: str, number: int, entry: refs.Entry
) -> None:
    """The row of one ref; the columns are taken from the entry, the rest stays as JSON."""
    outside = ("version", "kind", "name", "number", "digest", "created")
    insert_if_absent(
        connection,
        models.versions,
        {
            "kind": kind,
            "name": name,
            "number": number,
            "digest": entry["digest"],
            "created": entry["created"],
            "document": dump({key: entry[key] for key in entry if key not in outside}),
        },
    )


def insert_alias_move(
    connection: Connection, kind: Kind, name: str, alias: str, revision: int, entry: refs.Entry
) -> None:
    key = {"kind": kind, "name": name, "alias": alias, "revision": revision}
    value = {"version": entry["target"], "created": entry["created"]}
    insert_if_absent(connection, models.alias_moves, key | value)


def insert_notes(
    connection: Connection, kind: Kind, name: str, number: int, revision: int, entry: refs.Entry
) -> None:
    key = {"kind": kind, "name": name, "number": number, "revision": revision}
    document = dump({"tags": entry["tags"], "note": entry["note"]})
    value = {"document": document, "created": entry["created"]}
    insert_if_absent(connection, models.notes, key | value)


def insert_view(
    connection: Connection, digest: str, document: Mapping[str, Any], *, created: str
) -> None:
    values = {"digest": digest, "document": dump(document), "created": created}
    insert_if_absent(connection, models.views, values)


def insert_plan(
    connection: Connection, digest: str, document: Mapping[str, Any], entry: refs.Entry
) -> None:
    """The plan's row, and one row a source so that a dataset finds the plans that used it."""
    slots = max((stage["until"] for stage in document.get("stages", ())), default=0)
    slots -= sum(to - first for first, to in document.get("omit", ()))
    values = {
        "digest": digest,
        "mixture": entry.get("mixture"),
        "document": dump(document),
        "created": entry.get("created", ""),
        "sources": len(document.get("sources", ())),
        "tokens": slots * document.get("sequence_length", 0),
    }
    insert_if_absent(connection, models.plans, values)
    # A run that restarted a source lists its path again, with another version.
    seen: Counter[str] = Counter()
    uses = []
    for source in document.get("sources", ()):
        path = source["path"]
        seen[path] += 1
        name = path if seen[path] == 1 else f"{path}#{seen[path]}"
        row = {"path": name, "dataset": source["dataset"], "digest": source["version"]}
        uses.append({"plan": digest, **row})
    if uses:
        insert_all_if_absent(connection, models.plan_sources, uses)


def _versions(
    store: Store, connection: Connection, report: Rebuilt, *, kind: Kind, name: str
) -> None:
    folder = store.refs_dir(name, kind)
    for number in refs.numbers(folder):
        with _reported(report):
            entry = refs.read(folder / f"{number}.json", refs.OF_VERSION)
            if kind == "dataset":
                manifests.load(store, name, entry["digest"])
            insert_version(connection, kind, name, number, entry)
            report.add(f"{kind} versions")
        _notes(store, connection, report, kind=kind, name=name, number=number)


def _notes(
    store: Store, connection: Connection, report: Rebuilt, *, kind: Kind, name: str, number: int
) -> None:
    folder = store.notes_dir(kind, name, number)
    for revision in refs.numbers(folder):
        with _reported(report):
            entry = refs.read(folder / f"{revision}.json", refs.OF_NOTES)
            insert_notes(connection, kind, name, number, revision, entry)
            report.add("notes")


def _aliases(
    store: Store, connection: Connection, report: Rebuilt, *, kind: Kind, name: str
) -> None:
    for alias in refs.names(store.alias_dir(kind, name, "x").parent):
        folder = store.alias_dir(kind, name, alias)
        for revision in refs.numbers(folder):
            with _reported(report):
                entry = refs.read(folder / f"{revision}.json", refs.OF_ALIAS)
                insert_alias_move(connection, kind, name, alias, revision, entry)
                report.add("alias moves")


def _token_sets(store: Store, connection: Connection, report: Rebuilt) -> None:
    for path in _documents(store.root / "tokens", "manifest.json"):
        text, _, tokenizer = path.parent.name.partition("-")
        row = {
            "text_digest": PREFIX + text,
            "tokenizer_digest": PREFIX + tokenizer,
            "created": "",
        }
        insert_if_absent(connection, models.token_sets, row)
        report.add("token sets")


def _documents(folder: Path, name: str) -> list[Path]:
    return sorted(folder.glob(f"*/{name}"))


def _digest(path: Path) -> str:
    return PREFIX + path.parent.name


@contextmanager
def _reported(report: Rebuilt) -> Iterator[None]:
    """Turn what one damaged file raises into a line of the report, and go on with the next."""
    try:
        yield
    except (AwaseError, AwaseClientError) as error:
        report.problems.append(str(error))
