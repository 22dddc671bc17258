"""`awase mixture plan` and `explain`: what a mixture costs before training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from pipelines.cli.common import (
    json_option,
    open_catalog,
    open_store,
    print_json,
    print_table,
    progress_bar,
    workers_option,
)
from pipelines.cli.mixture_open import open_mixture

if TYPE_CHECKING:
    from mixtures.explain import Line
    from mixtures.plan import Draft, Resolved
    from mixtures.spec import Mixture


@click.command()
@click.argument("mixture")
@click.option(
    "--what-if",
    "changes",
    metavar="KEY=VALUE,...",
    help="Compare with budget=..., weights.PATH=... or max_epochs.PATH=...; writes no plan.",
)
@json_option
@workers_option
def plan(mixture: str, changes: str | None, as_json: bool, workers: int) -> None:
    """Resolve MIXTURE, a file or a published NAME[@REF], and write its plan.

    Prints per stage and source the tokens available and used, epochs, shares asked and realised,
    licences and bytes read. A plan that cannot be honoured is refused with exit code 3.
    """
    from mixtures.explain import changed, describe, headline
    from mixtures.plan import draft_of, resolve, write_plan

    asked = _pairs(changes) if changes else {}
    with open_catalog() as catalog:
        read, reference = open_mixture(catalog, mixture)
        with progress_bar("views") as progress:
            resolved = resolve(read, catalog, open_store(), workers=workers, progress=progress)
        if asked:
            now, refusal = _draft_or_refusal(read, resolved)
            _compare(now, refusal, draft_of(changed(read, asked), resolved), as_json=as_json)
            return
        draft = draft_of(read, resolved)
        write_plan(draft.document, catalog, open_store(), reference=reference)
    if as_json:
        print_json(describe(draft))
        return
    click.echo(headline(draft))
    _print_stages(draft)
    for line in draft.verdict.lines():
        click.echo(line)
    click.echo(f"plan {draft.plan.digest}")


@click.command()
@click.argument("mixture")
@json_option
@workers_option
def explain(mixture: str, as_json: bool, workers: int) -> None:
    """Show MIXTURE as a tree with shares asked and realised, epochs and digests."""
    from mixtures.explain import describe, tree
    from mixtures.plan import draft_plan

    with open_catalog() as catalog:
        read, _ = open_mixture(catalog, mixture)
        with progress_bar("views") as progress:
            draft = draft_plan(read, catalog, open_store(), workers=workers, progress=progress)
    if as_json:
        print_json(describe(draft))
        return
    for line in tree(draft):
        click.echo(line)


def _pairs(text: str) -> dict[str, str]:
    """`budget=200B,weights.ja=0.6` as a dict."""
    from curation.base.errors import UsageError

    found: dict[str, str] = {}
    for part in text.split(","):
        key, equals, value = part.partition("=")
        if not equals or not key.strip() or not value.strip() or key.strip() in found:
            raise UsageError(
                f"--what-if {part!r}: write each change once, as KEY=VALUE, separated by commas"
            )
        found[key.strip()] = value.strip()
    return found


_COLUMNS = ("source", "dataset", "available", "used", "epochs", "asked", "realised", "licences")
_NUMBERS = (
    "available",
    "used",
    "epochs",
    "asked",
    "realised",
    "reads",
    "before",
    "after",
    "tokens",
)


def _print_stages(draft: Draft) -> None:
    from mixtures.explain import stage_lines, total_lines
    from mixtures.quantities import show_tokens

    stages = stage_lines(draft)
    entries = draft.document["sources"]
    for number, (leg, lines) in enumerate(stages):
        if len(stages) > 1:
            tokens = leg.until * draft.mixture.sequence_length
            ramp = ", a ramp" if draft.mixture.stages[number].ramp else ""
            click.echo(f"stage {number + 1} until {show_tokens(tokens)} ({tokens:,} tokens{ramp})")
        _print_lines(lines, entries)
    if len(stages) > 1:
        click.echo("in total")
        _print_lines(total_lines(draft), entries)


def _print_lines(lines: Sequence[Line], entries: Sequence[dict[str, Any]]) -> None:
    from mixtures.explain import epochs
    from mixtures.quantities import show_share, show_tokens

    print_table(
        (*_COLUMNS, "reads"),
        [
            (
                line.item.path,
                line.item.dataset.reference,
                show_tokens(line.available),
                show_tokens(line.used),
                epochs(line),
                show_share(line.share),
                show_share(line.realised),
                _rights(entry),
                f"{show_tokens(line.bytes_read)}B",
            )
            for line, entry in zip(lines, entries, strict=True)
        ],
        right=_NUMBERS,
    )


def _rights(entry: dict[str, Any], *, most: int = 6) -> str:
    """The licences of a source and all its terms; past `most` licences, how many more."""
    names = sorted(entry["licenses"], key=lambda name: name != "NOASSERTION")
    shown = ["?" if name == "NOASSERTION" else name for name in names[:most]]
    if left := len(names) - len(shown):
        shown.append(f"and {left} more")
    return ", ".join([*shown, *entry["terms"]])


def _draft_or_refusal(
    mixture: Mixture, resolved: Sequence[Resolved]
) -> tuple[Draft | None, str | None]:
    """The mixture as it is may be refused; then a what-if may be the way out."""
    from curation.base.errors import RefusedPlan
    from mixtures.plan import draft_of

    try:
        return draft_of(mixture, resolved), None
    except RefusedPlan as error:
        return None, str(error)


def _compare(now: Draft | None, refusal: str | None, other: Draft, *, as_json: bool) -> None:
    from mixtures.explain import describe, headline, total_lines

    if as_json:
        before = None if now is None else describe(now)
        print_json({"plan": before, "refused": refusal, "what_if": describe(other)})
        return
    if now is None:
        click.echo(f"now      refused: {refusal}", err=True)
        click.echo(f"what if  {headline(other)}")
        _print_lines(total_lines(other), other.document["sources"])
    else:
        _print_comparison(now, other)


def _print_comparison(draft: Draft, other: Draft) -> None:
    from mixtures.explain import epochs, headline, total_lines
    from mixtures.quantities import show_share, show_tokens

    click.echo(f"now      {headline(draft)}")
    click.echo(f"what if  {headline(other)}")
    print_table(
        ("source", "tokens", "after", "epochs", "after", "asked", "after"),
        [
            (
                before.item.path,
                show_tokens(before.used),
                show_tokens(after.used),
                epochs(before),
                epochs(after),
                show_share(before.share),
                show_share(after.share),
            )
            for before, after in zip(total_lines(draft), total_lines(other), strict=True)
        ],
        right=_NUMBERS,
    )
