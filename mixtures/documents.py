"""Looking at documents of a version: the kept ones, and the dropped ones with their reason."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.base.errors import NotFound
from curation.base.fields import nearest
from curation.base.store import Store
from curation.shards.files import VersionFile
from curation.shards.manifest import DatasetManifest
from curation.shards.reader import read_rows

BATCH_ROWS = 1024


@dataclass(frozen=True, slots=True)
class Documents:
    """Some documents as plain values; `next` is the row to go on from, None at the end."""

    items: tuple[dict[str, Any], ...]
    next: int | None


def kept(store: Store, manifest: DatasetManifest, *, start: int, limit: int) -> Documents:
    """Documents of rows start .. start + limit - 1, all columns."""
    stop = min(start + limit, manifest.rows)
    if start >= stop:
        return Documents((), None)
    table = read_rows(store, manifest, np.arange(start, stop, dtype=np.int64))
    following = stop if stop < manifest.rows else None
    return Documents(tuple(plain(row) for row in table.to_pylist()), following)


def dropped(
    store: Store, manifest: DatasetManifest, reason: str, *, start: int, limit: int
) -> Documents:
    """Dropped documents whose first reason is `reason`, from row `start` of the dropped files on.

    NotFound for a reason that dropped nothing.
    """
    if reason not in manifest.reasons:
        known = ", ".join(sorted(manifest.reasons)) or "none"
        raise NotFound(
            f"{manifest.reference} dropped nothing for {reason!r}"
            f"{nearest(reason, manifest.reasons)} (reasons: {known})"
        )
    items: list[dict[str, Any]] = []
    for first, batch in _batches(store, manifest, start):
        wanted = pc.fill_null(pc.equal(batch.column("reason"), reason), False)
        places = np.flatnonzero(wanted.to_numpy(zero_copy_only=False))
        for place in places[places >= start - first]:
            if len(items) == limit:
                return Documents(tuple(items), first + int(place))
            items.append(plain(batch.slice(int(place), 1).to_pylist()[0]))
    return Documents(tuple(items), None)


def _batches(
    store: Store, manifest: DatasetManifest, start: int
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """(row of its first document, batch) over all dropped files; whole files before are skipped."""
    first = 0
    for item in manifest.dropped:
        if first + item.rows > start:
            with VersionFile(store, manifest, item) as file:
                row = first
                for batch in file.iter_batches(BATCH_ROWS):
                    if row + len(batch) > start:
                        yield row, batch
                    row += len(batch)
        first += item.rows


def plain(value: Any) -> Any:
    """A value as JSON can hold it: NaN and infinities become null, times and bytes text."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int | bool):
        return value
    return value.hex() if isinstance(value, bytes) else str(value)
