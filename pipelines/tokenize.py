"""Tokenize a dataset version: one task a shard, resumable, no separators.

Row k of the token set is row k of the version, empty documents included. A version that carries the
column `loss_spans` (list of [start, end) characters of `text`, sorted, disjoint) gives a set with a
loss mask: text is encoded piece by piece, cut at the borders of spans, so no token straddles one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from awase_client.engine.tokensets import TokenSetReader
from curation.base.digest import digest_file
from curation.base.errors import IntegrityError
from curation.base.store import Store
from curation.shards.files import VersionFile, damage
from curation.shards.manifest import DatasetManifest, Shard
from curation.shards.rows import SPANS
from curation.shards.token_stats import NAME, write_token_stats
from curation.shards.tokens import Part, TokenSetManifest, TokenSetWriter
from pipelines.tokenizers import Tokenizer, open_tokenizer

BATCH_ROWS = 1024
# Text that a worker process is worth. It takes 0.5 s to start, in which a core encodes 22 MB: of
# 40 MB in four shards, two processes made 23 to 29 MB/s and two threads 36 to 42 (EPYC 9004, the
# corpus of benchmarks/_stream_tokenize.py). Threads share an interpreter for all but encoding.
PROCESS_BYTES = 128 << 20


@dataclass(frozen=True, slots=True)
class ShardTask:
    """All that a worker needs for one shard; picklable."""

    writer: TokenSetWriter
    manifest: DatasetManifest
    index: int
    threads: int


def tokenize(
    store: Store,
    manifest: DatasetManifest,
    tokenizer: Tokenizer,
    *,
    workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> TokenSetManifest:
    """The token set of a version, made where it is not there yet; parts of a killed run are kept.

    progress(shards done, shards). `workers` processes where each has PROCESS_BYTES of text and a
    shard, else fewer, and threads for the rest of the workers. The ids are the same.
    """
    writer = writer_of(store, manifest, tokenizer, loss_mask=_has_spans(store, manifest))
    there = writer.committed()
    if there is not None and (writer.target / NAME).exists():
        return there
    with writer.alone():
        return _made(writer, manifest, tokenizer, workers, progress)


def _made(
    writer: TokenSetWriter,
    manifest: DatasetManifest,
    tokenizer: Tokenizer,
    workers: int,
    progress: Callable[[int, int], None] | None,
) -> TokenSetManifest:
    store = writer.store
    if (there := writer.committed()) is not None:
        if not (writer.target / NAME).exists():
            reader = TokenSetReader(store.root, there)
            write_token_stats(store, manifest, writer.target, reader.offsets)
        return there
    todo = [index for index in range(len(manifest.shards)) if writer.done(index) is None]
    left_bytes = sum(manifest.shards[index].bytes for index in todo)
    processes = max(1, min(workers, len(todo), left_bytes // PROCESS_BYTES))
    threads = max(1, workers // processes)
    tasks = [ShardTask(writer, manifest, index, threads) for index in todo]
    done = len(manifest.shards) - len(todo)
    for _ in _run(tasks, processes, tokenizer):
        done += 1
        if progress is not None:
            progress(done, len(manifest.shards))
    write_token_stats(store, manifest, writer.work, writer.offsets)
    return writer.commit(parts=len(manifest.shards))


def writer_of(
    store: Store, manifest: DatasetManifest, tokenizer: Tokenizer, *, loss_mask: bool = False
) -> TokenSetWriter:
    """The writer of a version's token set under a tokenizer."""
    return TokenSetWriter(
        store,
        text_digest=manifest.text_digest,
        tokenizer_digest=tokenizer.digest,
        vocabulary=tokenizer.vocabulary,
        bos=tokenizer.special.bos,
        eos=tokenizer.special.eos,
        pad=tokenizer.special.pad,
        loss_mask=loss_mask,
    )


