"""`awase tokenize`'s step against SentencePiece's own batch call on the same Parquet file.

Text: ../shared/data, English and Japanese documents in turn, and a unigram model of 16,000 pieces
trained on a part of it. Both sides read the text from the version's shards and end with every id;
ours then also writes the token set with its checksums, statistics and fsyncs. `tokenize` has one
shard, `tokenize-2` the same documents in four. Both sides have two workers; ours are threads, as
this is too little text for worker processes (`pipelines.tokenize.PROCESS_BYTES`).
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from awase_client.engine.tokensets import TokenSetReader
from benchmarks._table import RUNS, Measured, Table, texts_of
from benchmarks._tokenstore import folder_of
from curation.base.digest import digest_file, digest_of
from curation.base.store import Store, make_dirs, write_atomic
from curation.shards.manifest import DatasetManifest, Shard, load
from pipelines.tokenize import tokenize
from pipelines.tokenizers import SentencePieceTokenizer
from pipelines.train_tokenizer import Training, train

WORKERS = 2
TEXTS = Path(__file__).parents[2] / "shared" / "data"
MEGABYTES = 20.0  # of each language
TRAINING = Training(vocabulary=16_000, max_bytes=8 << 20)


@dataclass(frozen=True)
class Corpus:
    """A version and the model; `megabytes` of UTF-8 text."""

    store: Store
    manifest: DatasetManifest
    tokenizer: SentencePieceTokenizer

    @property
    def files(self) -> list[Path]:
        return [self.manifest.file(self.store, shard) for shard in self.manifest.shards]

    @property
    def megabytes(self) -> float:
        return self.manifest.bytes / 1e6


def corpus(shards: int) -> Corpus:
    """Written once under benchmarks/data/tokenize-<shards>."""
    folder = folder_of(f"tokenize-{shards}")
    store, model, done = Store(folder / "store"), folder / "tokenizer.model", folder / "done.json"
    if not done.exists():
        pairs = zip_longest(
            *(texts_of(TEXTS / f"{name}.jsonl.zst", megabytes=MEGABYTES) for name in ("en", "ja"))
        )
        texts = [text for text in chain.from_iterable(pairs) if text is not None]
        manifest = _version(store, texts, shards)
        tokenizer = train([(texts, manifest.bytes)], TRAINING)
        tokenizer.save(store)  # a worker process opens it there
        write_atomic(model, tokenizer.data)
        write_atomic(done, json.dumps({"digest": manifest.digest}).encode())
    digest = json.loads(done.read_text())["digest"]
    return Corpus(
        store,
        load(store, "bench", digest),
        SentencePieceTokenizer(model.read_bytes()),
    )


def _version(store: Store, texts: list[str], count: int) -> DatasetManifest:
    digest = digest_of([hashlib.sha256("\0".join(texts).encode()).hexdigest(), "bench", count])
    folder = store.dataset_dir("bench", digest)
    make_dirs(folder)
    shards = []
    for number in range(count):
        rows = range(len(texts) * number // count, len(texts) * (number + 1) // count)
        path = folder / f"part-{number:05}.parquet"
        own = [texts[row] for row in rows]
        table = pa.table({"id": [str(row) for row in rows], "text": pa.array(own)})
        pq.write_table(table, path, compression="zstd", compression_level=3)
        shard = Shard(
            name=path.name,
            sha256=digest_file(path),
            rows=len(own),
            bytes=sum(len(text.encode()) for text in own),
            characters=sum(map(len, own)),
            file_bytes=path.stat().st_size,
        )
        shards.append(shard)
    manifest = DatasetManifest(
        name="bench",
        digest=digest,
        text_digest=digest,
        rows=len(texts),
        bytes=sum(shard.bytes for shard in shards),
        characters=sum(shard.characters for shard in shards),
        shards=tuple(shards),
    )
    manifest.commit(store)
    return manifest


def library(data: Corpus, processor: Any) -> list[NDArray[np.int32]]:
    """Read the shards, one batch call over all of them: int32 ids of each document."""
    texts = pq.read_table(data.files, columns=["text"]).column("text").to_pylist()
    found: list[NDArray[np.int32]] = processor.encode(
        texts, return_type="numpy", num_threads=WORKERS
    )
    return found


def ours(data: Corpus) -> float:
    """Seconds of the step that makes the token set, from nothing."""
    shutil.rmtree(data.store.root / "tokens", ignore_errors=True)
    started = time.perf_counter()
    tokenize(data.store, data.manifest, data.tokenizer, workers=WORKERS)
    return time.perf_counter() - started


def tokenize_case(table: Table, *, case: str = "tokenize", shards: int = 1) -> None:
    from sentencepiece import SentencePieceProcessor

    data = corpus(shards)
    processor = SentencePieceProcessor(model_proto=data.tokenizer.data)
    mine, theirs = [], []
    for run in range(RUNS + 1):
        seconds = ours(data)
        started = time.perf_counter()
        parts = library(data, processor)
        peer_seconds = time.perf_counter() - started
        if run:  # the first warms the page cache for both
            mine.append(data.megabytes / seconds)
            theirs.append(data.megabytes / peer_seconds)
    made = tokenize(data.store, data.manifest, data.tokenizer)
    reader = TokenSetReader(data.store.root, made)
    differences = sum(
        not np.array_equal(reader.tokens(row), part) for row, part in enumerate(parts)
    )
    table.add(
        case,
        "MB/s",
        Measured(tuple(mine)),
        peer="sentencepiece, 2 threads",
        peer_value=Measured(tuple(theirs)),
        differences=differences,
        target=">= 0.9x",
        notes=f"{data.megabytes:.0f} MB in {len(parts)} documents, Parquet shards read by both: "
        f"{shards}; ours also writes and syncs the token set; differences counts documents",
    )


CASES: dict[str, Callable[[Table], None]] = {
    "tokenize": tokenize_case,
    "tokenize-2": partial(tokenize_case, case="tokenize-2", shards=4),
}
