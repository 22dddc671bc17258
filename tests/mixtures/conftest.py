"""A store with datasets of known size, and plans made from YAML."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from awase_client.engine.plan import Plan
from curation.base.store import Store
from mixtures.catalog import Catalog
from mixtures.plan import make_plan
from mixtures.spec import read_mixture
from tests.tokenstore import TOKENIZER, write_corpus

LENGTH = 8
HEAD = f"version: 1\nname: blend\ntokenizer: tok\nsequence_length: {LENGTH}\nseed: 3\n"
Add = Callable[..., None]
Make = Callable[..., Plan]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def catalog(store: Store) -> Iterator[Catalog]:
    with Catalog.open(store) as catalog:
        catalog.register_tokenizer("tok", TOKENIZER, {"kind": "test"})
        yield catalog


@pytest.fixture
def add(store: Store, catalog: Catalog) -> Add:
    """add(name, sequences, columns=...): a dataset of that many whole sequences under `concat`.

    `whole`: all of them one document.
    """

    def add(name: str, sequences: int, *, whole: bool = False, **columns: list[Any]) -> None:
        # 7 tokens and an EOS a document.
        documents = [[10 + row % 100] * 7 for row in range(sequences)]
        if whole:
            documents = [[10] * (LENGTH * sequences - 1)]
        corpus = write_corpus(store, name, [documents], columns=columns or None)
        catalog.register_dataset(name, corpus.version.manifest)

    return add


@pytest.fixture
def make(store: Store, catalog: Catalog) -> Make:
    def make(text: str, **options: Any) -> Plan:
        return make_plan(read_mixture(HEAD + text), catalog, store, **options)

    return make
