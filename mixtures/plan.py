"""A mixture, resolved and counted: plan.json, and what a person wants to know before training.

    plan = make_plan(mixture, catalog, store)       writes plans/<digest>/plan.json, records it
    draft = draft_plan(mixture, catalog, store)     the same without writing; mixtures.explain

References become digests, sources become views (built where the store lacks them), weights become
integer counts. The plan's digest follows from the mixture's meaning and the data alone: its name,
comments, times and paths do not enter. The format is awase_client.engine.plan; counts are
mixtures.budget, refusals mixtures.limits, licences mixtures.licenses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

from awase_client.engine.documents import plan_bytes
from awase_client.engine.plan import MAX_SOURCES, Plan
from awase_client.engine.tokensets import TokenSetManifest
from curation.base.digest import canonical
from curation.base.errors import RefusedPlan
from curation.base.store import Store, put_if_absent
from mixtures.budget import Row
from mixtures.catalog import Catalog
from mixtures.catalog.records import DatasetVersion
from mixtures.license_tally import COLUMNS, Amount, Tally
from mixtures.licenses import Holding, Verdict, judge
from mixtures.limits import checked_rows
from mixtures.shares import Demand, Supply
from mixtures.spec import Group, Licenses, Mixture, Source
from mixtures.tallies import tally_of
from mixtures.views import View, ViewRequest, build_views

VERSION = 1

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Resolved:
    """A source with everything its plan entry and its explanation need."""

    source: Source
    dataset: DatasetVersion
    token_set: TokenSetManifest
    view: View
    tally: Tally

    @property
    def path(self) -> str:
        return self.source.path

    @property
    def supply(self) -> Supply:
        return Supply(self.view.sequences, self.view.documents)

    def entry(self) -> dict[str, Any]:
        """The source as plan.json lists it."""
        licenses, terms = names_in(self.tally)
        return {
            "path": self.path,
            "dataset": self.dataset.name,
            "version": self.dataset.digest,
            "text_digest": self.dataset.text_digest,
            "view": self.view.digest,
            "sequences": self.view.sequences,
            "holdout_sequences": self.view.holdout_sequences,
            "licenses": list(licenses),
            "terms": list(terms),
        }


def names_in(tally: Tally) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(licences, terms) of a tally's rows, each sorted."""
    return _names_of(*(tuple(getattr(tally, name)) for name in COLUMNS))


