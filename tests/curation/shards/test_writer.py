"""A Parquet file of a version that is given up."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from curation.shards.writer import PartWriter


def test_a_file_that_is_given_up_leaves_nothing_and_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a full disk: a writer collected later must not complain on stderr."""
    complaints: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", complaints.append)
    texts = pa.array(["a", "b"], pa.large_string())
    batch = pa.record_batch({"id": pa.array(["a", "b"]), "text": texts})
    path = tmp_path / "part.parquet"
    writer = PartWriter(path, batch.schema, group_bytes=1)
    writer.write(batch)
    writer.write(batch)
    assert path.exists()
    writer.abandon()
    del writer
    gc.collect()
    assert not path.exists()
    assert complaints == []
