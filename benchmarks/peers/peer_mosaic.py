"""MosaicML streaming: MDS of packed sequences, streams by proportion."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import numpy as np
import torch

if "torchvision" not in sys.modules:  # imported for images, which this does not read
    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError, OSError):
        for module in (
            "torchvision",
            "torchvision.transforms",
            "torchvision.transforms.functional",
            "torchvision.datasets",
        ):
            sys.modules[module] = types.ModuleType(module)
            sys.modules[module].__spec__ = ModuleSpec(module, None)
        sys.modules["torchvision.transforms.functional"].to_tensor = None
        sys.modules["torchvision.datasets"].VisionDataset = object
        sys.modules["torchvision"].transforms = sys.modules["torchvision.transforms"]

from streaming import MDSWriter, Stream, StreamingDataset
from streaming.base.util import clean_stale_shared_memory
from torch.utils.data import DataLoader


def version() -> str:
    return installed("mosaicml-streaming")


def batches(folder: Path) -> Iterator[Any]:
    torch.set_num_threads(1)
    clean_stale_shared_memory()
    streams = []
    for name, weight in (("a", 0.7), ("b", 0.2), ("c", 0.1)):
        target = folder / "mosaic" / name
        if not (target / "index.json").exists():
            with MDSWriter(out=str(target), columns={"tokens": "ndarray:uint16:2048"}) as out:
                for row in np.fromfile(folder / f"{name}.bin", np.uint16).reshape(-1, 2048):
                    out.write({"tokens": row})
        streams.append(Stream(local=str(target), proportion=weight))
    data = StreamingDataset(streams=streams, batch_size=8, shuffle=True, epoch_size=31_000)

    def collate(rows: list[Any]) -> Any:
        return torch.from_numpy(np.stack([row["tokens"] for row in rows]).astype(np.int64))

    return iter(DataLoader(data, batch_size=8, num_workers=0, collate_fn=collate))
