from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

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
