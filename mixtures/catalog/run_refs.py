"""What the store keeps of runs: a journal of plans, and how far each run was handed out.

    refs/_runs/<id>/<n>.json            entry n of the chain, put-if-absent; entry 0 made the run
    refs/_sealed/<id>/<position>.json   positions below may have been handed out; the highest counts

Both are written inside the database transaction that they belong to, before it commits. So a crash
leaves the store ahead of the database, never behind it: what was acknowledged is in the store, and
`catch_up` reads in what only the store has before anything is decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, select, update

from curation.base.errors import IntegrityError
from curation.base.store import Store, put_if_absent, to_json
from mixtures.catalog import refs
from mixtures.catalog.database import dump, insert_all_if_absent, insert_if_absent
from mixtures.catalog.models import run_entries, runs

OF_ENTRY = ("plan", "start", "change", "created")


def ids(store: Store) -> list[str]:
    """Every run that the store holds, by id."""
    return refs.names(store.run_refs_dir("x").parent)


def put_entry(store: Store, id: str, number: int, entry: Mapping[str, Any]) -> bool:
    """Make entry `number` durable; False where the store has one already."""
    path = store.run_refs_dir(id) / f"{number}.json"
    return put_if_absent(path, to_json({"version": refs.VERSION, "number": number, **entry}))


def seal(store: Store, id: str, position: int) -> None:
    """Make it durable that positions below `position` may be handed out.

    A file a mark, and lower ones are removed after it: the highest mark ever put always stays.
    """
    folder = store.sealed_dir(id)
    put_if_absent(folder / f"{position}.json", to_json({"version": refs.VERSION, "run": id}))
    for lower in refs.numbers(folder):
        if lower < position:
            (folder / f"{lower}.json").unlink(missing_ok=True)


def sealed(store: Store, id: str) -> int:
    """The highest mark of the store, 0 where there is none."""
    return max(refs.numbers(store.sealed_dir(id)), default=0)


def is_ahead(store: Store, id: str, row: Row[Any] | None) -> bool:
    """Whether the store knows more of a run than its row (None: no row) does."""
    following = 0 if row is None else row.entries
    if (store.run_refs_dir(id) / f"{following}.json").exists():
        return True
    return row is not None and sealed(store, id) > row.sealed


def locked(rows: Connection, id: str) -> Row[Any] | None:
    """The run's row, held until the transaction ends."""
    return rows.execute(select(runs).where(runs.c.id == id).with_for_update()).first()


def catch_up(store: Store, rows: Connection, id: str) -> Row[Any] | None:
    """The run's row, held, with all that the store knows of it; None where there is no such run."""
    row = locked(rows, id)
    if is_ahead(store, id, row):
        fill(store, rows, id)
        row = locked(rows, id)
    return row


def fill(store: Store, rows: Connection, id: str) -> None:
    """Read a run's refs into its rows; IntegrityError where an entry is missing or damaged."""
    folder = store.run_refs_dir(id)
    numbers = refs.numbers(folder)
    if numbers != list(range(len(numbers))):
        gap = next(k for k, number in enumerate(numbers) if k != number)
        raise IntegrityError(
            f"run {id}: {folder / f'{gap}.json'} is missing, later entries are there: "
            "bring it back before the run goes on"
        )
    entries = [refs.read(folder / f"{number}.json", OF_ENTRY) for number in numbers]
    first, last = entries[0], entries[-1]
    mark = max(sealed(store, id), first["start"])
    row = {"head": last["plan"], "sealed": mark, "entries": len(entries)}
    insert_if_absent(rows, runs, {"id": id, "created": first["created"], **row})
    shorter = (runs.c.id == id) & (runs.c.entries < len(entries))
    rows.execute(update(runs).where(shorter).values(head=last["plan"], entries=len(entries)))
    rows.execute(update(runs).where(runs.c.id == id, runs.c.sealed < mark).values(sealed=mark))
    insert_all_if_absent(
        rows,
        run_entries,
        [entry_row(id, number, entry) for number, entry in enumerate(entries)],
    )


def entry_row(id: str, number: int, entry: Mapping[str, Any]) -> dict[str, Any]:
    """The row of one entry of the journal."""
    return {
        "run": id,
        "number": number,
        "plan": entry["plan"],
        "start": entry["start"],
        "document": dump(entry["change"]),
        "created": entry["created"],
    }
