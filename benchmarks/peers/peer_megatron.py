"""Megatron-core: BlendedDataset of GPTDatasets over .bin/.idx, index cache warm."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from importlib.metadata import version as installed
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from megatron.core.datasets.blended_megatron_dataset_builder import BlendedMegatronDatasetBuilder
from megatron.core.datasets.gpt_dataset import GPTDataset, GPTDatasetConfig
from megatron.core.datasets.utils import compile_helpers

EOS = 2


def version() -> str:
    return installed("megatron-core")


def write_index(source: Path, target: Path) -> None:
    """An .idx of the documents in a .bin, each ending in eos."""
    tokens = np.fromfile(source, np.uint16)
    ends = np.flatnonzero(tokens == EOS) + 1
    if not len(ends) or ends[-1] != len(tokens):
        ends = np.append(ends, len(tokens))
    lengths = np.diff(ends, prepend=0)
    with target.open("wb") as out:
        out.write(b"MMIDIDX\0\0" + struct.pack("<QBQQ", 1, 8, len(lengths), len(lengths) + 1))
        out.write(lengths.astype("<i4").tobytes())
        out.write(((ends - lengths) * 2).astype("<i8").tobytes())
        out.write(np.arange(len(lengths) + 1, dtype="<i8").tobytes())


def batches(folder: Path) -> Iterator[Any]:
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", store=torch.distributed.HashStore(), rank=0, world_size=1
    )
    try:
        from megatron.core.datasets import helpers_cpp  # noqa: F401
    except ImportError:
        compile_helpers()
    cache = folder / "megatron"
    cache.mkdir(exist_ok=True)
    prefixes = []
    for name in "abc":
        prefix = cache / name
        if not prefix.with_suffix(".bin").exists():
            prefix.with_suffix(".bin").symlink_to(folder / f"{name}.bin")
            write_index(folder / f"{name}.bin", prefix.with_suffix(".idx"))
        prefixes.append(str(prefix))
    config = GPTDatasetConfig(
        random_seed=1,
        sequence_length=2048,
        blend=(prefixes, [0.7, 0.2, 0.1]),
        split="1,0,0",
        path_to_cache=str(cache / "cache"),
        reset_position_ids=False,
        reset_attention_mask=False,
        eod_mask_loss=False,
        create_attention_mask=False,
        tokenizer=SimpleNamespace(
            eod=EOS, vocab_size=32_000, unique_identifiers={"name": "synthetic"}, pad=3
        ),
    )
    built = BlendedMegatronDatasetBuilder(GPTDataset, [31_000, 0, 0], lambda: True, config).build()
    train = built[0]
    loader = torch.utils.data.DataLoader(train, batch_size=8, num_workers=0)
    for batch in loader:
        yield batch["tokens"]
