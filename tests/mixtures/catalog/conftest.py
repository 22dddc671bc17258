from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from curation.base.digest import digest_bytes
from curation.base.store import Store
from curation.shards.manifest import DatasetManifest, Shard
from mixtures.catalog import Catalog


def version_of(name: str, content: str) -> DatasetManifest:
    """A small manifest whose digests follow from `content`."""
    digest = digest_bytes(content.encode())
    shard = Shard("part-00000.parquet", digest, rows=1, bytes=2, characters=1, file_bytes=3)
    text = digest_bytes(b"text " + content.encode())
    return DatasetManifest(name, digest, text, rows=1, bytes=2, characters=1, shards=(shard,))


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
def sqlite_only() -> None:
    """For tests of the file itself."""
    if POSTGRES in os.environ:
        pytest.skip("about the SQLite file")


@pytest.fixture
def catalog(store: Store) -> Iterator[Catalog]:
    with Catalog.open(store) as catalog:
        yield catalog


@pytest.fixture
def committed(store: Store) -> Callable[[str, str], DatasetManifest]:
    """Commit the version of `name` with `content`, as the writer of shards does."""

    def commit(name: str, content: str) -> DatasetManifest:
        manifest = version_of(name, content)
        manifest.commit(store)
        return manifest

    return commit
