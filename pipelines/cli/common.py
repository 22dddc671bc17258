"""What all commands share: the store, the `--json` option, tables on stdout, progress on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import click

from pipelines.cli.streams import takes_unicode

if TYPE_CHECKING:
    from curation.base.store import Store
    from mixtures.catalog import Catalog

WRAPPED = 20  # columns of a terminal in which a text still reads
GAP = 3  # columns between two of a table

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
workers_option = click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=os.cpu_count() or 1,
    show_default="all cores",
    help="Processes at work. The result is the same with any number.",
)


class Group(click.Group):
    """A group that shows the whole first line of each member's help, on as many lines as it takes;
    click cuts it with "..." where a line ends."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            members = sorted(self.commands.items())
            formatter.write_dl([(k, v.get_short_help_str(limit=1000)) for k, v in members])


def open_store() -> Store:
    """The store named by --store or AWASE_STORE, else ./awase-store."""
    from curation.base.errors import UsageError
    from curation.base.store import Store

    store = Store.from_environment()
    try:
        str(store.root).encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"store {store.root}: the path is not UTF-8; use a UTF-8 locale (LC_ALL=C.UTF-8), or "
            "another path"
        ) from error
    return store


@contextmanager
def open_catalog() -> Iterator[Catalog]:
    from mixtures.catalog import Catalog

    with Catalog.open(open_store()) as catalog:
        yield catalog


def say(message: str) -> None:
    """A line of progress, on stderr."""
    click.echo(message, err=True)


def print_json(document: Any) -> None:
    """One JSON document on stdout; escaped where its encoding lacks characters."""
    click.echo(json.dumps(document, ensure_ascii=not takes_unicode(), indent=2))


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    right: Sequence[str] = (),
    empty: str = "",
) -> None:
    """Aligned columns on stdout; those named in `right` to the right; never cut on a pipe.

    Text wraps on a terminal, names and numbers do not: where they do not fit beside each other, a
    row becomes a block of lines. Without rows, `empty` says on stderr how to get one.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    if not rows and empty:
        say(empty)
    cells = [[str(cell) for cell in row] for row in rows]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    least = 0
    for number, name in enumerate(columns):
        floor = _least_width([name, *(row[number] for row in cells)])
        justify: Literal["left", "right"] = "right" if name in right else "left"
        table.add_column(name, justify=justify, overflow="fold", min_width=floor)
        least += floor + GAP
    for row in cells:
        table.add_row(*row)
    wide = None if sys.stdout.isatty() else 10_000
    console = Console(file=sys.stdout, width=wide, highlight=False)
    if least > console.width:
        click.echo("\n\n".join(_block(columns, row) for row in cells))
        return
    with console.capture() as captured:  # rich would answer a broken pipe by exiting with 1
        console.print(table)
    lines = [line.rstrip() for line in captured.get().splitlines()]
    click.echo("\n".join(lines).strip("\n"))


def _least_width(cells: Sequence[str]) -> int:
    """Of a column: its longest word, and WRAPPED characters of a longer text."""
    from rich.cells import cell_len

    words = max((cell_len(word) for cell in cells for word in cell.split()), default=0)
    return max(words, min(WRAPPED, max(map(cell_len, cells))))


def _block(columns: Sequence[str], row: Sequence[str]) -> str:
    wide = max(map(len, columns))
    told = [(name, cell) for name, cell in zip(columns, row, strict=True) if cell]
    return "\n".join(f"{name:<{wide}}  {cell}" for name, cell in told)


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int, int | None], None] | None]:
    """Bars on a terminal, one a phase; call it with (phase, done, total). None elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress, TaskID

    with Progress(console=Console(stderr=True), transient=True) as shown:
        phases: dict[str, TaskID] = {}

        def update(phase: str, done: int, total: int | None) -> None:
            if phase not in phases:
                phases[phase] = shown.add_task(phase, total=total)
            shown.update(phases[phase], completed=done, total=total)

        yield update


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal from now on, nothing elsewhere; call it with (done, total)."""
    with progress_bars() as update:
        if update is None:
            yield lambda done, total: None
            return
        update(label, 0, None)
        yield partial(update, label)


def short(digest: str) -> str:
    """`sha256:1234...` as the 12 digits that people read; commands take them back for plans."""
    return digest.removeprefix("sha256:")[:12]
