"""A plan that continues another replays it exactly and loses or repeats nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from awase_client.engine.order import Order
from awase_client.engine.plan import Plan
from curation.base.digest import canonical
from curation.base.errors import RefusedPlan, UsageError
from curation.base.store import Store
from mixtures.catalog import Catalog
from mixtures.chain import continue_plan, reweigh, skip
from mixtures.plan import write_plan
from mixtures.spec import read_mixture
from tests.client.engine.conftest import plan_document
from tests.tokenstore import write_corpus

HEAD = "version: 1\nname: blend\ntokenizer: tok\nsequence_length: 8\nseed: 3\n"
SIZES = [50, 31, 400]
Add = Callable[..., None]
Make = Callable[..., Plan]


def parent_document() -> dict[str, Any]:
    """Two stages over the group g = (g.a, g.b) and the source c."""
    document = plan_document([[120, 60, 20], [30, 30, 140]], sequences=SIZES, tree=[[0, 1], 2])
    for source, path in zip(document["sources"], ("g.a", "g.b", "c"), strict=True):
        source["path"] = path
    return document


def stream(document: dict[str, Any]) -> list[tuple[int, int, int]]:
    order = Order(Plan.from_bytes(canonical(document)))
    found = order.locate(np.arange(order.total))
    return list(zip(*(column.tolist() for column in found), strict=True))


def drawn(document: dict[str, Any], position: int) -> list[int]:
    return Order(Plan.from_bytes(canonical(document))).counts(position).tolist()


@given(data=st.data())
def test_any_chain_of_entries_replays_its_parents_and_repeats_nothing(data: st.DataObject) -> None:
    document = parent_document()
    for _ in range(data.draw(st.integers(1, 4))):
        total = Plan.from_bytes(canonical(document)).total
        if total < 8:
            break
        at = data.draw(st.integers(0, total - 2))
        if data.draw(st.booleans()):
            child = skip(document, start=at, end=data.draw(st.integers(at + 1, total - 1)))
        else:
            weight = data.draw(st.sampled_from([Fraction(1, 10), Fraction(1), Fraction(3)]))
            path = data.draw(st.sampled_from(["g", "g.a", "c"]))
            try:
                child = reweigh(document, at=at, weights={path: weight})
            except RefusedPlan:
                continue
        assert child["parent"] == Plan.from_bytes(canonical(document)).digest
        assert child["from"] == at
        assert stream(child)[:at] == stream(document)[:at]
        document = child
    served = stream(document)
    assert max(Counter(served).values()) == 1
    if not document["omit"]:
        # Nothing is lost either: every epoch but a source's last one is whole.
        for source, size in enumerate(SIZES):
            draws = sorted(epoch for s, epoch, _ in served if s == source)
            assert draws == [k // size for k in range(len(draws))]


def test_a_skip_brings_what_came_later_and_shortens_the_stream() -> None:
    parent = parent_document()
    before = stream(parent)
    child = skip(parent, start=100, end=150)
    assert stream(child) == before[:100] + before[150:]
    again = skip(child, start=100, end=101)
    assert again["omit"] == [[100, 151]]
    assert stream(again) == before[:100] + before[151:]
    earlier = skip(again, start=90, end=105)
    assert stream(earlier) == before[:90] + before[156:]


def test_other_weights_hold_from_the_position_to_the_end() -> None:
    parent = parent_document()
    child = reweigh(parent, at=100, weights={"c": Fraction(1)})
    assert stream(child)[:100] == stream(parent)[:100]
    first, second = drawn(child, 100), drawn(child, 200)
    # In the first stage g weighs its 0.9 against 1, in the second its 0.3.
    assert second[2] - first[2] == round(100 * 1 / 1.9)
    due = Fraction(10, 19) * 100 + Fraction(10, 13) * 200
    assert abs(drawn(child, 400)[2] - first[2] - due) < 1
    off = reweigh(parent, at=200, weights={"g": Fraction(0)})
    assert [a - b for a, b in zip(drawn(off, 400), drawn(off, 200), strict=True)] == [0, 0, 200]


def test_refusals_name_what_is_wrong() -> None:
    parent = parent_document()
    with pytest.raises(UsageError, match=r"no source or group 'g\.c' in .*; did you mean 'g"):
        reweigh(parent, at=1, weights={"g.c": Fraction(1)})
    with pytest.raises(UsageError, match=r"position 400 is outside 0\.\.399"):
        reweigh(parent, at=400, weights={"c": Fraction(1)})
    with pytest.raises(RefusedPlan, match="yields source c no sequence in the 100 positions"):
        reweigh(parent, at=300, weights={"c": Fraction(1, 10**6)})
    with pytest.raises(RefusedPlan, match="nothing is left in the mixture"):
        reweigh(parent, at=1, weights={"c": Fraction(0), "g": Fraction(0)})
    with pytest.raises(UsageError, match=r"skip 5\.\.5"):
        skip(parent, start=5, end=5)


MIXTURE = (
    "budget: {budget}\nsources:\n  a: {{dataset: web, weight: {a}}}\n"
    "  b: {{dataset: {b}, weight: 1}}\n"
)


def mixture(budget: int, *, a: int = 1, b: str = "wiki", more: str = "") -> Any:
    return read_mixture(HEAD + MIXTURE.format(budget=budget, a=a, b=b) + more)


def document_of(store: Store, plan: Plan) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(store.plan_path(plan.digest).read_bytes())
    return document


def test_another_mixture_goes_on_with_the_draws_so_far(
    add: Add, make: Make, store: Store, catalog: Catalog
) -> None:
    for name in ("web", "wiki", "en"):
        add(name, 40)
    parent = document_of(store, make(MIXTURE.format(budget=800, a=1, b="wiki")))
    more = "  c: {dataset: en, weight: 2}\n"
    child = continue_plan(parent, mixture(1600, more=more), catalog, store, at=60)
    plan = write_plan(child, catalog, store, reference=None)
    assert stream(child)[:60] == stream(parent)[:60]
    assert (plan.total, plan.start, plan.parent) == (200, 60, make(
        MIXTURE.format(budget=800, a=1, b="wiki")
    ).digest)  # fmt: skip
    assert drawn(child, 60) == [30, 30, 0]
    assert drawn(child, 200) == [65, 65, 70]
    assert max(Counter(stream(child)).values()) == 1


def test_a_changed_view_is_refused_unless_restarted(
    add: Add, make: Make, store: Store, catalog: Catalog
) -> None:
    add("web", 40)
    add("wiki", 40)
    parent = document_of(store, make(MIXTURE.format(budget=800, a=1, b="wiki")))
    corpus = write_corpus(store, "wiki", [[[5] * 7] * 25])
    catalog.register_dataset("wiki", corpus.version.manifest)
    with pytest.raises(RefusedPlan, match="source b: its view changed") as refused:
        continue_plan(parent, mixture(1600), catalog, store, at=60)
    assert "had 40 sequences, wiki@2 has 25" in str(refused.value)
    child = continue_plan(parent, mixture(1600), catalog, store, at=60, restart=["b"])
    assert [source["path"] for source in child["sources"]] == ["a", "b", "b"]
    assert child["restart"] == ["b"]
    assert stream(child)[:60] == stream(parent)[:60]
    assert drawn(child, 200) == [100, 30, 70]
    plan = write_plan(child, catalog, store, reference=None)
    for source in child["sources"]:
        found = [record.digest for record in catalog.plans_with(source["version"])]
        assert plan.digest in found, "the lineage of both versions of b leads here"
    last = continue_plan(child, mixture(1600), catalog, store, at=130)
    assert drawn(last, 200) == [100, 30, 70], "the second b goes on"


def test_continuing_keeps_settings_caps_and_counts(
    add: Add, make: Make, store: Store, catalog: Catalog
) -> None:
    add("web", 40)
    add("wiki", 40)
    parent = document_of(store, make(MIXTURE.format(budget=800, a=1, b="wiki")))
    other = read_mixture(
        HEAD.replace("seed: 3", "seed: 4") + MIXTURE.format(budget=1600, a=1, b="wiki")
    )
    with pytest.raises(RefusedPlan, match="seed: 4, the plan it continues has 3"):
        continue_plan(parent, other, catalog, store, at=60)
    with pytest.raises(RefusedPlan, match="budget: 100 sequences end before position 100"):
        continue_plan(parent, mixture(800), catalog, store, at=100)
    capped = read_mixture(HEAD + MIXTURE.format(budget=1600, a=1, b="wiki, max_epochs: 2"))
    with pytest.raises(RefusedPlan, match=r"30 sequences drawn and 70 more are 2\.5 epochs"):
        continue_plan(parent, capped, catalog, store, at=60)
    with pytest.raises(UsageError, match="the mixture has no source 'x'"):
        continue_plan(parent, mixture(1600), catalog, store, at=60, restart=["x"])
