"""litdata: tokens in its own chunks, CombinedStreamingDataset, StreamingDataLoader."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import numpy as np
import torch
from litdata import CombinedStreamingDataset, StreamingDataLoader, StreamingDataset, TokensLoader
from litdata.streaming.writer import BinaryWriter

LENGTH = 2048


def version() -> str:
    return installed("litdata")


def write(source: Path, target: Path) -> None:
    """Chunks of 64 MB, as litdata.optimize writes them."""
    target.mkdir(parents=True, exist_ok=True)
    writer = BinaryWriter(str(target), chunk_bytes="64MB", item_loader=TokensLoader(LENGTH))
    data = np.fromfile(source, np.uint16).reshape(-1, LENGTH)
    for index, row in enumerate(data):
        writer[index] = torch.from_numpy(row.copy())
    writer.done()
    writer.merge()


def batches(folder: Path) -> Iterator[Any]:
    torch.set_num_threads(1)
    sets = []
    for name in "abc":
        target = folder / "litdata" / name
        if not (target / "index.json").exists():
            write(folder / f"{name}.bin", target)
        loader = TokensLoader(LENGTH)
        sets.append(StreamingDataset(str(target), item_loader=loader, shuffle=True, drop_last=True))
    mixed = CombinedStreamingDataset(sets, weights=[0.7, 0.2, 0.1], seed=1, iterate_over_all=False)
    for batch in StreamingDataLoader(mixed, batch_size=8, num_workers=0):
        yield batch.long()
