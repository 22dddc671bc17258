"""Views hold every selected id once, nothing held out, and are named by what decides them."""

from __future__ import annotations

import random
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.base.errors import IntegrityError, RefusedPlan
from curation.base.predicate import parse
from curation.base.store import Store
from mixtures.views import View, load_view
from mixtures.views.holdout import hash_text, threshold
from tests.tokenstore import (
    Corpus,
    PlainReader,
    Separators,
    view_of,
    write_corpus,
)

QUICK = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def corpus_of(store: Store, lengths: list[list[int]], name: str = "web") -> Corpus:
    """Documents whose ids are all different, so that a set of ids tells which ones were read."""
    ids = iter(range(10, 50_000))
    parts = [[[next(ids) for _ in range(n)] for n in part] for part in lengths]
    rows = sum(map(len, lengths))
    random_ = random.Random(7)
    columns = {"score": [random_.random() for _ in range(rows)]}
    return write_corpus(store, name, parts, columns=columns)


def ids_of(reader: PlainReader) -> list[int]:
    """Every id of a split but separators and padding, in order, with repetitions."""
    return [t for s in range(len(reader)) for t in reader.sequence(s)[0] if t >= 10]


LENGTHS = st.lists(
    st.lists(st.sampled_from([0, 0, 1, 2, 3, 7, 8, 9, 16, 17, 40]), max_size=12),
    min_size=1,
    max_size=3,
)


@QUICK
@given(
    lengths=LENGTHS,
    packing=st.sampled_from(["concat", "best_fit", "documents"]),
    labels=st.sampled_from(["shift", "overlap"]),
    bos=st.booleans(),
    eos=st.booleans(),
    holdout=st.sampled_from([Fraction(0), Fraction(1, 3), Fraction(1)]),
    low=st.sampled_from([None, 0.0, 0.5]),
    length=st.sampled_from([1, 4, 8, 64]),
)
def test_ids_add_up_and_the_hold_out_holds(
    tmp_path_factory: pytest.TempPathFactory,
    lengths: list[list[int]],
    packing: str,
    labels: str,
    bos: bool,
    eos: bool,
    holdout: Fraction,
    low: float | None,
    length: int,
) -> None:
    store = Store(tmp_path_factory.mktemp("store"))
    corpus = corpus_of(store, lengths)
    where = None if low is None else parse(f"score >= {low}")
    scores = read_column(store, corpus, "score")
    chosen = [row for row in range(len(corpus.tokens)) if low is None or scores[row] >= low]
    options: dict[str, Any] = {
        "packing": packing,
        "labels": labels,
        "length": length,
        "holdout": holdout,
        "where": where,
        "separators": Separators(bos, eos),
    }
    if where is not None and not chosen:
        with pytest.raises(RefusedPlan, match="selects none"):
            view_of(store, corpus, **options)
        return
    view = view_of(store, corpus, **options)
    held = {row for row in chosen if hash_text(corpus.texts[row]) < threshold(holdout)}
    for split, rows in (("train", set(chosen) - held), ("holdout", held)):
        counts = view.manifest.split(split)  # type: ignore[arg-type]
        reader = PlainReader(store.root, view.digest, split)
        documents = [corpus.tokens[row] for row in sorted(rows) if corpus.tokens[row]]
        stored = sum(map(len, documents))
        assert (counts.documents, counts.stored_tokens) == (len(documents), stored)
        assert counts.empty_documents == len(rows) - len(documents)
        assert counts.separator_tokens == len(documents) * (bos + eos)
        assert counts.sequences == len(reader)
        slots = counts.stored_tokens + counts.separator_tokens - counts.tail_tokens
        assert counts.sequences * view.manifest.width == (
            slots + counts.repeated_tokens + counts.padding_tokens
        )
        found = ids_of(reader)
        assert set(found) <= {t for document in documents for t in document}
        if counts.tail_tokens == 0:
            assert set(found) == {t for document in documents for t in document}
        if split == "train" and packing == "concat":
            assert counts.padding_tokens == 0
            assert counts.tail_tokens <= view.manifest.width - 1
        else:
            assert counts.tail_tokens == 0
        assert sum(len(reader.sequence(s)[0]) for s in range(len(reader))) == (
            counts.sequences * view.manifest.width
        )
        if labels == "shift":
            assert len(found) == len(set(found))
        pad = sum(reader.sequence(s)[0].count(reader.pad) for s in range(len(reader)))
        assert pad == counts.padding_tokens


def read_column(store: Store, corpus: Corpus, name: str) -> list[float]:
    import pyarrow.parquet as pq

    manifest = corpus.version.manifest
    files = [manifest.file(store, shard) for shard in manifest.shards]
    return [value for file in files for value in pq.read_table(file)[name].to_pylist()]


@pytest.mark.parametrize("labels", ["shift", "overlap"])
def test_concat_joins_the_documents_in_one_fixed_order(tmp_path: Path, labels: str) -> None:
    store = Store(tmp_path)
    corpus = corpus_of(store, [[3, 9, 0, 5], [1, 30, 2]])
    view = view_of(store, corpus, labels=labels)
    reader = PlainReader(store.root, view.digest)
    windows = [reader.sequence(s)[0] for s in range(len(reader))]
    joined = [t for window in windows for t in window[:8]]
    if labels == "overlap":
        assert all(a[-1] == b[0] for a, b in pairwise(windows))
        joined.append(windows[-1][-1])
    rows = []
    while joined:
        row = next(r for r, tokens in enumerate(corpus.tokens) if joined[0] in tokens)
        whole = [*corpus.tokens[row], 2]
        assert joined[: len(whole)] == whole[: len(joined)]
        del joined[: len(whole)]
        rows.append(row)
    assert len(rows) == len(set(rows)) >= 4
    assert rows != sorted(rows)