@lru_cache(maxsize=4096)
def _names_of(*columns: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(licences, terms) that values of the tally's columns mean, each sorted."""
    some = Amount(1, 1)
    values = {
        name: dict.fromkeys(column, some) for name, column in zip(COLUMNS, columns, strict=True)
    }
    rights = judge(Licenses(), [Holding("", Tally(some, **values), Fraction(1))])
    return (
        tuple(sorted({part.name for part in rights.licenses})),
        tuple(sorted({part.name for part in rights.terms})),
    )


@dataclass(frozen=True, slots=True)
class Draft:
    """A plan that was not written yet, with what it was made from.

    rows       counts a stage, in the order of `resolved`; stages of a ramp share their `leg`
    verdict    licences, terms, obligations and permissions of the tokens it delivers
    """

    mixture: Mixture
    resolved: tuple[Resolved, ...]
    demand: Demand
    rows: tuple[Row, ...]
    verdict: Verdict
    document: dict[str, Any]
    plan: Plan


def make_plan(
    mixture: Mixture,
    catalog: Catalog,
    store: Store,
    *,
    reference: str | None = None,
    workers: int = 2,
    progress: Progress | None = None,
) -> Plan:
    """Resolve, count, write and record the plan of a mixture; the same inputs, the same digest.

    reference   what the mixture is called in the catalog ("name@3"), None for a file
    Raises RefusedPlan with every reason and its numbers, NotFound for a missing dataset, tokenizer
    or token set, InvalidDocument for a `where` that does not fit its version.
    """
    draft = draft_plan(mixture, catalog, store, workers=workers, progress=progress)
    write_plan(draft.document, catalog, store, reference=reference)
    return draft.plan


def write_plan(
    document: dict[str, Any], catalog: Catalog, store: Store, *, reference: str | None
) -> Plan:
    """Check a plan's document, store it under its digest and record it."""
    data = canonical(document)
    plan = Plan.from_bytes(data)
    if not put_if_absent(store.plan_path(plan.digest), data):
        plan_bytes(store.root, plan.digest)  # what is there may be damaged
    catalog.record_plan(plan.digest, reference, document)
    return plan


def draft_plan(
    mixture: Mixture,
    catalog: Catalog,
    store: Store,
    *,
    workers: int = 2,
    progress: Progress | None = None,
) -> Draft:
    """As make_plan, but nothing is written except views, selections and tallies."""
    resolved = resolve(mixture, catalog, store, workers=workers, progress=progress)
    return draft_of(mixture, resolved)


def draft_of(mixture: Mixture, resolved: Sequence[Resolved]) -> Draft:
    """The draft of a mixture whose sources are resolved; RefusedPlan with every reason."""
    demand, rows = checked_rows(mixture, {item.path: item.supply for item in resolved})
    verdict = verdict_of(mixture, resolved, rows)
    if verdict.refusals:
        raise RefusedPlan("\n".join(str(finding) for finding in verdict.refusals))
    document = settings_of(mixture, resolved[0].token_set) | {
        "sources": [item.entry() for item in resolved],
        "trees": [tree_of(mixture.root, {item.path: k for k, item in enumerate(resolved)})],
        "stages": [{"until": r.until, "tree": 0, "counts": list(r.counts)} for r in rows],
        "omit": [],
        "parent": None,
        "from": 0,
        "restart": [],
    }
    plan = Plan.from_bytes(canonical(document))
    return Draft(mixture, tuple(resolved), demand, tuple(rows), verdict, document, plan)


def resolve(
    mixture: Mixture,
    catalog: Catalog,
    store: Store,
    *,
    workers: int = 2,
    progress: Progress | None = None,
) -> tuple[Resolved, ...]:
    """Every source's dataset version, token set and view, in the order of the mixture.

    progress(views ready, views) is called as views are built.
    """
    sources = tuple(mixture.walk())
    if len(sources) > MAX_SOURCES:
        raise RefusedPlan(f"{len(sources)} sources; a plan holds {MAX_SOURCES} at most")
    tokenizer = catalog.tokenizer(mixture.tokenizer)
    datasets = catalog.datasets_of(source.dataset for source in sources)
    token_sets = {
        dataset.text_digest: catalog.token_set(dataset.text_digest, tokenizer.digest)
        for dataset in datasets.values()
    }

    requests = []
    for source in sources:
        dataset = datasets[source.dataset]
        token_set = token_sets[dataset.text_digest]
        if mixture.loss == "assistant" and not token_set.loss_mask:
            raise RefusedPlan(
                f"source {source.path}: `loss: assistant`, but the tokens of {dataset.reference} "
                "carry no loss mask: tokenize a dataset of rendered chats"
            )
        requests.append(request_of(mixture, source, dataset, token_set))
    views = build_views(store, catalog, requests, workers=workers, progress=progress)

    def tally(request: ViewRequest) -> Tally:
        return tally_of(
            store, request.dataset.manifest, request.token_set, request.where, workers=1
        )

    with ThreadPoolExecutor(workers) as pool:
        tallies = list(pool.map(tally, requests))
    return tuple(
        Resolved(source, datasets[source.dataset], request.token_set, view, counted)
        for source, request, view, counted in zip(sources, requests, views, tallies, strict=True)
    )


def request_of(
    mixture: Mixture, source: Source, dataset: DatasetVersion, token_set: TokenSetManifest
) -> ViewRequest:
    """What a source of a mixture asks of its view."""
    return ViewRequest(
        dataset=dataset,
        token_set=token_set,
        where=source.condition,
        holdout=mixture.holdout,
        sequence_length=mixture.sequence_length,
        packing=mixture.packing,
        separators=mixture,
        labels=mixture.labels,
        seed=mixture.seed,
        path=source.path,
    )


def settings_of(mixture: Mixture, token_set: TokenSetManifest) -> dict[str, Any]:
    """The fields of plan.json that hold for the whole stream."""
    pads = (token_set.pad, token_set.eos, 0)
    return {
        "version": VERSION,
        "kind": "plan",
        "seed": mixture.seed,
        "sequence_length": mixture.sequence_length,
        "width": mixture.sequence_length + (mixture.labels == "overlap"),
        "dtype": token_set.dtype,
        "pad": next(pad for pad in pads if pad is not None),
        "packing": mixture.packing,
        "labels": mixture.labels,
        "loss": mixture.loss,
        "separators": {"bos": mixture.bos, "eos": mixture.eos},
        "tokenizer": token_set.tokenizer_digest,
    }


def tree_of(group: Group, index: dict[str, int]) -> list[Any]:
    """The nesting of a group's sources as lists of source ids."""
    return [
        tree_of(child, index) if isinstance(child, Group) else index[child.path]
        for child in group.children
    ]


def verdict_of(mixture: Mixture, resolved: Sequence[Resolved], rows: Sequence[Row]) -> Verdict:
    """The licences' verdict on the tokens that are delivered."""
    total = sum(sum(row.counts) for row in rows)
    used = [sum(column) for column in zip(*(row.counts for row in rows), strict=True)]
    return judge(
        mixture.licenses,
        [
            Holding(item.path, item.tally, Fraction(count, total))
            for item, count in zip(resolved, used, strict=True)
            if count
        ],
    )
