"""A token set's stats.parquet adds up to its tokens, by shard and group, for its version alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from awase_client.engine.tokensets import TokenSetReader
from curation.base.errors import IntegrityError
from curation.base.store import Store
from curation.shards.manifest import DatasetManifest
from curation.shards.token_stats import NAME, read_token_stats, tokens_by, write_token_stats
from mixtures.catalog import Catalog
from mixtures.query import query
from pipelines.cli.dataset_tokens import token_lines, token_sizes
from pipelines.tokenize import tokenize
from pipelines.tokenizers import Tokenizer
from pipelines.train_tokenizer import Training, train
from tests.versions import commit_rows

ROWS = [
    {"id": "0", "text": "猫が好きです。", "language": "ja", "source": "web"},
    {"id": "1", "text": "One line. Another line.", "language": "en", "source": "web"},
    {"id": "2", "text": "", "language": "ja", "source": None},
    {"id": "3", "text": "味噌と出汁を合わせる。", "language": "ja", "source": "web"},
    {"id": "4", "text": "no language", "language": None, "source": "wiki"},
]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    texts = [row["text"] or "x" for row in ROWS] * 50
    return train([(texts, 50_000)], Training(vocabulary=330, exact=False))


@pytest.fixture
def store(tmp_path: Path, tokenizer: Tokenizer) -> Store:
    store = Store(tmp_path)
    tokenizer.save(store)
    return store


def counted(manifest: DatasetManifest, tokenizer: Tokenizer, *by: str) -> Counter[tuple[str, ...]]:
    """Tokens by plain Python."""
    found: Counter[tuple[str, ...]] = Counter()
    for number, row in enumerate(ROWS):
        ids, _ = tokenizer.encode_batch([row["text"] or ""])
        values = {**row, "shard": manifest.shards[number // 3].name}
        found[tuple(str(values[name]) for name in by)] += len(ids)
    return found


@pytest.mark.parametrize("workers", [1, 2])
def test_statistics_are_those_of_plain_counting(
    store: Store, tokenizer: Tokenizer, workers: int
) -> None:
    manifest = commit_rows(store, "web", ROWS)
    tokens = tokenize(store, manifest, tokenizer, workers=workers)
    table = read_token_stats(store, manifest, tokenizer.digest)
    assert table is not None
    found = Counter()
    for row in table.to_pylist():
        found[str(row["shard"]), str(row["language"]), str(row["source"])] += row["tokens"]
        characters = row["characters"]
        assert row["tokens_per_character"] == (row["tokens"] / characters if characters else None)
        assert row["tokens_per_byte"] == (row["tokens"] / row["bytes"] if characters else None)
    assert found == counted(manifest, tokenizer, "shard", "language", "source")
    by_language = {str(value): count for value, count, _, _ in tokens_by(table, "language")}
    assert by_language == {k: n for (k,), n in counted(manifest, tokenizer, "language").items()}
    folder = store.token_set_dir(manifest.text_digest, tokenizer.digest)
    assert sorted(path.name for path in folder.iterdir() if "part" not in path.name) == [
        "manifest.json",
        NAME,
    ]
    # A query by these groups reads no document, and says the same as one that reads them all.
    counts = TokenSetReader(store.root, tokens).offsets
    asked = {
        "group_by": ["language", "source"],
        "tokens": lambda shard: np.diff(counts(shard)),
    }
    quick = query(store, manifest, token_stats=table, **asked)  # type: ignore[arg-type]
    slow = query(store, manifest, **asked)  # type: ignore[arg-type]
    assert (quick.source, slow.source) == ("stats.parquet", "documents")
    assert (quick.columns, quick.rows) == (slow.columns, slow.rows)


def test_a_set_without_statistics_is_given_them_and_works_without(
    store: Store, tokenizer: Tokenizer
) -> None:
    bare = commit_rows(store, "bare", ROWS, with_stats=False)
    tokenize(store, bare, tokenizer, workers=1)
    assert read_token_stats(store, bare, tokenizer.digest) is None
    manifest = commit_rows(store, "web", [{**row, "license": "MIT"} for row in ROWS])
    assert manifest.text_digest == bare.text_digest
    tokenize(store, manifest, tokenizer, workers=1)
    assert read_token_stats(store, manifest, tokenizer.digest) is not None
    assert read_token_stats(store, bare, tokenizer.digest) is None, "its groups are others"


def test_a_version_with_other_groups_than_its_statistics_is_refused(
    store: Store, tokenizer: Tokenizer
) -> None:
    manifest = commit_rows(store, "web", ROWS)
    assert manifest.stats is not None
    path = manifest.file(store, manifest.stats)
    pq.write_table(pq.read_table(path).slice(1), path)
    with pytest.raises(IntegrityError, match="has other groups than its documents"):
        tokenize(store, manifest, tokenizer, workers=1)
    assert not write_token_stats(
        store, commit_rows(store, "b", ROWS, with_stats=False), store.root, lambda shard: np.ones(1)
    )


def test_dataset_show_says_tokens_a_character(store: Store, tokenizer: Tokenizer) -> None:
    with Catalog.open(store) as catalog:
        catalog.register_tokenizer("tok", tokenizer.digest, {"kind": "test"})
        version = catalog.register_dataset("web", commit_rows(store, "web", ROWS))
        assert token_sizes(catalog, version) == []
        tokens = tokenize(store, version.manifest, tokenizer, workers=1)
        catalog.register_token_set(tokens.text_digest, tokens.tokenizer_digest)
        [sizes] = token_sizes(catalog, version)
        assert sizes["tokenizer"] == "tok@1"
        assert sizes["tokens"] == tokens.tokens == sum(p["tokens"] for p in sizes["languages"])
        lines = list(token_lines([sizes]))
        share = tokens.tokens / tokens.characters
        assert f"{tokens.tokens} under tok@1, {share:.3f} a character" in lines[0]
        assert len(lines) == 4
        (store.token_set_dir(tokens.text_digest, tokenizer.digest) / NAME).unlink()
        assert token_sizes(catalog, version)[0]["languages"] == []
