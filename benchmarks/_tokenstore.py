"""Synthetic stores for the stream and plan benchmarks: token sets, views and a plan, no real text.

small      3 sources of 50, 30 and 20 M uint16 tokens, documents of lognormal length (sigma 1,
           mean about 799), blend 0.7 / 0.2 / 0.1, sequences of 2,048, 31,000 of them
wide       1,000 sources of 10,000 short documents each, `where` and hold-out on, sequences of
           2,048, positions up to 1e10
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from awase_client.engine.tokensets import TokenSetManifest
from curation.base.digest import digest_file, digest_of
from curation.base.store import Store, make_dirs
from curation.shards.manifest import Shard
from curation.shards.tokens import TokenSetWriter
from tests.tokenstore import PAD, Version, commit_version

TOKENIZER = digest_of("benchmark tokenizer")
VOCABULARY, EOS = 32_000, 2
LENGTH = 2048


def lognormal_lengths(seed: int, total: int, mean: float = 799.0) -> NDArray[np.int64]:
    """Tokens of documents that, with one separator each, add up to `total`."""
    rng = np.random.default_rng(seed)
    mu = np.log(mean) - 0.5
    count = int(total / mean * 1.3)
    lengths = np.maximum(1, rng.lognormal(mu, 1.0, count)).astype(np.int64)
    ends = np.cumsum(lengths + 1)
    last = int(np.searchsorted(ends, total))
    lengths = lengths[: last + 1]
    lengths[-1] = total - (int(ends[last - 1]) if last else 0) - 1
    return lengths[lengths > 0]


def write_source(
    store: Store, name: str, lengths: NDArray[np.int64], *, seed: int, table: pa.Table | None = None
) -> tuple[Version, TokenSetManifest]:
    """A version and its token set with random tokens; `table` holds the columns views read."""
    text_digest, digest = digest_of([name, "text"]), digest_of([name, "rows"])
    folder = store.dataset_dir(name, digest)
    make_dirs(folder)
    path = folder / "part-00000.parquet"
    if table is not None:
        pq.write_table(table, path)
    shard = Shard(
        name=path.name,
        sha256=digest_file(path) if table is not None else digest_of(None),
        rows=len(lengths),
        bytes=0,
        characters=0,
        file_bytes=path.stat().st_size if table is not None else 0,
    )
    version = commit_version(store, name, digest, text_digest, [shard])
    writer = TokenSetWriter(
        store,
        text_digest=text_digest,
        tokenizer_digest=TOKENIZER,
        vocabulary=VOCABULARY,
        bos=None,
        eos=EOS,
        pad=PAD,
    )
    rng = np.random.default_rng([seed, 1])
    tokens = rng.integers(10, VOCABULARY, int(lengths.sum()), dtype=np.uint16)
    with writer.part(0) as part:
        part.append(tokens, np.concatenate([[0], np.cumsum(lengths)]))
    return version, writer.commit(parts=1)


def score_table(rows: int, seed: int) -> pa.Table:
    """Columns of a version: id, a short text and a score that `where` can read."""
    rng = np.random.default_rng([seed, 2])
    return pa.table(
        {
            "id": pa.array(np.char.add(f"{seed}-", np.arange(rows).astype(str))),
            "text": pa.array(np.char.add(f"document {seed} ", np.arange(rows).astype(str))),
            "score": rng.random(rows),
        }
    )


def folder_of(name: str) -> Path:
    """Where a benchmark keeps its data between runs."""
    return Path(__file__).parent / "data" / name
