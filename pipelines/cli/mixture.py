"""`awase mixture`: check, plan, explain, compare and publish mixtures; start one from a blend."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pipelines.cli.common import (
    Group,
    json_option,
    open_catalog,
    print_json,
    print_table,
    say,
    short,
)
from pipelines.cli.mixture_diff import diff
from pipelines.cli.mixture_init import blends, init, schema
from pipelines.cli.mixture_open import open_mixture, resolver_of
from pipelines.cli.mixture_plan import explain, plan

if TYPE_CHECKING:
    from mixtures.catalog import Catalog
    from mixtures.spec import Mixture


@click.group(cls=Group)
def command() -> None:
    """Start, check, plan, explain, compare, publish and list mixtures.

    FILE is a YAML file, NAME a published mixture (NAME, NAME@3, NAME@prod).
    """


for member in (plan, explain, diff, init, blends, schema):
    command.add_command(member)


@command.command()
@click.argument("file", type=click.Path())
@json_option
def check(file: str, as_json: bool) -> None:
    """Judge the document FILE alone, without a store: every problem with line and column."""
    from curation.base.errors import NotFound
    from mixtures.extends import read_document
    from mixtures.spec import read_mixture

    try:
        text = read_document(file)
    except NotFound as error:
        raise NotFound(f"{error}; `awase mixture init` writes one to start from") from error
    mixture = read_mixture(text, file=file, resolver=resolve)
    for line in mixture.advice:
        say(line)
    if as_json:
        print_json(mixture.document())
        return
    click.echo(f"{file}: {summary(mixture)}")


def resolve(reference: str, file: str) -> tuple[str | bytes, str]:
    """What `extends` names: a file beside `file`; only for another mixture is a store opened."""
    from mixtures.extends import file_resolver, is_file

    if is_file(reference):
        return file_resolver(reference, file)
    with open_catalog() as catalog:
        return resolver_of(catalog)(reference, file)


@command.command()
@click.argument("file", type=click.Path())
@json_option
def publish(file: str, as_json: bool) -> None:
    """Add FILE to the catalog as the next version of its mixture.

    The same text again is the version it has. A file that extends others is published merged, so
    that a version never changes when they do.
    """
    from mixtures.publish import publish as publish_text

    with open_catalog() as catalog:
        text, mixture = text_of(catalog, file)
        published = publish_text(catalog, mixture.name, text, file=file)
    version = published.version
    for line in mixture.advice:
        say(line)
    if as_json:
        print_json({"name": version.name, "version": version.number, "digest": version.digest})
        return
    known = "" if published.is_new else ", published before"
    click.echo(f"{version.reference} ({short(version.digest)}){known}")


def text_of(catalog: Catalog, name: str) -> tuple[str, Mixture]:
    """The YAML of a file or a published mixture, merged with all it extends, and what it says."""
    from mixtures.extends import is_file, read_document
    from mixtures.spec_write import to_yaml

    mixture, reference = open_mixture(catalog, name)
    if "extends" in mixture.places:
        return to_yaml(mixture), mixture
    if is_file(name):
        return read_document(name).decode("utf-8-sig"), mixture
    return catalog.mixture(reference or name).text, mixture


@command.command("ls")
@click.argument("name", required=False)
@json_option
def list_(name: str | None, as_json: bool) -> None:
    """List published mixtures, or all versions of mixture NAME."""
    from mixtures.publish import read_published
    from mixtures.quantities import show_tokens

    with open_catalog() as catalog:
        if name is None:
            found = catalog.mixtures()
        else:
            numbers = [item.number for item in catalog.versions("mixture", name)]
            found = [catalog.mixture(f"{name}@{number}") for number in numbers]
        read = [] if as_json else [read_published(catalog, version) for version in found]
    if as_json:
        print_json(
            [
                {"name": v.name, "version": v.number, "digest": v.digest, "created": v.created}
                for v in found
            ]
        )
        return
    rows = []
    for version, mixture in zip(found, read, strict=True):
        budget = mixture.budget_tokens
        rows.append(
            (
                version.reference,
                sum(1 for _ in mixture.walk()),
                "by repeat" if budget is None else show_tokens(budget),
                mixture.tokenizer,
                mixture.description,
                short(version.digest),
            )
        )
    print_table(
        ("mixture", "sources", "budget", "tokenizer", "description", "digest"),
        rows,
        right=("sources", "budget"),
        empty="no mixtures yet: `awase mixture init` begins one, `awase mixture publish` adds it",
    )


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
