"""Hugging Face datasets: map-style Arrow of packed sequences, StatefulDataLoader."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset, Features, Sequence, Value, interleave_datasets, load_from_disk
from torchdata.stateful_dataloader import StatefulDataLoader


def version() -> str:
    return installed("datasets")


def batches(folder: Path) -> Iterator[Any]:
    torch.set_num_threads(1)
    features = Features({"tokens": Sequence(Value("uint16"), length=2048)})
    sets = []
    for name in "abc":
        target = folder / "hf" / name
        if not target.exists():
            rows = np.fromfile(folder / f"{name}.bin", np.uint16).reshape(-1, 2048)
            Dataset.from_generator(
                lambda rows=rows: ({"tokens": row} for row in rows),
                features=features,
                cache_dir=str(folder / "hf" / "cache"),
            ).save_to_disk(str(target))
        sets.append(load_from_disk(str(target)).shuffle(seed=1))
    mixed = interleave_datasets(
        sets, probabilities=[0.7, 0.2, 0.1], seed=1, stopping_strategy="all_exhausted"
    ).with_format("numpy")

    class Batched(torch.utils.data.Dataset):  # type: ignore[type-arg]
        def __len__(self) -> int:
            return len(mixed)

        def __getitem__(self, index: int) -> Any:
            return self.__getitems__([index])

        def __getitems__(self, rows: list[int]) -> Any:
            return mixed[rows]["tokens"]

    loader = StatefulDataLoader(
        Batched(),
        batch_size=8,
        num_workers=0,
        collate_fn=lambda rows: torch.from_numpy(np.asarray(rows).astype(np.int64)),
    )
    return iter(loader)
