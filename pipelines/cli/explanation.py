"""What `awase curate --explain` prints: what failed, then every rule, then the other scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pipelines.cli.common import print_table

if TYPE_CHECKING:
    from curation.explain import Explanation, Setting, Verdict


def show_explanation(found: Explanation) -> None:
    """Print why a document was kept or dropped, with the source of every threshold."""
    state = "kept" if found.kept else f"dropped, first reason {found.reason}"
    click.echo(f"{found.id}: {state}")
    if found.duplicate_of:
        click.echo(f"it duplicates {found.duplicate_of}")
    for verdict in found.verdicts:
        counted = " (counted only)" if verdict.annotate else ""
        click.echo(f"  {verdict.reason}{counted}: {verdict.condition}; found {verdict.value}")
        if verdict.note:
            click.echo(f"    {verdict.note}")
        click.echo(f"    threshold from: {verdict.source}")
    numbers: dict[str, int] = {}  # of sources, in the order in which they are met
    _show_rules([rule for rule in found.rules if rule.statistic is not None], numbers)
    if found.settings:
        rows = [[s.step, _values(s), _number(numbers, s.source)] for s in found.settings]
        click.echo()
        print_table(["step", "settings", "from"], rows)
    click.echo()
    for source, number in numbers.items():
        click.echo(f"[{number}] {source}")
    read = {rule.statistic for rule in found.rules}
    rest = [[name, shown(value)] for name, value in found.scores.items() if name not in read]
    click.echo()
    print_table(["score that no rule reads", "value"], rest, right=["value"])


def _show_rules(rules: list[Verdict], numbers: dict[str, int]) -> None:
    """One line a rule; sources are numbered, as a paper's table is the source of many."""
    rows: list[list[object]] = []
    for rule in rules:
        verdict = ("counted" if rule.annotate else "failed") if rule.failed else "passed"
        source = _number(numbers, rule.source)
        rows.append([rule.reason, shown(rule.value), _bound(rule), verdict, source])
    click.echo(f"\nrules: {sum(rule.failed for rule in rules)} of {len(rules)} failed")
    print_table(["rule", "found", "fails where", "verdict", "from"], rows, right=["found"])


def _number(numbers: dict[str, int], source: str) -> str:
    return f"[{numbers.setdefault(source, len(numbers) + 1)}]"


def _values(setting: Setting) -> str:
    return ", ".join(f"{name} {str(value).lower()}" for name, value in setting.values.items())


def _bound(rule: Verdict) -> str:
    """The condition, the statistic left out where it has the rule's own name."""
    statistic, _, bound = rule.condition.partition(" ")
    step, _, reason = rule.reason.partition(".")
    name = statistic.removeprefix(f"{step}.")
    return bound if name == reason else f"{name} {bound}"


def shown(value: Any) -> str:
    """A score for people: six digits of a fraction, a dash for what the text has none of."""
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