def _run(tasks: Sequence[ShardTask], processes: int, tokenizer: Tokenizer) -> Any:
    if processes == 1:
        return (tokenize_shard(task, tokenizer) for task in tasks)
    return _run_in_pool(tasks, processes)


def _run_in_pool(tasks: Sequence[ShardTask], processes: int) -> Any:
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(tokenize_shard, tasks)


def tokenize_shard(task: ShardTask, tokenizer: Tokenizer | None = None) -> Part:
    """Write the part of one shard and return its record."""
    store, manifest = task.writer.store, task.manifest
    if tokenizer is None:
        tokenizer = open_tokenizer(store, task.writer.plan.tokenizer_digest)
    shard = manifest.shards[task.index]
    check_imported(store, manifest, shard)
    columns = ["text", SPANS] if task.writer.plan.loss_mask else ["text"]
    with (
        task.writer.part(task.index) as part,
        VersionFile(store, manifest, shard) as file,
    ):
        for batch in file.iter_batches(BATCH_ROWS, columns=columns):
            texts: list[str] = batch.column("text").to_pylist()
            if task.writer.plan.loss_mask:
                spans = batch.column(SPANS).to_pylist()
                tokens, offsets, mask = encode_with_spans(tokenizer, texts, spans, task.threads)
            else:
                tokens, offsets = tokenizer.encode_batch(texts, threads=task.threads)
                mask = None
            part.append(
                tokens,
                offsets,
                bytes=sum(len(text.encode()) for text in texts),
                characters=sum(map(len, texts)),
                mask=mask,
            )
    record = task.writer.done(task.index)
    assert record is not None, "a part that ended well has its record"
    return record


def check_imported(store: Store, manifest: DatasetManifest, shard: Shard) -> None:
    """IntegrityError where a file that was imported in place is another one than then.

    Its pages may have no checksums, and others may write to it; a token set is for ever.
    """
    if shard.path is None:
        return
    path = manifest.file(store, shard)
    with damage(manifest, shard, path):
        found = digest_file(path)
    if found != shard.sha256:
        raise IntegrityError(
            f"{manifest.reference}, {shard.name}: {path} is {found}, it was {shard.sha256} when it "
            "was imported: import it as it is now, or restore it"
        )


def encode_with_spans(
    tokenizer: Tokenizer, texts: Sequence[str], spans: Sequence[Any], threads: int = 1
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.uint8]]:
    """(ids, offsets, mask): the text inside `spans` of each document gets mask 1, the rest 0.

    A document without spans (null) counts whole, as in text that is no chat.
    """
    pieces: list[str] = []
    inside: list[int] = []
    counts: list[int] = []
    for text, marked in zip(texts, spans, strict=True):
        before = len(pieces)
        for piece, flag in cut(text, marked):
            pieces.append(piece)
            inside.append(flag)
        counts.append(len(pieces) - before)
    ids, borders = tokenizer.encode_batch(pieces, threads=threads)
    mask = np.repeat(np.asarray(inside, np.uint8), np.diff(borders))
    firsts = np.concatenate([[0], np.cumsum(np.asarray(counts, np.int64))]).astype(np.int64)
    return ids, borders[firsts], mask


def cut(text: str, spans: Any) -> list[tuple[str, int]]:
    """Pieces of `text` with 1 inside `spans` and 0 outside; empty pieces left out."""
    if spans is None:
        return [(text, 1)] if text else []
    pieces, at = [], 0
    for span in spans:
        start, end = span["start"], span["end"]
        pieces += [(text[at:start], 0), (text[start:end], 1)]
        at = end
    pieces.append((text[at:], 0))
    return [(piece, flag) for piece, flag in pieces if piece]


def _has_spans(store: Store, manifest: DatasetManifest) -> bool:
    if not manifest.shards:
        return False
    with VersionFile(store, manifest, manifest.shards[0]) as file:
        schema: pa.Schema = file.schema_arrow
    return SPANS in schema.names
