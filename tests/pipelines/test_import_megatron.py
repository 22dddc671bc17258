"""Tokens go out to Megatron's files and come back as a version and the same token set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from awase_client.engine.tokensets import TokenSetReader
from curation.base.errors import UsageError
from curation.base.store import Store
from curation.shards.megatron import export, write_index
from mixtures.catalog import Catalog
from pipelines.cli.main import command as awase
from pipelines.import_megatron import import_megatron
from pipelines.tokenize import tokenize
from pipelines.tokenizers import Tokenizer
from pipelines.train_tokenizer import Training, train

TEXTS = ["猫が好きです。", "文書は shard に分かれる。", "One line. Another line.", "味噌と出汁"] * 8


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train([(TEXTS * 5, 5_000)], Training(vocabulary=400, exact=False))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def write_bin(prefix: Path, tokenizer: Tokenizer, texts: list[str]) -> None:
    tokens, offsets = tokenizer.encode_batch(texts)
    eos = tokenizer.special.eos
    assert eos is not None
    flat = np.insert(tokens, offsets[1:], eos)
    flat.astype("<u2").tofile(prefix.with_suffix(".bin"))
    write_index(prefix.with_suffix(".idx"), np.dtype("<u2"), np.diff(offsets) + 1)


def test_an_import_keeps_tokens_and_gives_them_text(
    tmp_path: Path, store: Store, tokenizer: Tokenizer
) -> None:
    write_bin(tmp_path / "corpus", tokenizer, TEXTS)
    with Catalog.open(store) as catalog:
        made = import_megatron(store, catalog, "old", tmp_path / "corpus.bin", tokenizer)
        again = import_megatron(store, catalog, "old", tmp_path / "corpus.bin", tokenizer)
        assert again.version.digest == made.version.digest
        found = catalog.token_set(made.version.text_digest, tokenizer.digest)
    assert found == made.token_set == again.token_set
    assert (made.samples, made.differing) == (len(TEXTS), 0)
    manifest = made.version.manifest
    files = [manifest.file(store, shard) for shard in manifest.shards]
    assert [t for file in files for t in pq.read_table(file)["text"].to_pylist()] == TEXTS
    # What tokenizing that text gives is the very set that was imported.
    assert tokenize(store, manifest, tokenizer, workers=1) == made.token_set
    reader = TokenSetReader(store.root, made.token_set)
    want, offsets = tokenizer.encode_batch(TEXTS)
    for row in range(len(TEXTS)):
        assert reader.tokens(row).tolist() == want[offsets[row] : offsets[row + 1]].tolist()
    export(store, made.token_set, tmp_path / "back")
    for suffix in (".bin", ".idx"):
        first = (tmp_path / "corpus").with_suffix(suffix)
        assert (tmp_path / "back").with_suffix(suffix).read_bytes() == first.read_bytes()


def test_tokens_of_another_tokenizer_are_refused(
    tmp_path: Path, store: Store, tokenizer: Tokenizer
) -> None:
    rng = np.random.default_rng(1)
    rng.integers(5, tokenizer.vocabulary, 400).astype("<u2").tofile(tmp_path / "a.bin")
    write_index(tmp_path / "a.idx", np.dtype("<u2"), np.full(20, 20))
    with (
        Catalog.open(store) as catalog,
        pytest.raises(UsageError, match=r"of 20 sampled documents do not encode back"),
    ):
        import_megatron(store, catalog, "x", tmp_path / "a.bin", tokenizer)
    np.full(400, 400, "<u2").tofile(tmp_path / "a.bin")
    with (
        Catalog.open(store) as catalog,
        pytest.raises(UsageError, match=r"token 400 is outside the vocabulary"),
    ):
        import_megatron(store, catalog, "x", tmp_path / "a.bin", tokenizer)


def test_the_command_line_goes_both_ways(
    tmp_path: Path, store: Store, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWASE_STORE", str(store.root))
    write_bin(tmp_path / "corpus", tokenizer, TEXTS)
    document = tokenizer.save(store)
    with Catalog.open(store) as catalog:
        catalog.register_tokenizer("tiny", tokenizer.digest, document)
    bin_path = str(tmp_path / "corpus.bin")
    run = CliRunner().invoke
    done = run(awase, ["dataset", "import", "old", bin_path, "--tokenizer", "tiny"])
    assert done.exit_code == 0, done.output
    assert "32 of 32 sampled documents encode back" in done.output
    prefix = str(tmp_path / "back")
    done = run(awase, ["tokenize", "old", "--tokenizer", "tiny", "--megatron", prefix])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "back.bin").read_bytes() == (tmp_path / "corpus.bin").read_bytes()