def test_the_hold_out_split_keeps_row_order(tmp_path: Path) -> None:
    store = Store(tmp_path)
    corpus = corpus_of(store, [[5] * 30, [4] * 30])
    view = view_of(store, corpus, holdout=Fraction(1, 2))
    held = ids_of(PlainReader(store.root, view.digest, "holdout"))
    assert held == sorted(held)
    assert 10 < view.holdout_documents < 50
    assert view.documents + view.holdout_documents == 60


def test_best_fit_equals_the_plain_algorithm(tmp_path: Path) -> None:
    store = Store(tmp_path)
    random_ = random.Random(3)
    corpus = corpus_of(store, [[random_.randrange(1, 30) for _ in range(200)]])
    view = view_of(store, corpus, packing="best_fit", length=16)
    reader = PlainReader(store.root, view.digest)
    pieces = []
    for s in range(len(reader)):
        pieces += [
            (row, start, length)
            for row, start, _, length, _ in reader.segments[reader.ptr[s] : reader.ptr[s + 1]]
        ]
    sizes = sorted((length for _, _, length in pieces), reverse=True)
    rooms: list[int] = []
    for size in sizes:
        fits = [room for room in rooms if room >= size]
        if fits:
            rooms.remove(min(fits))
            rooms.append(min(fits) - size)
        else:
            rooms.append(16 - size)
    assert len(rooms) == view.sequences
    assert sum(rooms) == view.padding_tokens
    assert len(set(pieces)) == len(pieces)
    wanted = {
        (r, k, min(16, len(t) + 1 - k))
        for r, t in enumerate(corpus.tokens)
        for k in range(0, len(t) + 1, 16)
    }
    assert set(pieces) == wanted


def test_documents_stay_apart(tmp_path: Path) -> None:
    store = Store(tmp_path)
    corpus = corpus_of(store, [[3, 20, 0, 8]])
    reader = PlainReader(store.root, view_of(store, corpus, packing="documents").digest)
    first, second, third, fourth = corpus.tokens
    assert third == []
    want = [
        [*first, 2, 3, 3, 3, 3],
        second[:8],
        second[8:16],
        [*second[16:], 2, 3, 3, 3],
        fourth,
        [2] + [3] * 7,
    ]
    assert [reader.sequence(s)[0] for s in range(len(reader))] == want


def test_the_same_question_gives_the_view_that_is_there(tmp_path: Path) -> None:
    store = Store(tmp_path)
    corpus = corpus_of(store, [[5] * 20])
    view = view_of(store, corpus)
    before = {path: path.stat().st_mtime_ns for path in store.view_dir(view.digest).iterdir()}
    assert view_of(store, corpus) == view == load_view(store, view.digest)
    after = {path: path.stat().st_mtime_ns for path in store.view_dir(view.digest).iterdir()}
    assert before == after
    assert load_view(store, "sha256:" + "0" * 64) is None
    names = [path.name for path in store.view_dir(view.digest).parent.iterdir()]
    assert names == [view.digest[7:]]


def test_everything_that_decides_a_view_is_in_its_name(tmp_path: Path) -> None:
    store = Store(tmp_path)
    corpus = corpus_of(store, [[5] * 20])
    changes: list[dict[str, Any]] = [
        {},
        {"length": 16},
        {"packing": "best_fit"},
        {"packing": "documents"},
        {"holdout": Fraction(1, 10)},
        {"separators": Separators(True, True)},
        {"labels": "overlap"},
        {"seed": 2},
        {"path": "other"},
        {"where": parse("score >= 0.5")},
        {"where": parse("score >= 0.6")},
    ]
    views = [view_of(store, corpus, **change) for change in changes]
    assert len({view.digest for view in views}) == len(views)
    same = [view_of(store, corpus, packing="documents", seed=seed) for seed in (1, 2)]
    assert same[0] == same[1]


def test_building_twice_writes_the_same_bytes(tmp_path: Path) -> None:
    def build(name: str) -> dict[str, bytes]:
        store = Store(tmp_path / name)
        corpus = corpus_of(store, [[7, 0, 50] * 30, [1] * 9])
        view: View = view_of(store, corpus, packing="best_fit", holdout=Fraction(1, 4))
        folder = store.view_dir(view.digest)
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    assert build("a") == build("b")


def test_a_missing_separator_refuses_the_plan(tmp_path: Path) -> None:
    store = Store(tmp_path)
    corpus = corpus_of(store, [[5]])
    from dataclasses import replace

    bare = replace(corpus, token_set=replace(corpus.token_set, eos=None))
    with pytest.raises(RefusedPlan, match=r"web: separators ask for eos"):
        view_of(store, bare)


def test_a_token_set_of_other_text_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    one, two = corpus_of(store, [[5]], "one"), corpus_of(store, [[5]], "two")
    from dataclasses import replace

    with pytest.raises(IntegrityError, match="run `awase tokenize one` again"):
        view_of(store, replace(one, token_set=two.token_set))


def test_equal_texts_fall_on_the_same_side_in_any_form(tmp_path: Path) -> None:
    store = Store(tmp_path)
    texts = ["が", "か\u3099", "plain", "が"]
    corpus = write_corpus(store, "nfc", [[[10], [11], [12], [13]]], texts=texts)
    from mixtures.views.holdout import document_hashes

    hashes = document_hashes(store, corpus.version.manifest)
    assert hashes[0] == hashes[1] == hashes[3] == hash_text("が")
    assert hashes[2] == hash_text("plain")
    assert np.array_equal(hashes, document_hashes(store, corpus.version.manifest))
