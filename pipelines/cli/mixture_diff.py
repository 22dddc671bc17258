"""`awase mixture diff`: what changed, in tokens, epochs and licences a source, then in lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pipelines.cli.common import json_option, open_catalog, print_json
from pipelines.cli.mixture_open import resolver_of

if TYPE_CHECKING:
    from mixtures.catalog import Catalog
    from mixtures.spec import Mixture


@click.command()
@click.argument("before", metavar="FILE|NAME")
@click.argument("after", metavar="FILE|NAME")
@json_option
def diff(before: str, after: str, as_json: bool) -> None:
    """Compare two mixtures, each a FILE or a published NAME (NAME, NAME@3, NAME@prod).

    Sources come first: tokens, epochs, share and licences before and after; then settings, then
    lines of YAML. Nothing is built: where a plan was counted before, epochs and licences are those
    of its rows, `where` and hold-out applied; else those of whole sets, which is said.
    """
    from mixtures.diff import diff as compare

    with open_catalog() as catalog:
        found = compare(catalog, _side(catalog, before), _side(catalog, after))
    if as_json:
        print_json(found.document())
        return
    for line in found.lines():
        click.echo(line)


def _side(catalog: Catalog, name: str) -> tuple[str, str, Mixture]:
    """(reference, text, mixture) of a file or of a published mixture."""
    from mixtures.extends import is_file, read_document
    from mixtures.publish import read_published
    from mixtures.spec import read_mixture

    if not is_file(name):
        version = catalog.mixture(name)
        return version.reference, version.text, read_published(catalog, version)
    data = read_document(name)
    mixture = read_mixture(data, file=name, resolver=resolver_of(catalog))
    return name, data.decode("utf-8-sig"), mixture
