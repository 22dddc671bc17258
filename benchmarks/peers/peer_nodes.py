"""torchdata.nodes: MultiNodeWeightedSampler over memory maps."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import RandomSampler
from torchdata.nodes import Batcher, Loader, Mapper, MapStyleWrapper, MultiNodeWeightedSampler


def version() -> str:
    return installed("torchdata")


def batches(folder: Path) -> Iterator[Any]:
    torch.set_num_threads(1)
    sources = {
        name: np.asarray(np.memmap(folder / f"{name}.bin", np.uint16, "r")).reshape(-1, 2048)
        for name in "abc"
    }
    nodes = {
        n: MapStyleWrapper(map_dataset=d, sampler=RandomSampler(d)) for n, d in sources.items()
    }
    mixed = MultiNodeWeightedSampler(nodes, {"a": 0.7, "b": 0.2, "c": 0.1}, seed=1)
    node = Mapper(
        Batcher(mixed, batch_size=8),
        lambda rows: torch.from_numpy(np.stack(rows).astype(np.int64)),
    )
    return iter(Loader(node))
