"""What one gather returns: `count` sequences of one split, ready to be framed or handed out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# cu_seqlens is int32 over the flattened tokens of a block.
MAX_SLOTS_A_BLOCK = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Block:
    """Sequences at positions first, first + stride, ... in this order.

    tokens      [count, width] uint16 or uint32, C-contiguous; width is the plan's sequence length
                (one more with `labels: overlap`); short sequences end in the plan's pad id
    sources     [count] int32, index into the plan's sources; None where not asked for
    cu_seqlens  [documents + 1] int32 over the flattened tokens: 0, every start of a document or of
                padding, every multiple of width, count * width; None where not asked for
    loss_mask   [count, width] uint8, 1 where the token counts in the loss; None where not asked for
    """

    first: int
    stride: int
    tokens: NDArray[Any]
    sources: NDArray[np.int32] | None = None
    cu_seqlens: NDArray[np.int32] | None = None
    loss_mask: NDArray[np.uint8] | None = None

    @property
    def count(self) -> int:
        return int(self.tokens.shape[0])

    @property
    def positions(self) -> NDArray[np.int64]:
        """[count] int64: the global position of each sequence."""
        return self.first + self.stride * np.arange(self.count, dtype=np.int64)
