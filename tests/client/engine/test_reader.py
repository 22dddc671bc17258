"""The engine gives the bytes of a plain reader, with numba and without, and never a wrong one."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from awase_client.engine.reader import SECTIONS, Engine
from awase_client.errors import CorruptStore
from curation.base.store import Store
from tests.tokenstore import (
    Corpus,
    PlainReader,
    Separators,
    view_of,
    write_corpus,
    write_plan,
)

SHAPES: list[dict[str, Any]] = [
    {"packing": "concat"},
    {"packing": "concat", "labels": "overlap", "separators": Separators(True, True)},
    {"packing": "best_fit", "separators": Separators(True, False)},
    {"packing": "documents", "labels": "overlap"},
    {"packing": "documents", "separators": Separators(False, False)},
    {"packing": "concat", "length": 1, "separators": Separators(True, True)},
]


def corpora(store: Store, *, masks: bool = False, vocabulary: int = 50_000) -> dict[str, Corpus]:
    """Three sources: one in one part, one in four (two of them empty), one with a loss mask."""
    random_ = random.Random(11)

    def documents(count: int) -> list[list[int]]:
        sizes = [random_.choice([0, 1, 2, 5, 9, 40]) for _ in range(count)]
        return [[random_.randrange(10, vocabulary) for _ in range(size)] for size in sizes]

    found = {
        "a": write_corpus(store, "aa", [documents(60)], vocabulary=vocabulary),
        "b": write_corpus(
            store, "bb", [documents(20), [], documents(40), [[]]], vocabulary=vocabulary
        ),
    }
    if masks:
        parts = [documents(50), documents(30)]
        flags = [[random_.randrange(2) for _ in document] for part in parts for document in part]
        found["c"] = write_corpus(store, "cc", parts, masks=flags, vocabulary=vocabulary)
    return found


def plan_of(store: Store, found: dict[str, Corpus], *, loss: str = "all", **options: Any) -> str:
    options = {"holdout": Fraction(1, 5), "length": 8, **options}
    sources = {
        path: (corpus, view_of(store, corpus, path=path, **options))
        for path, corpus in found.items()
    }
    counts = [2 * view.sequences + 1 for _, view in sources.values()]
    return write_plan(store, sources, counts=counts, loss=loss)


def expected(engine: Engine, positions: list[int], split: Any) -> Iterator[Any]:
    """(ids, loss, starts) of each position by the plain reader; the order is the engine's."""
    source, _, sequence = engine.locate(np.array(positions, np.int64), split)
    readers = [
        PlainReader(engine.root, item.view, split, engine.plan.pad) for item in engine.plan.sources
    ]
    for s, q in zip(source.tolist(), sequence.tolist(), strict=True):
        yield s, *readers[s].sequence(q)


