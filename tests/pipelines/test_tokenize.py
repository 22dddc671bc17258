"""Tokens of a version are the library's own, a row a document, whatever the number of workers."""

import hashlib
import itertools
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from awase_client.engine.tokensets import TokenSetManifest
from curation.base.digest import digest_file
from curation.base.errors import IntegrityError
from curation.base.store import Store
from curation.shards.manifest import DatasetManifest, Shard
from pipelines import tokenize as module
from pipelines.tokenize import ShardTask, cut, encode_with_spans, tokenize
from pipelines.tokenizers import Tokenizer
from pipelines.train_tokenizer import Training, train, train_on_versions, version_texts

SHARDS = [
    ["猫が好きです。", "", "One line.\nAnother line."],
    ["文書はいくつかの shard に分かれる。"] * 5,
    [],
]


def commit_version(store: Store, columns: list[dict[str, list[object]]]) -> DatasetManifest:
    """A committed version with the given shards; digests of its text stand in for its rows."""
    joined = "\x00".join(str(shard) for shard in columns)
    digest = "sha256:" + hashlib.sha256(joined.encode()).hexdigest()
    folder = store.dataset_dir("web", digest)
    folder.mkdir(parents=True)
    shards = []
    for number, data in enumerate(columns):
        path = folder / f"part-{number:05d}.parquet"
        schema = pa.schema([("id", pa.string()), ("text", pa.large_string())])
        if "loss_spans" in data:
            span = pa.struct([("start", pa.int64()), ("end", pa.int64())])
            schema = schema.append(pa.field("loss_spans", pa.list_(span)))
        texts = [str(text) for text in data["text"]]
        ids = [str(row) for row in range(len(texts))]
        pq.write_table(pa.table({"id": ids, **data}, schema=schema), path)
        size = sum(len(text.encode()) for text in texts)
        shards.append(
            Shard(
                name=path.name,
                sha256=digest_file(path),
                rows=len(texts),
                bytes=size,
                characters=sum(map(len, texts)),
                file_bytes=path.stat().st_size,
            )
        )
    manifest = DatasetManifest(
        name="web",
        digest=digest,
        text_digest=digest,
        rows=sum(shard.rows for shard in shards),
        bytes=sum(shard.bytes for shard in shards),
        characters=sum(shard.characters for shard in shards),
        shards=tuple(shards),
    )
    manifest.commit(store)
    return manifest


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    texts = [text for shard in SHARDS for text in shard] * 20
    return train([(texts, 5_000)], Training(vocabulary=400, exact=False))


def read_set(store: Store, tokens: TokenSetManifest) -> list[list[int]]:
    """All documents, read with numpy alone."""
    folder = store.token_set_dir(tokens.text_digest, tokens.tokenizer_digest)
    documents = []
    for part in tokens.parts:
        flat = np.fromfile(folder / f"{part.name}.tok", dtype="<u2")
        offsets = np.load(folder / f"{part.name}.offsets.npy")
        documents += [flat[a:b].tolist() for a, b in itertools.pairwise(offsets)]
    return documents


@pytest.mark.parametrize(("workers", "process_bytes"), [(1, 1), (2, 1), (2, 1 << 20)])
def test_row_k_of_the_set_is_row_k_of_the_version(
    tokenizer: Tokenizer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    workers: int,
    process_bytes: int,
) -> None:
    """In this process, in two, and in threads of this one."""
    monkeypatch.setattr(module, "PROCESS_BYTES", process_bytes)
    pools = Counter[int]()
    pool = module._run_in_pool

    def counted(tasks: Sequence[ShardTask], processes: int) -> Any:
        pools.update([processes])
        return pool(tasks, processes)

    monkeypatch.setattr(module, "_run_in_pool", counted)
    store = Store(tmp_path)
    tokenizer.save(store)
    version = commit_version(store, [{"text": list(shard)} for shard in SHARDS])
    seen: list[tuple[int, int]] = []
    tokens = tokenize(
        store,
        version,
        tokenizer,
        workers=workers,
        progress=lambda done, total: seen.append((done, total)),
    )
    texts = [text for shard in SHARDS for text in shard]
    assert [tokenizer.decode(ids) for ids in read_set(store, tokens)] == texts
    assert [part.rows for part in tokens.parts] == [3, 5, 0]
    assert tokens.characters == version.characters
    assert tokens.bytes == version.bytes
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert pools == ({2: 1} if (workers, process_bytes) == (2, 1) else {})
    assert tokenize(store, version, tokenizer) == tokens


