"""Layers whose files were damaged after their commit."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from curation.base.errors import IntegrityError
from curation.base.store import Store
from curation.layers import Layer


@pytest.mark.parametrize("way", ["batches", "table"])
@pytest.mark.parametrize("compression", ["lz4", None])
def test_a_damaged_layer_is_named_with_what_to_do(
    way: str, compression: str | None, tmp_path: Path
) -> None:
    layer = Layer.of(Store(tmp_path), "sha256:" + "ab" * 32, 0)
    with layer.write() as writer:
        writer.write({"n": pa.array(range(10_000))}, compression=compression)
        writer.commit()
    [path] = layer.folder.glob("*.arrow")
    data = path.read_bytes()
    header = 8 + len(pa.schema({"n": pa.int64()}).serialize()) + 8  # of the batch
    path.write_bytes(data[:header] + b"\xff" * 100 + data[header + 100 :])
    with pytest.raises(
        IntegrityError, match=r"cannot be read .* delete .* and run again"
    ) as caught:
        list(layer.batches()) if way == "batches" else layer.table(["n"])
    assert str(path) in str(caught.value)
