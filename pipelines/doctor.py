"""What `awase doctor` looks at: this installation, the store, the catalog."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from typing import Literal

from curation.base.errors import AwaseError
from curation.base.store import Store, write_atomic
from mixtures.catalog import Catalog
from pipelines.probes import PROBES, Wrong, described

DISK_FLOOR_BYTES = 1 << 30
FASTTEXT = "fasttext-numpy2-wheel"  # the one of five that this awase is locked to

# What a damaged installation was seen or can be expected to raise.
BROKEN = (
    ImportError,
    Wrong,
    AwaseError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    AttributeError,
    LookupError,
)

Level = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report: what was looked at, what was found, what to do if it is not ok."""

    name: str
    level: Level
    found: str


def environment() -> Iterator[Check]:
    """Python, awase and the libraries that decide bytes."""
    yield Check("python", "ok", f"{platform.python_version()} at {sys.executable}")
    yield Check("machine", "ok", f"{platform.machine()}, {os.cpu_count()} cores")
    for name in ("awase", "awase-client", "pyarrow", "numba"):
        try:
            yield Check(name, "ok", version(name))
        except PackageNotFoundError:
            yield Check(name, "problem", "not installed: run `make setup`")
    yield from _owners()
    for name, distribution, probe in PROBES:
        yield _probed(name, distribution, probe)


def _owners() -> Iterator[Check]:
    """Five distributions install a folder `fasttext` and overwrite each other silently."""
    owners = sorted(set(packages_distributions().get("fasttext", ())))
    if owners != [FASTTEXT]:
        found = ", ".join(owners) or "none"
        yield Check("fasttext", "problem", f"{found} installed, {FASTTEXT} alone expected")


def _probed(name: str, distribution: str, probe: Callable[[], str]) -> Check:
    """One library at work. Whatever a broken one raises is what the report is for."""
    try:
        return Check(name, "ok", described(distribution, probe()))
    except PackageNotFoundError:
        return Check(name, "problem", "not installed: run `make setup`")
    except BROKEN as error:
        return Check(name, "problem", f"{error}: run `make setup` in a fresh .venv")


def of_store(store: Store) -> Iterator[Check]:
    """The folder: is it there, can it be written, is there room, did a writer die in it."""
    if not store.root.is_dir():
        yield Check("store", "warning", f"{store.root} does not exist yet; writing creates it")
        return
    yield _written(store)
    free = shutil.disk_usage(store.root).free
    level: Level = "ok" if free >= DISK_FLOOR_BYTES else "warning"
    yield Check("free disk", level, f"{free / 1e9:.1f} GB")
    work = store.root / "work"
    unfinished = sum(
        1 for logs in work.glob("*/logs") if not (logs.parent / "result.json").exists()
    )
    found = f"{unfinished} in {work}: run their commands again to go on, or delete them"
    yield Check("unfinished runs", "ok", found if unfinished else "none")
    left = sum(1 for _ in leftovers(store.root))
    yield Check(
        "leftovers", "warning" if left else "ok", f"{left} temporary files of killed writers"
    )


def _written(store: Store) -> Check:
    """Write a file as every commit does (rename after fsync), and take it away again."""
    path = store.root / f".doctor-{uuid.uuid4().hex}"
    try:
        write_atomic(path, b"awase doctor\n")
        path.unlink()
    except (AwaseError, OSError) as error:
        return Check("store", "problem", str(error))
    return Check("store", "ok", f"{store.root}: can be written")


def leftovers(root: Path) -> Iterator[Path]:
    """Files that no reader looks at, which a killed writer left behind."""
    for folder in ("refs", "datasets", "tokens", "views", "plans", "tokenizers"):
        yield from (root / folder).rglob(".*.tmp-*")


def of_catalog(catalog: Catalog) -> Iterator[Check]:
    """The index: does it open, does it know what the store holds."""
    with catalog.database.write():
        pass  # takes the write lock: TryAgain where it cannot be had
    yield Check("catalog", "ok", f"{catalog.database.dialect}: {in_words(catalog.counts())}")
    for line in catalog.unregistered():
        yield Check("catalog", "problem", f"{line}: run `awase doctor --rebuild`")


def in_words(counts: Mapping[str, int]) -> str:
    """`4 dataset versions, 1 run`: counts by their plural."""
    return ", ".join(
        f"{count:,} {name.removesuffix('s') if count == 1 else name}"
        for name, count in counts.items()
    )


def examine(store: Store) -> list[Check]:
    """Every check; errors of the catalog become a line, not the end."""
    checks = [*environment(), *of_store(store)]
    if not store.root.is_dir():
        return checks
    try:
        with Catalog.open(store) as catalog:
            checks += of_catalog(catalog)
    except AwaseError as error:
        checks.append(Check("catalog", "problem", str(error)))
    return checks
