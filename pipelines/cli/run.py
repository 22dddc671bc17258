"""`awase run`: runs and the entries of their journals."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import click

from pipelines.cli.common import (
    Group,
    json_option,
    open_catalog,
    open_store,
    print_json,
    print_table,
    short,
)
from pipelines.cli.options import check_together

if TYPE_CHECKING:
    from mixtures.catalog import Catalog
    from mixtures.journal import Change
    from mixtures.runs import Run


@click.group("run", cls=Group)
def command() -> None:
    """Create, list, show, branch and skip runs.

    A run points at the last of a chain of plans. Clients that read "run:NAME" from a server lease
    positions before they read them; what was leased is sealed and never changes.
    """


@command.command()
@click.argument("plan")
@click.option("--id", "identity", metavar="NAME", help="What to call it. Default: run-<8 digits>.")
@json_option
def create(plan: str, identity: str | None, as_json: bool) -> None:
    """Start a run at PLAN."""
    from mixtures.runs import Runs

    with open_catalog() as catalog:
        _show(Runs(catalog).create(plan, id=identity), as_json=as_json)


@command.command("ls")
@json_option
def list_runs(as_json: bool) -> None:
    """List runs, newest first."""
    from mixtures.runs import Runs

    with open_catalog() as catalog:
        runs = Runs(catalog).all()
    if as_json:
        print_json([run.to_document() for run in runs])
        return
    rows = [
        (run.id, short(run.head), len(run.entries), f"{run.sealed:,}", run.created) for run in runs
    ]
    print_table(
        ("run", "head", "entries", "sealed", "created"),
        rows,
        right=("entries", "sealed"),
        empty="no runs yet: `awase run create PLAN` starts one",
    )


@command.command()
@click.argument("run")
@json_option
def show(run: str, as_json: bool) -> None:
    """Show a run and its journal."""
    from mixtures.runs import Runs

    with open_catalog() as catalog:
        _show(Runs(catalog).get(run), as_json=as_json)


@command.command()
@click.argument("run")
@click.option(
    "--from",
    "start",
    type=click.IntRange(min=0),
    help="First position that changes. Default: the sealed mark.",
)
@click.option("--weights", metavar="PATH=W,...", help="Other weights, relative to siblings.")
@click.option("--mixture", metavar="FILE|NAME", help="Go on with another mixture.")
@click.option("--restart", multiple=True, metavar="PATH", help="A source that begins anew.")
@click.option("--as", "identity", metavar="NAME", help="As another run, at any position.")
@json_option
def branch(
    run: str,
    start: int | None,
    weights: str | None,
    mixture: str | None,
    restart: tuple[str, ...],
    identity: str | None,
    as_json: bool,
) -> None:
    """Change RUN from a position on: other weights, or another mixture.

    Sources go on from the draws they had. Positions that were handed out cannot change: that is a
    conflict (exit code 5), unless the branch becomes a run of its own with --as.
    """
    from mixtures.journal import Change
    from pipelines.cli.mixture_open import open_mixture

    check_together(apart={"weights": "mixture"}, needs={"restart": "mixture"})
    if weights is None and mixture is None:
        raise click.UsageError("name what changes: --weights or --mixture")
    with open_catalog() as catalog:
        read, reference = (None, None) if mixture is None else open_mixture(catalog, mixture)
        change = Change(
            start=_sealed(catalog, run) if start is None else start,
            weights=None if weights is None else _weights(weights),
            mixture=read,
            restart=restart,
            reference=reference,
        )
        _show(_changed(catalog, run, change, identity), as_json=as_json)


def _changed(catalog: Catalog, run: str, change: Change, identity: str | None) -> Run:
    """The run after the change, or the new run `identity` that begins with it."""
    from mixtures.journal import enter, fork

    if identity is None:
        return enter(catalog, open_store(), run, change)
    return fork(catalog, open_store(), run, change, id=identity)


def _sealed(catalog: Catalog, run: str) -> int:
    """The first position of a run that may change; Conflict where its plan holds no more."""
    from awase_client.engine.documents import plan_bytes
    from awase_client.engine.plan import Plan
    from curation.base.errors import Conflict
    from mixtures.runs import Runs

    found = Runs(catalog).get(run)
    plan = Plan.from_bytes(plan_bytes(open_store().root, found.head))
    if found.sealed >= plan.total:
        raise Conflict(
            f"run {run}: all {plan.total:,} positions of its plan were handed out, so nothing is "
            "left to change; branch from an earlier one under a new id: --from P --as NAME"
        )
    return found.sealed


@command.command()
@click.argument("run")
@click.option(
    "--from", "start", type=click.IntRange(min=0), required=True, help="First position left out."
)
@click.option(
    "--to", "end", type=click.IntRange(min=1), required=True, help="First position kept again."
)
@click.option("--as", "identity", metavar="NAME", help="As another run, at any position.")
@json_option
def skip(run: str, start: int, end: int, identity: str | None, as_json: bool) -> None:
    """Leave out positions, from --from to the one before --to: data that made a loss spike."""
    from mixtures.journal import Change

    change = Change(start=start, skip_to=end)
    with open_catalog() as catalog:
        _show(_changed(catalog, run, change, identity), as_json=as_json)


def _show(run: Run, *, as_json: bool) -> None:
    if as_json:
        print_json(run.to_document())
        return
    click.echo(f"{run.id}: plan {run.head}, sealed below {run.sealed:,}")
    rows = [
        (
            entry.number,
            f"{entry.start:,}",
            short(entry.plan),
            ", ".join(_said(*item) for item in entry.document.items()) or "created",
            entry.created,
        )
        for entry in run.entries
    ]
    print_table(("entry", "from", "plan", "change", "created"), rows, right=("entry", "from"))


def _said(key: str, value: object) -> str:
    """A part of a change, for people."""
    if isinstance(value, dict):
        value = " ".join(f"{path}={weight}" for path, weight in value.items())
    elif isinstance(value, list):
        value = " ".join(map(str, value)) or "none"
    return f"{key} {value}"


def _weights(text: str) -> dict[str, Fraction]:
    from mixtures.quantities import parse_weight

    found: dict[str, Fraction] = {}
    for part in text.split(","):
        path, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not path or path in found:
            raise click.UsageError(
                f"--weights {part!r}: write each source or group once, as PATH=NUMBER"
            )
        try:
            found[path] = parse_weight(value)
        except ValueError as error:
            raise click.UsageError(f"--weights {part!r}: {error}") from error
    return found
