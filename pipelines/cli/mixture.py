"""`awase mixture`: check, plan, explain, compare and publish mixtures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pipelines.cli.common import json_option, print_json
from pipelines.cli.mixture_diff import diff
from pipelines.cli.mixture_plan import explain, plan

if TYPE_CHECKING:
    from mixtures.spec import Mixture


@click.group()
def command() -> None:
    """Check, plan, explain, compare and publish mixtures."""


command.add_command(plan)
command.add_command(explain)
command.add_command(diff)


@command.command()
@click.argument("file", type=click.Path())
@json_option
def check(file: str, as_json: bool) -> None:
    """Judge the document FILE alone, without a store: every problem with line and column."""
    mixture = read_file(file)
    for text in mixture.advice:
        click.echo(text, err=True)
    if as_json:
        print_json(mixture.document())
        return
    click.echo(f"{file}: {summary(mixture)}")


def read_file(file: str) -> Mixture:
    """Read a mixture file and what it extends; NotFound or InvalidDocument."""
    from curation.base.errors import NotFound
    from mixtures.extends import file_resolver, read_document
    from mixtures.spec import read_mixture

    try:
        text = read_document(file)
    except NotFound as error:
        raise NotFound(f"{error}; `awase mixture init` writes one to start from") from error
    return read_mixture(text, file=file, resolver=file_resolver)


def summary(mixture: Mixture) -> str:
    """One line: the name and what it holds."""
    from mixtures.quantities import show_tokens

    count = sum(1 for _ in mixture.walk())
    parts = [f"{count} source" + ("s" if count != 1 else "")]
    if len(mixture.stages) > 1:
        parts.append(f"{len(mixture.stages)} stages")
    if mixture.budget_tokens is not None:
        parts.append(f"{show_tokens(mixture.budget_tokens)} tokens")
    return f"{mixture.name} is a valid mixture ({', '.join(parts)})"
