"""Damage to a version's files is named wherever they are read, and is never read as other text."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.base.errors import IntegrityError
from curation.base.predicate import parse
from curation.base.store import Store
from curation.shards.files import VersionFile, read_file
from curation.shards.manifest import DatasetManifest
from curation.shards.reader import iter_batches, read_rows
from mixtures.catalog import Catalog
from mixtures.query import query
from mixtures.views.holdout import document_hashes
from mixtures.views.selection import select
from pipelines.import_parquet import import_parquet
from pipelines.import_source import Options
from pipelines.tokenize import tokenize
from pipelines.tokenizers import Tokenizer
from pipelines.train_tokenizer import Training, train, train_on_versions

WORDS = ["miso", "and", "dashi", "taste", "better", "put", "together;", "味噌と出汁を合わせる"]


@pytest.fixture
def version(tmp_path: Path) -> tuple[Store, DatasetManifest]:
    return make(tmp_path, copy=True)


def make(tmp_path: Path, *, copy: bool) -> tuple[Store, DatasetManifest]:
    choose = random.Random(1)
    texts = [" ".join(choose.choices(WORDS, k=60)) for _ in range(80)]
    table = pa.table({"id": [f"d{i}" for i in range(80)], "text": texts, "language": ["ja"] * 80})
    path = tmp_path / "in.parquet"
    pq.write_table(table, path)
    store = Store(tmp_path / "store")
    with Catalog.open(store) as catalog:
        found = import_parquet(store, catalog, "web", [path], Options(copy=copy))
        return store, found.manifest


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train([([" ".join(WORDS)] * 50, 50_000)], Training(vocabulary=300, exact=False))


def flip(path: Path, place: int, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1 << bit
    path.write_bytes(data)


def test_a_flipped_bit_is_named_or_changes_nothing(version: tuple[Store, DatasetManifest]) -> None:
    store, manifest = version
    path = manifest.file(store, manifest.shards[0])
    whole = path.read_bytes()
    texts = read_file(store, manifest, manifest.shards[0], ["id", "text"])
    choose, named = random.Random(3), list[str]()
    for _ in range(300):
        flip(path, choose.randrange(len(whole)), choose.randrange(8))
        try:
            with VersionFile(store, manifest, manifest.shards[0]) as file:
                batches = list(file.iter_batches(64, columns=["id", "text"]))
            assert pa.Table.from_batches(batches).equals(texts)
        except IntegrityError as error:
            named.append(str(error))
        path.write_bytes(whole)
    assert len(named) > 50
    for text in named:
        assert text.startswith(f"web@{manifest.digest}, shard part-00000.parquet: {path} ")
        assert f": `awase dataset verify web@{manifest.digest}` tells" in text


def _tokenize(store: Store, manifest: DatasetManifest, tokenizer: Tokenizer) -> object:
    return tokenize(store, manifest, tokenizer, workers=1)


def _train(store: Store, manifest: DatasetManifest, _: Tokenizer) -> object:
    return train_on_versions(store, [manifest], Training(vocabulary=300, exact=False))


READERS: dict[str, Callable[[Store, DatasetManifest, Tokenizer], object]] = {
    "batches": lambda store, manifest, _: list(iter_batches(store, manifest)),
    "rows": lambda store, manifest, _: read_rows(store, manifest, np.arange(80)),
    "hold-out": lambda store, manifest, _: document_hashes(store, manifest, workers=1),
    "where": lambda store, manifest, _: select(store, manifest, parse("text != 'x'", file="w")),
    "query": lambda store, manifest, _: query(store, manifest, where="text != 'x'"),
    "tokenize": _tokenize,
    "train": _train,
}


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@pytest.mark.parametrize("fault", ["flipped", "cut", "empty", "gone"])
def test_every_reader_names_a_damaged_shard(
    version: tuple[Store, DatasetManifest],
    tokenizer: Tokenizer,
    reader: Callable[[Store, DatasetManifest, Tokenizer], object],
    fault: str,
) -> None:
    store, manifest = version
    path = manifest.file(store, manifest.shards[0])
    place = pq.ParquetFile(path).metadata.row_group(0).column(1).data_page_offset
    data = bytearray(path.read_bytes())
    data[place + 60] ^= 1
    left = {"flipped": bytes(data), "cut": bytes(data[: len(data) // 2]), "empty": b""}
    path.unlink()
    if fault in left:
        path.write_bytes(left[fault])
    with pytest.raises(IntegrityError, match=f"part-00000.parquet: {path} "):
        reader(store, manifest, tokenizer)


def test_stats_and_their_damage(version: tuple[Store, DatasetManifest]) -> None:
    store, manifest = version
    assert manifest.stats is not None
    path = manifest.file(store, manifest.stats)
    assert query(store, manifest, group_by=["language"]).rows[0][0] == "ja"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(IntegrityError, match=f"stats.parquet: {path} cannot be read"):
        query(store, manifest, group_by=["language"])


def test_a_file_imported_in_place_that_changed_is_not_tokenized(
    tmp_path: Path, tokenizer: Tokenizer
) -> None:
    """Its pages may have no checksums, so that a flipped bit is other text to any reader."""
    store, manifest = make(tmp_path, copy=False)
    path = manifest.file(store, manifest.shards[0])
    flip(path, path.stat().st_size - 40, 0)  # in the footer's text, which says who wrote it
    with pytest.raises(IntegrityError, match="when it was imported: import it as it is now"):
        tokenize(store, manifest, tokenizer, workers=1)
