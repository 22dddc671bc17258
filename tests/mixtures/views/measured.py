"""A process that builds views and says how much memory each took: run by the tests.

python -m tests.mixtures.views.measured STORE PACKING PARTS...
"""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from fractions import Fraction
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curation.base.digest import digest_file, digest_of
from curation.base.predicate import parse
from curation.base.store import Store, make_dirs
from curation.shards.manifest import DatasetManifest, Shard
from curation.shards.tokens import TokenSetManifest, TokenSetWriter
from mixtures.views import build_view
from tests.tokenstore import EOS, PAD, TOKENIZER, Corpus, Separators, Version

ROWS = 1 << 16  # a part


def write_parts(store: Store, parts: int) -> Corpus:
    """A version of `parts` shards of ROWS short documents each, and its token set."""
    name = f"parts-{parts}"
    digest, text_digest = digest_of([name, "rows"]), digest_of([name, "text"])
    folder = store.dataset_dir(name, digest)
    make_dirs(folder)
    rows = np.arange(ROWS)
    table = pa.table({"text": pa.array(rows).cast(pa.string()), "score": rows % 100})
    shards = []
    for index in range(parts):
        path = folder / f"part-{index:05d}.parquet"
        pq.write_table(table, path, row_group_size=1 << 15)
        size = path.stat().st_size
        shards.append(Shard(path.name, digest_file(path), ROWS, 0, 0, size))
    manifest = DatasetManifest(
        name, digest, text_digest, rows=parts * ROWS, bytes=0, characters=0, shards=tuple(shards)
    )
    manifest.commit(store)
    return Corpus(Version(manifest), write_tokens(store, text_digest, parts), [], [], None)


def write_tokens(store: Store, text_digest: str, parts: int) -> TokenSetManifest:
    """Documents of 1 to 16 tokens, the same in each part."""
    lengths = 1 + np.arange(ROWS) % 16
    ids = 10 + np.arange(int(lengths.sum())) % 30_000
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    writer = TokenSetWriter(
        store,
        text_digest=text_digest,
        tokenizer_digest=TOKENIZER,
        vocabulary=50_000,
        bos=None,
        eos=EOS,
        pad=PAD,
        loss_mask=False,
    )
    for index in range(parts):
        with writer.part(index) as out:
            out.append(ids, offsets)
    return writer.commit(parts=parts)


def build(store: Store, corpus: Corpus, packing: str) -> int:
    """Documents of a view with `where` and hold-out on."""
    view = build_view(
        store,
        None,
        dataset=corpus.version,
        token_set=corpus.token_set,
        where=parse("score < 90"),
        holdout=Fraction(1, 10),
        sequence_length=64,
        packing=packing,
        separators=Separators(),
        labels="shift",
        seed=1,
        path="web",
    )
    return view.documents


def peak_of(work: Callable[[], int]) -> tuple[int, int]:
    """What `work` answers, and the most memory that Python and numpy held for it, in bytes."""
    tracemalloc.start()
    found = work()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return found, peak


def main() -> None:
    store, packing = Store(sys.argv[1]), sys.argv[2]
    build(store, write_parts(store, 1), packing)  # imports and compiles
    for parts in map(int, sys.argv[3:]):
        corpus = write_parts(store, parts)
        documents, peak = peak_of(partial(build, store, corpus, packing))
        print(documents, peak, flush=True)


if __name__ == "__main__":
    main()
