"""`awase lineage`: what a plan was made from, what a dataset went into."""

from __future__ import annotations

import click

from pipelines.cli.common import json_option, open_catalog, print_json


@click.command("lineage")
@click.argument("name", metavar="DATASET|PLAN")
@json_option
def command(name: str, as_json: bool) -> None:
    """Print what NAME was made from, and what was made from it.

    A plan (its digest, or the first digits of it) is followed down to dataset versions, recipes and
    input files; a dataset (web-ja, web-ja@3, ...) also up to every version and plan that used it.
    """
    from mixtures.lineage import find

    with open_catalog() as catalog:
        tree = find(catalog, name)
    if as_json:
        print_json(tree.document())
        return
    for line in tree.lines():
        click.echo(line)
