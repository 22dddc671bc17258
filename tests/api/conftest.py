from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.app import create_app
from api.auth import create_key, hash_key
from api.settings import Settings
from curation.base.store import Store
from mixtures.catalog import Catalog

SCOPES = ("read", "stream", "write", "admin")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def catalog(store: Store) -> Iterator[Catalog]:
    with Catalog.open(store) as catalog:
        yield catalog


@pytest.fixture
def client_of(store: Store) -> Iterator[Callable[..., TestClient]]:
    """Clients of apps over the store, with settings as asked for."""
    clients: list[TestClient] = []

    def make(**settings: object) -> TestClient:
        app: FastAPI = create_app(Settings(store=store.root, **settings))
        client = TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)
        clients.append(client.__enter__())
        return client

    yield make
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def client(client_of: Callable[..., TestClient]) -> TestClient:
    """A client of a server without keys."""
    return client_of()


@pytest.fixture(scope="session")
def keys() -> dict[str, str]:
    """A key for each scope."""
    return {scope: create_key() for scope in SCOPES}


@pytest.fixture
def guarded(client_of: Callable[..., TestClient], keys: dict[str, str]) -> TestClient:
    """A client of a server that knows `keys`."""
    pairs = ",".join(f"{scope}:{hash_key(key)}" for scope, key in keys.items())
    return client_of(keys=pairs)