def test_who_makes_the_same_set_waits_and_finds_it_made(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    store = Store(tmp_path)
    version = commit_version(store, [{"text": list(shard)} for shard in SHARDS])
    with ThreadPoolExecutor(1) as pool:
        other: list[Future[TokenSetManifest]] = []

        def progress(done: int, total: int) -> None:
            if done == 1:
                other.append(pool.submit(tokenize, store, version, tokenizer))
                assert not wait(other, timeout=0.5).done, "two at work on one set"

        made = tokenize(store, version, tokenizer, workers=1, progress=progress)
        assert other[0].result() == made
    assert read_set(store, made)


def test_a_shard_with_other_rows_than_its_manifest_is_refused(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    store = Store(tmp_path)
    version = commit_version(store, [{"text": list(SHARDS[0])}])
    path = version.file(store, version.shards[0])
    pq.write_table(pq.read_table(path).slice(0, 2), path)
    shard = replace(version.shards[0], file_bytes=path.stat().st_size)
    version = replace(version, shards=(shard,))
    with pytest.raises(IntegrityError, match="has 2 rows, its manifest says 3"):
        tokenize(store, version, tokenizer)


def test_only_the_spans_of_a_chat_count_in_the_loss(tokenizer: Tokenizer, tmp_path: Path) -> None:
    text = "問：猫は？答：好きです。問：犬は？答："
    spans = [{"start": 7, "end": 12}]
    store = Store(tmp_path)
    version = commit_version(
        store, [{"text": [text, "plain", ""], "loss_spans": [spans, None, []]}]
    )
    tokens = tokenize(store, version, tokenizer)
    assert tokens.loss_mask
    folder = store.token_set_dir(tokens.text_digest, tokens.tokenizer_digest)
    mask = np.fromfile(folder / "part-00000.mask", dtype=np.uint8)
    first = np.asarray(read_set(store, tokens)[0])
    marked = mask[: len(first)].astype(bool)
    assert tokenizer.decode(first) == text
    assert tokenizer.decode(first[marked]) == text[7:12] == "好きです。"
    assert mask[len(first) :].all()


def test_spans_cut_a_text_without_losing_any_of_it() -> None:
    spans = [{"start": 0, "end": 2}, {"start": 2, "end": 3}, {"start": 5, "end": 5}]
    assert cut("abcdefg", spans) == [("ab", 1), ("c", 1), ("de", 0), ("fg", 0)]
    assert cut("", []) == []
    assert cut("x", None) == [("x", 1)]


def test_documents_of_only_spans_keep_their_borders(tokenizer: Tokenizer) -> None:
    whole = [{"start": 0, "end": 3}]
    ids, offsets, mask = encode_with_spans(tokenizer, ["猫猫猫", "", "犬"], [whole, None, []])
    texts = [tokenizer.decode(ids[a:b]) for a, b in itertools.pairwise(offsets)]
    assert texts == ["猫猫猫", "", "犬"]
    assert mask[: offsets[1]].all()
    assert not mask[offsets[2] :].any()


def test_a_tokenizer_remembers_the_versions_it_was_trained_on(tmp_path: Path) -> None:
    store = Store(tmp_path)
    version = commit_version(store, [{"text": [*SHARDS[0], *SHARDS[1]] * 20}])
    assert list(version_texts(store, version)) == [*SHARDS[0], *SHARDS[1]] * 20
    document = train_on_versions(store, [version], Training(vocabulary=400, exact=False))
    assert document["training"]["datasets"] == [version.reference]
    assert document["training"]["normalization"] == "identity"
