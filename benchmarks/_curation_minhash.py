"""minhash-rerun: 14 x 8 signatures against datatrove, every one of the 112 values compared."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks._table import Table, measure
from curation.dedup.datatrove import DatatroveMinHash


def minhash(table: Table, texts: Sequence[str], *, batch: int = 1000) -> None:
    """Add the row; English, one core, texts in memory, the memo of words warm, the texts new."""
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature

    from curation.words.english.splitter import english_words

    work = sum(len(text.encode()) for text in texts) / 1e6
    array = pa.array(texts, pa.large_string())
    batches = [array[at : at + batch] for at in range(0, len(array), batch)]
    mine = DatatroveMinHash()
    with tempfile.TemporaryDirectory() as folder, np.errstate(over="ignore"):
        peer = MinhashDedupSignature(folder, MinhashConfig(), language="eng_Latn")
        peer.get_shingles(texts[0])  # loads spaCy

        def theirs() -> list[Any]:
            found = []
            for text in texts:
                shingles = peer.get_shingles(text)
                found.append(peer.get_signature(shingles) if shingles.size else None)
            return found

        expected = theirs()
        signatures = [mine.signatures(part) for part in batches]
        values = np.concatenate([rows for rows, _ in signatures])
        has = np.concatenate([found for _, found in signatures])
        differences = sum(
            bool(found) != (row is not None)
            or (row is not None and np.ravel(row).tolist() != own.tolist())
            for row, own, found in zip(expected, values, has, strict=True)
        )

        def run() -> None:
            for part in batches:
                mine.signatures(part)

        ours = measure(run, work=work, before=english_words().forget_texts, clock=time.process_time)
        other = measure(theirs, work=work, clock=time.process_time)
    table.add(
        "minhash-rerun",
        "MB/s",
        ours,
        peer="datatrove",
        peer_value=other,
        differences=differences,
        target=">= 100x",
    )
