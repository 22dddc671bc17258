"""`awase dataset import NAME corpus.bin --tokenizer T`: Megatron's tokens become a dataset version.

Each document's text is what the tokenizer makes of its tokens, so that it can be read, selected
from and held out like any other; the token set keeps the tokens as they were. Whether they are the
tokenizer's at all is checked by decoding samples and encoding them again.
"""

from __future__ import annotations

import itertools
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curation.base.digest import digest_of
from curation.base.errors import UsageError
from curation.base.store import Store, make_dirs
from curation.shards.megatron import Megatron, strip_final
from curation.shards.token_stats import write_token_stats
from curation.shards.tokens import TokenSetManifest, TokenSetWriter
from mixtures.catalog import Catalog, DatasetVersion
from pipelines.import_parquet import import_parquet
from pipelines.import_source import Options, Progress
from pipelines.tokenize import writer_of
from pipelines.tokenizers import Tokenizer

SAMPLES = 1000
# Tokens of another tokenizer hardly ever encode back; rare normalisations of one's own may not.
LEAST_SHARE = 0.95
BATCH_DOCUMENTS = 1024


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import made; `samples` were decoded and encoded, `differing` came out otherwise."""

    version: DatasetVersion
    token_set: TokenSetManifest
    samples: int
    differing: int


def import_megatron(
    store: Store,
    catalog: Catalog,
    name: str,
    path: Path,
    tokenizer: Tokenizer,
    *,
    license: str | None = None,
    progress: Progress = lambda done, total: None,
) -> Imported:
    """A version of `name` with the documents of a .bin/.idx pair, and its token set.

    UsageError where the tokens are not those of the tokenizer: an id outside its vocabulary, or
    under 95 % of up to 1,000 sampled documents encode back to their tokens.
    """
    source = Megatron.open(path)
    samples, differing = check_tokenizer(source, tokenizer)
    work = store.work_dir(digest_of({"import": uuid.uuid4().hex}))
    make_dirs(work)
    try:
        text = work / f"{source.path.stem}.parquet"
        _write_text(text, source, tokenizer)
        options = Options(copy=True, license=license)
        version = import_parquet(store, catalog, name, [text], options, progress=progress)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    writer = writer_of(store, version.manifest, tokenizer)
    with writer.alone():
        token_set = _write_tokens(writer, version, source, tokenizer)
    catalog.register_token_set(token_set.text_digest, token_set.tokenizer_digest)
    return Imported(version, token_set, samples, differing)


def check_tokenizer(source: Megatron, tokenizer: Tokenizer) -> tuple[int, int]:
    """(documents sampled, those that encode to other tokens); UsageError where too many do."""
    for first in range(0, len(source.tokens), 1 << 24):
        piece = source.tokens[first : first + (1 << 24)]
        low, high = int(piece.min()), int(piece.max())
        if low < 0 or high >= tokenizer.vocabulary:
            raise UsageError(
                f"{source.path}: token {low if low < 0 else high} is outside the vocabulary of "
                f"{tokenizer.vocabulary} of {tokenizer.digest}: name the tokenizer that made it"
            )
    step = max(1, len(source) // SAMPLES)
    rows = list(range(0, len(source), step))[:SAMPLES]
    tokens, offsets = strip_final((source.document(r) for r in rows), tokenizer.special.eos)
    texts = [tokenizer.decode(tokens[a:b]) for a, b in itertools.pairwise(offsets)]
    again, ends = tokenizer.encode_batch(texts)
    wrong = [
        k
        for k in range(len(rows))
        if not np.array_equal(tokens[offsets[k] : offsets[k + 1]], again[ends[k] : ends[k + 1]])
    ]
    if len(wrong) > (1 - LEAST_SHARE) * len(rows):
        k = wrong[0]
        raise UsageError(
            f"{source.path}: {len(wrong)} of {len(rows)} sampled documents do not encode back to "
            f"their tokens under {tokenizer.digest}; document {rows[k]} decodes to "
            f"{texts[k][:60]!r}: name the tokenizer that made it"
        )
    return len(rows), len(wrong)


def _batches(
    source: Megatron, tokenizer: Tokenizer, first: int, end: int
) -> Iterator[tuple[np.ndarray, np.ndarray, list[str]]]:
    """(tokens, offsets, texts) of documents first .. end - 1, without the eos they end with."""
    for start in range(first, end, BATCH_DOCUMENTS):
        rows = range(start, min(start + BATCH_DOCUMENTS, end))
        tokens, offsets = strip_final((source.document(r) for r in rows), tokenizer.special.eos)
        texts = [tokenizer.decode(tokens[a:b]) for a, b in itertools.pairwise(offsets)]
        yield tokens, offsets, texts


def _write_text(path: Path, source: Megatron, tokenizer: Tokenizer) -> None:
    schema = pa.schema([("id", pa.string()), ("text", pa.large_string())])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        row = 0
        for _, _, texts in _batches(source, tokenizer, 0, len(source)):
            ids = [f"{source.path.stem}-{k}" for k in range(row, row + len(texts))]
            writer.write_batch(pa.record_batch([ids, pa.array(texts, pa.large_string())], schema))
            row += len(texts)


def _write_tokens(
    writer: TokenSetWriter, version: DatasetVersion, source: Megatron, tokenizer: Tokenizer
) -> TokenSetManifest:
    if (there := writer.committed()) is not None:
        return there
    row = 0
    for index, shard in enumerate(version.manifest.shards):
        if writer.done(index) is None:
            with writer.part(index) as part:
                for tokens, offsets, texts in _batches(source, tokenizer, row, row + shard.rows):
                    part.append(
                        tokens,
                        offsets,
                        bytes=sum(len(text.encode()) for text in texts),
                        characters=sum(map(len, texts)),
                    )
        row += shard.rows
    write_token_stats(writer.store, version.manifest, writer.work, writer.offsets)
    return writer.commit(parts=len(version.manifest.shards))
