"""`awase curate`: raw text becomes dataset versions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipelines.cli.common import (
    json_option,
    open_store,
    print_json,
    print_table,
    say,
    workers_option,
)

if TYPE_CHECKING:
    from pipelines.curate import CurateResult, Progress


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option(
    "--input",
    "inputs",
    multiple=True,
    required=True,
    metavar="PATH",
    help="A file or folder of JSONL, Parquet or text; plain, gz or zst. May be repeated.",
)
@workers_option
@json_option
def command(recipe: Path, inputs: tuple[str, ...], workers: int, as_json: bool) -> None:
    """Filter and deduplicate text into dataset versions, as RECIPE says.

    A killed or interrupted run is finished by the same command; a run that is done returns at once.
    """
    from pipelines.curate import curate

    store = open_store()
    with bars() as progress:
        results = curate(recipe, list(inputs), store, workers=workers, progress=progress)
    if as_json:
        print_json([_document(result) for result in results])
        return
    rows: list[list[object]] = []
    for result in results:
        counts = result.manifest.counts
        state = "new" if result.created else "unchanged"
        sizes = [f"{counts[key]:,}" for key in ("in", "kept", "dropped")]
        rows.append([result.version, *sizes, f"{result.manifest.bytes:,}", state])
    numbers = ("in", "kept", "dropped", "bytes")
    print_table(["dataset", *numbers, "version"], rows, right=numbers)
    for result in results:
        for reason, count in sorted(result.manifest.reasons.items(), key=lambda r: -r[1]):
            say(f"{result.name}: {count:,} dropped by {reason}")


def _document(result: CurateResult) -> dict[str, Any]:
    manifest = result.manifest
    return {
        "dataset": result.name,
        "version": result.number,
        "digest": manifest.digest,
        "text_digest": manifest.text_digest,
        "created": result.created,
        "counts": dict(manifest.counts),
        "reasons": dict(manifest.reasons),
        "rows": manifest.rows,
        "bytes": manifest.bytes,
    }


@contextmanager
def bars() -> Iterator[Progress | None]:
    """One bar a phase on a terminal, nothing elsewhere."""
    import sys

    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    with Bars(console=Console(stderr=True), transient=True) as shown:
        phases: dict[str, TaskID] = {}

        def update(phase: str, done: int, total: int) -> None:
            if phase not in phases:
                phases[phase] = shown.add_task(phase, total=total)
            shown.update(phases[phase], completed=done, total=total)

        yield update
