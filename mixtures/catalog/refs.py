"""The truth of the registry: small JSON files under refs/, each created once and never changed.

Numbered files of one folder are a journal: `append` tries the next number until put-if-absent
succeeds, so of any number of processes each gets a number of its own, none overwrites another's
entry, and a crash leaves whole entries only (`tests/mixtures/catalog/test_publish_processes.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from curation.base.errors import IntegrityError
from curation.base.store import put_if_absent, read_json, to_json

VERSION = 1

Entry = Mapping[str, Any]


# What an entry of each journal must hold beside `version` and its own number.
OF_VERSION = ("digest", "created")
OF_ALIAS = ("target", "created")
OF_NOTES = ("tags", "note", "created")
OF_PLAN = ("mixture", "created")


def read(path: Path, keys: tuple[str, ...]) -> Entry:
    """The entry at `path`; IntegrityError where it is not an entry with `keys`."""
    document = read_json(path, what="ref")
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise IntegrityError(f"ref {path} is damaged: expected a JSON object of version {VERSION}")
    if missing := [key for key in keys if key not in document]:
        raise IntegrityError(f"ref {path} is damaged: it lacks {missing[0]!r}")
    return document


def append(
    folder: Path,
    entry: Entry,
    *,
    keys: tuple[str, ...],
    after: int,
    seen: Callable[[int, Entry], bool],
) -> int:
    """Create the first free entry past `after` and answer its number.

    `seen(number, entry)` is told of every entry that others made past `after`; when it answers
    True, that entry stands for ours and nothing is written.
    """
    number = after + 1
    while True:
        path = folder / f"{number}.json"
        if put_if_absent(path, to_json({"version": VERSION, "number": number, **entry})):
            return number
        if seen(number, read(path, keys)):
            return number
        number += 1


def entries(folder: Path, keys: tuple[str, ...], *, after: int = 0) -> Iterator[tuple[int, Entry]]:
    """Entries past `after` in order; ends at the first number that is free."""
    number = after + 1
    while (path := folder / f"{number}.json").exists():
        yield number, read(path, keys)
        number += 1


def numbers(folder: Path) -> list[int]:
    """All numbers of a journal in order, past gaps too: a lost file hides no later one."""
    return sorted(int(path.stem) for path in folder.glob("*.json") if path.stem.isdigit())


def names(folder: Path) -> list[str]:
    """Sub-folders of a folder of refs, in order; those that start with '_' hold other kinds."""
    if not folder.is_dir():
        return []
    return sorted(item.name for item in folder.iterdir() if item.is_dir() and item.name[0] != "_")
