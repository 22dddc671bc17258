"""Publishing a mixture: judged first, then numbered; and how one published extends another."""

from __future__ import annotations

from dataclasses import dataclass

from curation.base.errors import InvalidDocument, Problem, UsageError
from curation.base.names import check_name
from mixtures.catalog import Catalog, MixtureVersion
from mixtures.extends import is_file
from mixtures.spec import Mixture, Place, Resolver, read_mixture
from mixtures.spec_write import to_yaml


@dataclass(frozen=True, slots=True)
class Published:
    """A version, the mixture it holds, and whether the call that answered this made it."""

    version: MixtureVersion
    mixture: Mixture
    is_new: bool


def catalog_resolver(catalog: Catalog) -> Resolver:
    """Resolve `extends: name[@3|@alias]` to the text of a published mixture."""

    def resolve(reference: str, file: str) -> tuple[str, str]:
        if is_file(reference):
            raise UsageError(
                f"{reference!r} is a file: a published mixture stands alone, so publish that one "
                "first and extend it by name"
            )
        version = catalog.mixture(reference)
        return version.text, version.reference

    return resolve


def read_published(catalog: Catalog, version: MixtureVersion) -> Mixture:
    """The mixture of a published text, with all it extends."""
    return read_mixture(version.text, file=version.reference, resolver=catalog_resolver(catalog))


def publish(
    catalog: Catalog,
    name: str,
    text: str | bytes,
    *,
    file: str = "<document>",
    expected: str | None = None,
) -> Published:
    """Judge `text` and publish it as the next version of `name`, or find the version it is.

    What extends another mixture is kept merged with it, so that the version never changes when a
    reference moves. InvalidDocument with every problem, also where the document calls itself
    something else. `expected` is that of Catalog.publish_mixture.
    """
    check_name(name, what="mixture")
    mixture = read_mixture(text, file=file, resolver=catalog_resolver(catalog))
    if mixture.name != name:
        place = mixture.places.get("name", Place(file, 1, 1))
        message = f"the document is named {mixture.name!r} and published as {name!r}"
        raise InvalidDocument([Problem(place.line, place.column, "name", message, place.file)])
    if "extends" in mixture.places:
        whole = to_yaml(mixture)
    else:
        whole = text.decode("utf-8-sig") if isinstance(text, bytes) else text
    version, is_new = catalog.publish_mixture(name, whole, expected=expected)
    return Published(version, mixture, is_new)
