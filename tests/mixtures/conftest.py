"""A store with datasets of known size, and plans made from YAML."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

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
POSTGRES = "AWASE_TEST_POSTGRES"  # postgresql+psycopg://user@host:port/postgres: may make databases


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store with a catalog in SQLite, or on the server that AWASE_TEST_POSTGRES names."""
    server = os.environ.get(POSTGRES)
    if server is None:
        monkeypatch.delenv("AWASE_CATALOG", raising=False)
        yield Store(tmp_path / "store")
        return
    name = f"awase_test_{uuid.uuid4().hex}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    url = sa.make_url(server).set(database=name)
    monkeypatch.setenv("AWASE_CATALOG", url.render_as_string(hide_password=False))
    yield Store(tmp_path / "store")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    engine.dispose()


@pytest.fixture
def lose(store: Store) -> Callable[[], None]:
    """Lose the catalog's database; no process may have it open."""

    def lose() -> None:
        if POSTGRES not in os.environ:
            for path in store.root.glob("catalog.db*"):
                path.unlink()
            return
        engine = sa.create_engine(os.environ["AWASE_CATALOG"])
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE")
            connection.exec_driver_sql("CREATE SCHEMA public")
        engine.dispose()

    return lose


@pytest.fixture
def sqlite_only() -> None:
    """For tests of the file itself."""
    if POSTGRES in os.environ:
        pytest.skip("about the SQLite file")


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
