"""What each source of a mixture gives, as far as it is known without building anything.

Where a plan was counted before, its views, with `where` and hold-out, and its licences row by row
are there and used. For other sources the whole token set and the licences of the whole version
stand in, which a note and the source itself say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from awase_client.engine.tokensets import TokenSetManifest
from curation.base.errors import NotFound, RefusedPlan
from curation.base.licenses import NOASSERTION
from mixtures.budget import apportion
from mixtures.catalog import Catalog, DatasetVersion
from mixtures.license_tally import COLUMNS, Amount, Tally
from mixtures.plan import names_in, request_of
from mixtures.shares import Supply, demand_of
from mixtures.spec import Mixture, Source
from mixtures.tallies import stored_tally
from mixtures.views import stored_view

# Stands for a source whose tokens are not known: so large that no share or cap depends on it.
_UNKNOWN = Supply(1 << 40, 1 << 40)
_NAMED = 5  # sources that a note names


@dataclass(frozen=True, slots=True)
class Facts:
    """One source of one mixture. `available` and `epochs` are None where it is not tokenized.

    counted   what `available` counts: the source's "view", or the "whole set" where no plan was
              counted yet
    judged    whose licences and terms: "rows" that `where` selects, or the whole "version"
    rough     whether `where`, hold-out or packing make the view differ from the whole set counted
    """

    dataset: str
    version: str | None
    where: str | None
    share: Fraction | None
    tokens: int | None
    available: int | None
    licenses: tuple[str, ...]
    terms: tuple[str, ...]
    counted: Literal["view", "whole set"] | None = None
    judged: Literal["rows", "version"] | None = None
    rough: bool = False

    @property
    def epochs(self) -> float | None:
        if self.tokens is None or not self.available:
            return None
        return self.tokens / self.available

    def document(self) -> dict[str, Any]:
        return {
            "dataset": self.dataset,
            "version": self.version,
            "where": self.where,
            "share": None if self.share is None else float(self.share),
            "tokens": self.tokens,
            "available_tokens": self.available,
            "epochs": None if self.epochs is None else round(self.epochs, 4),
            "licenses": list(self.licenses),
            "terms": list(self.terms),
            "counted": self.counted,
            "judged": self.judged,
        }


@dataclass(frozen=True, slots=True)
class _Stock:
    """What is there of one source, before anything is shared out."""

    version: DatasetVersion | None
    available: int | None = None
    supply: Supply = _UNKNOWN
    counted: Literal["view", "whole set"] | None = None
    judged: Literal["rows", "version"] | None = None
    licenses: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()
    rough: bool = False


def facts_of(catalog: Catalog, name: str, mixture: Mixture, notes: list[str]) -> dict[str, Facts]:
    """Every source by path; what could not be counted, and why, is added to `notes`."""
    stocks = {s.path: _stock(catalog, mixture, s, notes) for s in mixture.walk()}
    _say(
        name,
        "the rows that `where`, hold-out and packing leave are not counted yet, so epochs "
        "are of whole token sets and really more",
        [p for p, s in stocks.items() if s.rough],
        notes,
    )
    _say(
        name,
        "licences and terms are those of the whole version, `where` may select fewer",
        [s.path for s in mixture.walk() if s.where and stocks[s.path].judged == "version"],
        notes,
    )
    used = _used(name, mixture, stocks, notes)
    total = sum(used.values())
    return {
        source.path: Facts(
            dataset=source.dataset,
            version=stock.version.reference if stock.version is not None else None,
            where=source.where,
            share=Fraction(used[source.path], total) if total else None,
            tokens=used.get(source.path),
            available=stock.available,
            licenses=stock.licenses,
            terms=stock.terms,
            counted=stock.counted,
            judged=stock.judged,
            rough=stock.rough,
        )
        for source in mixture.walk()
        for stock in (stocks[source.path],)
    }


def _say(name: str, what: str, paths: list[str], notes: list[str]) -> None:
    if paths:
        shown = ", ".join(paths[:_NAMED]) + (", ..." if len(paths) > _NAMED else "")
        notes.append(f"{name}: {shown}: {what}; `awase mixture plan` counts them")


def _stock(catalog: Catalog, mixture: Mixture, source: Source, notes: list[str]) -> _Stock:
    try:
        version = catalog.dataset(source.dataset)
    except NotFound as error:
        notes.append(str(error))
        return _Stock(None)
    try:
        digest = catalog.tokenizer(mixture.tokenizer).digest
        token_set = catalog.token_set(version.text_digest, digest)
    except NotFound as error:
        notes.append(str(error))
        return _Stock(version, None, _UNKNOWN, None, "version", *_stated(version))
    return _counted(catalog, mixture, source, version, token_set)


def _counted(
    catalog: Catalog,
    mixture: Mixture,
    source: Source,
    version: DatasetVersion,
    token_set: TokenSetManifest,
) -> _Stock:
    length = mixture.sequence_length
    tally = stored_tally(catalog.store, version.manifest, token_set, source.condition)
    rights = _stated(version) if tally is None else names_in(tally)
    judged: Literal["rows", "version"] = "version" if tally is None else "rows"
    view = stored_view(catalog.store, request_of(mixture, source, version, token_set))
    if view is not None:
        supply = Supply(view.sequences, view.documents)
        return _Stock(version, view.sequences * length, supply, "view", judged, *rights)
    tokens = int(token_set.tokens + token_set.documents * (mixture.bos + mixture.eos))
    supply = Supply(tokens // length, token_set.documents)
    rough = bool(source.where or mixture.holdout or mixture.packing != "concat")
    return _Stock(version, tokens, supply, "whole set", judged, *rights, rough)


def _stated(version: DatasetVersion) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(licences, terms) of all rows, as the version's manifest counts them."""
    manifest = version.manifest
    counts = manifest.licenses, manifest.terms, manifest.generated_by, manifest.judged_by
    columns = {
        column: {value: Amount(rows, 0) for value, rows in values.items() if rows}
        for column, values in zip(COLUMNS, counts, strict=True)
    }
    if rest := manifest.rows - sum(manifest.licenses.values()):
        columns["license"].setdefault(NOASSERTION, Amount(rest, 0))
    return names_in(Tally(Amount(manifest.rows, 0), **columns))


def _used(
    name: str, mixture: Mixture, stocks: Mapping[str, _Stock], notes: list[str]
) -> dict[str, int]:
    """Tokens that each source gives over the whole stream; empty where that cannot be said."""
    sized = any(group.sampling for group in mixture.root.groups()) or any(
        source.repeat is not None for source in mixture.walk()
    )
    if sized and any(stock.available is None for stock in stocks.values()):
        notes.append(f"{name}: `sampling` and `repeat` need the tokens of every source")
        return {}
    try:
        demand = demand_of(mixture, {path: stock.supply for path, stock in stocks.items()})
    except RefusedPlan as error:
        notes.append(f"{name}: {error}")
        return {}
    sums = [0] * len(stocks)
    for row in apportion(demand.legs):
        sums = [total + count for total, count in zip(sums, row.counts, strict=True)]
    return {path: n * mixture.sequence_length for path, n in zip(stocks, sums, strict=True)}
