"""A position names its documents and their text; a document names its positions."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from curation.base.errors import NotFound
from curation.base.store import Store
from mixtures.inspect import contents, open_engine, positions_of
from tests.tokenstore import EOS, view_of, write_corpus, write_plan


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def plan_of(store: Store) -> str:
    ids = iter(range(10, 50_000))
    sources = {}
    for path, sizes in (("ja.web", [3, 0, 9, 20]), ("en", [5, 5, 30, 1, 7])):
        parts = [[[next(ids) for _ in range(n)] for n in sizes] for _ in range(3)]
        corpus = write_corpus(store, path.replace(".", "-"), parts)
        sources[path] = (corpus, view_of(store, corpus, path=path, holdout=Fraction(1, 4)))
    return write_plan(store, sources, counts=[2 * view.sequences for _, view in sources.values()])


def test_contents_are_the_documents_of_the_tokens(store: Store) -> None:
    engine = open_engine(store, plan_of(store))
    for split in ("train", "holdout"):
        for position in range(engine.total(split)):  # type: ignore[arg-type]
            found = contents(store, engine, position, split)  # type: ignore[arg-type]
            block = engine.read(position, 1, split=split, sections=("sources",))  # type: ignore[arg-type]
            assert block.sources is not None
            assert engine.plan.sources[int(block.sources[0])].path == found.source
            name = found.source.replace(".", "-")
            assert [item.text for item in found.documents] == [
                f"{name} {item.row}" for item in found.documents
            ]
            assert all(item.id == str(item.row) for item in found.documents)
            ids = sum(item.length for item in found.documents)
            assert (block.tokens[0] == EOS).sum() <= len(found.documents)
            assert ids <= 8
            for item in found.documents:
                where = positions_of(store, engine, found.source, item.id, split)  # type: ignore[arg-type]
                assert position in where
                assert len(where) >= (1 if split == "holdout" else 2)


def test_what_is_not_there_is_named(store: Store) -> None:
    engine = open_engine(store, plan_of(store))
    with pytest.raises(NotFound, match=r"position 10000 is outside 0\.\."):
        contents(store, engine, 10_000)
    with pytest.raises(NotFound, match=r"no source 'ja.wbe'; did you mean 'ja.web'\?"):
        positions_of(store, engine, "ja.wbe", "1")
    with pytest.raises(NotFound, match="no document with id 'x'"):
        positions_of(store, engine, "en", "x")
    with pytest.raises(NotFound, match="there is no plan"):
        open_engine(store, "sha256:" + "0" * 64)
