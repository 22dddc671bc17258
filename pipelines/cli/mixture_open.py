"""Mixtures as commands name them: a file, or a published name; `extends` names either too."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mixtures.catalog import Catalog
    from mixtures.spec import Mixture, Resolver


def open_mixture(catalog: Catalog, name: str) -> tuple[Mixture, str | None]:
    """The mixture of a file, or of a published reference; with that reference, None for a file."""
    from mixtures.extends import is_file, read_document
    from mixtures.publish import read_published
    from mixtures.spec import read_mixture

    if is_file(name):
        return read_mixture(read_document(name), file=name, resolver=resolver_of(catalog)), None
    version = catalog.mixture(name)
    return read_published(catalog, version), version.reference


def resolver_of(catalog: Catalog) -> Resolver:
    """What `extends` in a file names: a file beside it, or a published mixture."""
    from mixtures.extends import file_resolver, is_file
    from mixtures.publish import catalog_resolver

    published = catalog_resolver(catalog)

    def resolve(reference: str, file: str) -> tuple[str | bytes, str]:
        return (file_resolver if is_file(reference) else published)(reference, file)

    return resolve