@pytest.mark.parametrize("numba", [True, False])
@pytest.mark.parametrize("split", ["train", "holdout"])
@pytest.mark.parametrize("shape", SHAPES)
def test_blocks_equal_the_plain_reader(
    tmp_path: Path, shape: dict[str, Any], split: Any, numba: bool
) -> None:
    store = Store(tmp_path)
    engine = Engine.open(tmp_path, plan_of(store, corpora(store), **shape), numba=numba)
    total = engine.total(split)
    width = engine.plan.width
    for first, count, stride in ((0, total, 1), (1, (total - 1) // 3, 3), (total - 1, 1, 7)):
        block = engine.read(first, count, stride=stride, split=split, sections=SECTIONS)
        assert block.tokens.dtype == np.uint16
        assert (block.sources is None, block.cu_seqlens is None, block.loss_mask is None) == (
            (False,) * 3
        )
        starts = []
        want = list(expected(engine, block.positions.tolist(), split))
        for k, (s, ids, loss, own) in enumerate(want):
            assert block.tokens[k].tolist() == ids
            assert block.sources is not None
            assert block.sources[k] == s
            assert block.loss_mask is not None
            assert block.loss_mask[k].tolist() == loss
            starts += [k * width + start for start in own]
        assert block.cu_seqlens is not None
        assert block.cu_seqlens.dtype == np.int32
        assert block.cu_seqlens.tolist() == [*starts, count * width]


@pytest.mark.parametrize("numba", [True, False])
def test_stored_masks_decide_where_the_assistant_alone_counts(tmp_path: Path, numba: bool) -> None:
    store = Store(tmp_path)
    shape: dict[str, Any] = {"packing": "best_fit", "separators": Separators(True, True)}
    plan = plan_of(store, corpora(store, masks=True), loss="assistant", **shape)
    engine = Engine.open(tmp_path, plan, numba=numba)
    block = engine.read(0, engine.total(), sections=("loss_mask",))
    assert block.sources is None
    assert block.cu_seqlens is None
    assert block.loss_mask is not None
    want = [loss for _, _, loss, _ in expected(engine, block.positions.tolist(), "train")]
    assert block.loss_mask.tolist() == want
    assert 0 < block.loss_mask.mean() < 1


@pytest.mark.parametrize("numba", [True, False])
def test_a_mask_is_found_where_nothing_else_was_read_before(tmp_path: Path, numba: bool) -> None:
    """Each position in a new engine: separators alone, the very first one too, know their masks."""
    store = Store(tmp_path)
    found = {"chat": write_corpus(store, "cc", [[[20, 21], [22]]], masks=[[0, 1], [1]])}
    shape: dict[str, Any] = {"length": 1, "separators": Separators(True, True)}
    plan = plan_of(store, found, loss="assistant", holdout=Fraction(0), **shape)
    total = Engine.open(tmp_path, plan).order.total
    engines = [Engine.open(tmp_path, plan, numba=numba) for _ in range(total)]
    blocks = [engine.read(k, 1, sections=("loss_mask",)) for k, engine in enumerate(engines)]
    for block in blocks:
        want = next(expected(engines[0], [block.first], "train"))
        assert block.tokens[0].tolist() == want[1]
        assert block.loss_mask is not None
        assert block.loss_mask[0].tolist() == want[2], block.tokens
    assert {int(block.tokens[0, 0]) for block in blocks} == {1, 2, 20, 21, 22}


def test_wide_vocabularies_give_uint32(tmp_path: Path) -> None:
    store = Store(tmp_path)
    plan = plan_of(store, corpora(store, vocabulary=200_000))
    blocks = [Engine.open(tmp_path, plan, numba=numba).read(0, 30) for numba in (True, False)]
    assert blocks[0].tokens.dtype == np.uint32
    assert blocks[0].tokens.max() > 65_535
    assert np.array_equal(blocks[0].tokens, blocks[1].tokens)


def test_a_given_buffer_is_filled(tmp_path: Path) -> None:
    store = Store(tmp_path)
    engine = Engine.open(tmp_path, plan_of(store, corpora(store)))
    out = np.zeros((4, 8), np.uint16)
    assert engine.read(3, 4, out=out).tokens is out
    assert np.array_equal(out, engine.read(3, 4).tokens)
    with pytest.raises(ValueError, match=r"out is not \[4, 8\] uint16"):
        engine.read(3, 4, out=np.zeros((4, 8), np.int64))


def test_positions_outside_and_unknown_sections_are_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    engine = Engine.open(tmp_path, plan_of(store, corpora(store)))
    for split in ("train", "holdout"):
        total = engine.total(split)
        for first, count in ((total, 1), (-1, 1), (0, total + 1)):
            with pytest.raises(ValueError, match="outside"):
                engine.read(first, count, split=split)
        assert engine.read(total, 0, split=split, sections=SECTIONS).count == 0
    with pytest.raises(ValueError, match="unknown section 'positions'"):
        engine.read(0, 1, sections=("positions",))


def test_describe_names_the_documents_and_positions_of_finds_them(tmp_path: Path) -> None:
    store = Store(tmp_path)
    found = corpora(store)
    engine = Engine.open(tmp_path, plan_of(store, found, separators=Separators(False, False)))
    for split in ("train", "holdout"):
        for position in range(0, engine.total(split), 5):
            described = engine.describe(position, split)
            tokens = found[described.source].tokens
            ids = [
                t
                for span in described.documents
                for t in tokens[span.row][span.start : span.start + span.length]
            ]
            assert engine.read(position, 1, split=split).tokens[0, : len(ids)].tolist() == ids
            for span in described.documents:
                assert position in engine.positions_of(described.source, span.row, split)
    with pytest.raises(KeyError):
        engine.positions_of("nowhere", 0)


def test_hold_out_positions_are_grouped_by_source(tmp_path: Path) -> None:
    store = Store(tmp_path)
    engine = Engine.open(tmp_path, plan_of(store, corpora(store)))
    block = engine.read(0, engine.total("holdout"), split="holdout", sections=("sources",))
    assert block.sources is not None
    for s in range(2):
        first, end = engine.holdout_range(s)
        assert (block.sources[first:end] == s).all()
        assert end > first


@pytest.mark.parametrize("numba", [True, False])
def test_few_maps_give_the_same_bytes(tmp_path: Path, numba: bool) -> None:
    store = Store(tmp_path)
    plan = plan_of(store, corpora(store))
    wide = Engine.open(tmp_path, plan, numba=numba).read(0, 60)
    narrow = Engine.open(tmp_path, plan, numba=numba, max_files=1)
    for position in range(60):
        assert np.array_equal(narrow.read(position, 1).tokens[0], wide.tokens[position])
    assert sum(item is not None for item in narrow._shelves["train"].tables.maps) < 7


def test_threads_share_an_engine(tmp_path: Path) -> None:
    store = Store(tmp_path)
    plan = plan_of(store, corpora(store))
    want = Engine.open(tmp_path, plan, numba=True).read(0, 80).tokens
    engine = Engine.open(tmp_path, plan, numba=True, max_files=2)
    wrong: list[int] = []

    def run(seed: int) -> None:
        random_ = random.Random(seed)
        for _ in range(200):
            first = random_.randrange(70)
            if not np.array_equal(engine.read(first, 10).tokens, want[first : first + 10]):
                wrong.append(first)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_plan_of_another_view_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    found = corpora(store)
    view = view_of(store, found["a"])
    from dataclasses import replace

    wrong = replace(
        view,
        manifest=replace(
            view.manifest, train=replace(view.manifest.train, sequences=view.sequences + 1)
        ),
    )
    plan = write_plan(store, {"a": (found["a"], wrong)}, counts=[5])
    with pytest.raises(CorruptStore, match=r"source a, dataset aa@sha256.*: sequences: planned"):
        Engine.open(tmp_path, plan).read(0, 1)


def test_small_requests_need_no_numba(tmp_path: Path) -> None:
    import subprocess
    import sys

    store = Store(tmp_path)
    plan = plan_of(store, corpora(store))
    code = (
        "import sys; from awase_client.engine.reader import Engine;"
        f"Engine.open({str(tmp_path)!r}, {plan!r}).read(0, 50);"
        "print('numba' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_reader_in_the_documentation_reads_the_same(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "tokens.md").read_text()
    code = page.split("## A reader")[1].split("```python")[1].split("```")[0]
    found: dict[str, Any] = {}
    exec(code, found)
    store = Store(tmp_path)
    plan = plan_of(store, corpora(store), packing="best_fit", separators=Separators(True, True))
    engine = Engine.open(tmp_path, plan)
    block = engine.read(0, engine.total())
    source, _, sequence = engine.locate(block.positions)
    readers = [
        found["PlainReader"](tmp_path, item.view, pad=engine.plan.pad)
        for item in engine.plan.sources
    ]
    for k, (s, q) in enumerate(zip(source.tolist(), sequence.tolist(), strict=True)):
        assert readers[s].sequence(q) == block.tokens[k].tolist()
