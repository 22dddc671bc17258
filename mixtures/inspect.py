"""What did a position contain, and where does a document appear? Text through the version's rows.

The engine knows rows and ids of tokens; ids and text of documents come from the version's Parquet.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from awase_client.engine.reader import Engine
from awase_client.engine.views import Split
from curation.base.errors import NotFound
from curation.base.fields import nearest
from curation.base.store import Store
from curation.shards.manifest import DatasetManifest, load
from curation.shards.reader import iter_batches, read_rows


@dataclass(frozen=True, slots=True)
class Held:
    """A document in a sequence: ids start .. start + length - 1 of [bos] + its tokens + [eos]."""

    id: str
    row: int
    start: int
    length: int
    text: str  # of the whole document


@dataclass(frozen=True, slots=True)
class Contents:
    """What one position holds; `version` is the dataset's reference name@sha256:..."""

    position: int
    split: Split
    source: str
    version: str
    epoch: int
    sequence: int
    documents: tuple[Held, ...]


def open_engine(store: Store, plan: str) -> Engine:
    """The engine of a plan of this store; NotFound without it."""
    try:
        return Engine.open(Path(store.root), plan)
    except FileNotFoundError as error:
        raise NotFound(f"there is no plan {plan} in {store.root}") from error


def contents(store: Store, engine: Engine, position: int, split: Split = "train") -> Contents:
    """The documents of one position, in order; NotFound where the split is shorter."""
    total = engine.total(split)
    if not 0 <= position < total:
        raise NotFound(f"position {position} is outside 0..{total - 1} of {engine.plan.digest}")
    described = engine.describe(position, split)
    manifest = load(store, described.dataset, described.version)
    rows = np.array([span.row for span in described.documents], np.int64)
    table = read_rows(store, manifest, rows, ["id", "text"])
    documents = zip(
        described.documents, table["id"].to_pylist(), table["text"].to_pylist(), strict=True
    )
    return Contents(
        position=position,
        split=split,
        source=described.source,
        version=manifest.reference,
        epoch=described.epoch,
        sequence=described.sequence,
        documents=tuple(
            Held(id_, span.row, span.start, span.length, text) for span, id_, text in documents
        ),
    )


def positions_of(
    store: Store, engine: Engine, source: str, document: str, split: Split = "train"
) -> list[int]:
    """Ascending: every position that holds ids of a document; none where it is not selected.

    `source` is a dotted path, `document` an id. NotFound for a source or an id that is not there.
    """
    of = {item.path: item for item in engine.plan.sources}
    if source not in of:
        raise NotFound(f"plan {engine.plan.digest} has no source {source!r}{nearest(source, of)}")
    manifest = load(store, of[source].dataset, of[source].version)
    return engine.positions_of(source, row_of(store, manifest, document), split)


def row_of(store: Store, manifest: DatasetManifest, document: str) -> int:
    """The row of the document with this id; NotFound without one. Reads the id column."""
    first = 0
    for batch in iter_batches(store, manifest, ["id"], batch_rows=65_536):
        found = pc.index(batch.column(0), document).as_py()
        if found >= 0:
            return first + int(found)
        first += batch.num_rows
    raise NotFound(f"{manifest.reference} has no document with id {document!r}")
