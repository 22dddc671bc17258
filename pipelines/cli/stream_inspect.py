"""`awase stream --documents` and `--find`: from a position to documents, and back."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from pipelines.cli.common import print_json

if TYPE_CHECKING:
    from awase_client.engine.views import Split
    from curation.base.store import Store

LINE_CHARACTERS = 72


def print_documents(
    store: Store, plan: str, positions: range, *, split: Split, as_json: bool
) -> None:
    """A line a document: id, which of its ids, the beginning of its text; with JSON the whole.

    Positions behind the plan's end are left out, if not all of them are.
    """
    from mixtures.inspect import contents, open_engine

    engine = open_engine(store, plan)
    total = engine.total(split)
    held = range(positions.start, min(positions.stop, total), positions.step)
    found = (contents(store, engine, position, split) for position in held or positions[:1])
    if as_json:
        print_json([asdict(item) for item in found])
        return
    for item in found:
        click.echo(
            f"# position {item.position}, source {item.source}, {item.version}, "
            f"epoch {item.epoch}, sequence {item.sequence}"
        )
        for part in item.documents:
            text = " ".join(part.text.split())[:LINE_CHARACTERS]
            click.echo(f"{part.id}  [{part.start}, {part.start + part.length})  {text}")


def print_positions(
    store: Store, plan: str, find: tuple[str, str], *, split: Split, as_json: bool
) -> None:
    """A position a line, ascending."""
    from mixtures.inspect import open_engine, positions_of

    source, document = find
    found = positions_of(store, open_engine(store, plan), source, document, split)
    if as_json:
        print_json({"source": source, "document": document, "split": split, "positions": found})
        return
    for position in found:
        click.echo(position)
