"""The order equals unbounded integers, counts on over stages, and has an inverse."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awase_client.engine.order import Order
from awase_client.engine.plan import Plan
from awase_client.engine.tree import Tree, descend
from curation.base.digest import canonical
from tests.client.engine.reference import Reference

MakePlan = Callable[..., Plan]
VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "order.json").read_text())


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_equals_python_integers_up_to_the_limit(data: st.DataObject) -> None:
    counts = data.draw(
        st.lists(
            st.one_of(st.integers(0, 5), st.integers(0, 2**40), st.integers(2**46, 2**47 - 1)),
            min_size=1, max_size=40,
        ).filter(lambda c: 0 < sum(c) <= 2**48)
    )  # fmt: skip
    total = sum(counts)
    items = data.draw(st.lists(st.integers(0, total - 1), min_size=1, max_size=30))
    items += [0, total - 1, total // 2]
    reference = Reference(list(range(len(counts))), counts)
    expected = [reference.at(m) for m in items]
    tree = Tree.build(list(range(len(counts))), counts)
    source, own = descend(tree, np.array(items))
    assert list(zip(source.tolist(), own.tolist(), strict=True)) == expected
    from awase_client.engine import kernels

    kernels.descend(
        np.array(items), tree.root, *tree.arrays, np.zeros(len(counts), np.int64), source, own
    )
    assert list(zip(source.tolist(), own.tolist(), strict=True)) == expected


@pytest.mark.parametrize("total", [10**12, 2**48])
def test_a_tiny_weight_comes_on_time_in_a_long_stream(plan: MakePlan, total: int) -> None:
    rare = max(1, total // 10**9)
    counts = [total // 2 - rare, total - total // 2, rare]
    order = Order(plan([counts], sequences=[10**9, 10**9, 7]))
    for draw in (0, 1, rare // 2, rare - 1):
        [position] = [order._position(order._slot(2, draw))]
        assert abs(position * rare / total - draw) < 1.68
        source, drawn = order.resolve([position])
        assert (source.tolist(), drawn.tolist()) == ([2], [draw])


def test_stages_and_cuts_count_on(document: Callable[..., Any]) -> None:
    rows = [[30, 10, 5], [1, 0, 2], [100, 100, 100]]
    shape = [[0, 1], 2]
    cut = document(rows, tree=shape)
    # Cut the first stage after 20 of its 45 slots; the later ones follow at once.
    for stage, until in zip(cut["stages"], (20, 23, 323), strict=True):
        stage["until"] = until
    order = Order(Plan.from_bytes(canonical(cut)))
    references = [Reference(shape, counts) for counts in rows]
    drawn, expected = [0, 0, 0], []
    for reference, items in zip(references, (20, 3, 300), strict=True):
        for m in range(items):
            source, _ = reference.at(m)
            expected.append((source, drawn[source]))
            drawn[source] += 1
    for numba in (True, False):
        source, draw = Order(order.plan, numba=numba).resolve(np.arange(323))
        assert list(zip(source.tolist(), draw.tolist(), strict=True)) == expected
    for position in (0, 7, 20, 22, 23, 100, 323):
        before = [source for source, _ in expected[:position]]
        assert order.counts(position).tolist() == [before.count(s) for s in range(3)]


def test_omitted_slots_are_drawn_and_not_delivered(plan: MakePlan) -> None:
    rows = [[40, 20], [10, 50]]
    whole = Order(plan(rows)).resolve(np.arange(120))
    order = Order(plan(rows, omit=[[5, 17], [58, 63], [119, 120]]))
    kept = [slot for slot in range(120) if not (5 <= slot < 17 or 58 <= slot < 63 or slot == 119)]
    assert order.total == len(kept) == 102
    source, draw = order.resolve(np.arange(102))
    assert (source == whole[0][kept]).all()
    assert (draw == whole[1][kept]).all()
    for position in (0, 5, 6, 46, 101):
        before = whole[0][: kept[position]]
        assert order.counts(position).tolist() == np.bincount(before, minlength=2).tolist()


def test_each_sequence_appears_once_an_epoch_and_the_inverse_finds_it(plan: MakePlan) -> None:
    sizes = [100, 17, 1, 64]
    order = Order(plan([[250, 40, 3, 64], [10, 11, 0, 1]], sequences=sizes, omit=[[3, 9]]))
    found: dict[tuple[int, int, int], int] = {}
    source, epoch, sequence = order.locate(np.arange(order.total))
    for position, key in enumerate(
        zip(source.tolist(), epoch.tolist(), sequence.tolist(), strict=True)
    ):
        assert key not in found
        found[key] = position
    for s, size in enumerate(sizes):
        for q in range(size):
            where = sorted(p for (a, _, b), p in found.items() if (a, b) == (s, q))
            assert order.positions(s, q).tolist() == where


@pytest.mark.parametrize("numba", [True, False], ids=["numba", "numpy"])
def test_any_shape_of_request_gives_the_same(plan: MakePlan, numba: bool) -> None:
    made = plan([[300, 200, 11], [5, 100, 80]], sequences=[23, 301, 5])
    expected = Order(made, numba=not numba).locate(np.arange(made.total))
    order = Order(made, numba=numba)
    rng = np.random.default_rng(5)
    for positions in (
        np.arange(made.total)[::-1],
        rng.permutation(made.total),
        np.arange(3, made.total, 7),
        np.array([509, 510, 511, 512, 0, 0]),
        np.array([], dtype=np.int64),
    ):
        for got, want in zip(order.locate(positions), expected, strict=True):
            assert got.dtype == want.dtype
            assert (got == want[positions]).all()


def test_a_bounded_cache_of_trees_changes_nothing(
    plan: MakePlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = plan([[i + 1, 7, 64 - i] for i in range(64)])
    positions = np.random.default_rng(2).permutation(made.total)
    expected = Order(made).locate(positions)
    monkeypatch.setattr("awase_client.engine.order.MAX_CACHED_NODES", 8)
    order = Order(made)
    for got, want in zip(order.locate(positions), expected, strict=True):
        assert (got == want).all()
    assert len(order._trees) <= 4


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["name"])
def test_golden_vectors(document: Callable[..., Any], case: dict[str, Any]) -> None:
    made = Plan.from_bytes(json.dumps(document(**case["plan"])).encode())
    for numba in (True, False):
        source, epoch, sequence = Order(made, numba=numba).locate(case["positions"])
        assert source.tolist() == case["source"]
        assert epoch.tolist() == case["epoch"]
        assert sequence.tolist() == case["sequence"]


@pytest.mark.parametrize("positions", [[-1], [0, 60], [10**18]])
def test_refuses_positions_outside(plan: MakePlan, positions: list[int]) -> None:
    with pytest.raises(ValueError, match=r"are outside 0\.\.59 of sha256:"):
        Order(plan([[40, 20]])).locate(positions)
