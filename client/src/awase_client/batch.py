"""What a trainer receives, and how a frame is cut into it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awase_client.cursor import Cursor
from awase_client.engine.block import Block


@dataclass(frozen=True, slots=True)
class Batch:
    """One step of one rank.

    input_ids   [batch, width] uint16 or uint32 (the plan's dtype; `awase_client.torch` gives int64)
    sources     [batch] int32, index into the plan's sources; None where not asked for
    cu_seqlens  [documents + 1] int32 over the flattened input_ids, as variable-length attention
                takes it: 0, every start of a document or of padding, every multiple of width,
                batch * width; None where not asked for
    positions   [batch] int64, the global stream position of each sequence
    loss_mask   [batch, width] uint8, 1 where a token counts in the loss; None where the plan has
                none (then all count)
    cursor      the state after this batch: what to save once it was trained on

    The arrays are views of one buffer, which holds its neighbours too: keep copies, not views, of
    what must outlive the step. No two batches share an element, so writing to one changes no other.
    """

    input_ids: NDArray[Any]
    sources: NDArray[np.int32] | None
    cu_seqlens: NDArray[np.int32] | None
    positions: NDArray[np.int64]
    loss_mask: NDArray[np.uint8] | None
    cursor: Cursor


def cut(block: Block, *, batch: int, step: int, position: int, plan: str) -> Iterator[Batch]:
    """Whole batches of `batch` sequences; `step` positions of the global stream belong to each.

    `position` is the cursor before the block. A rest smaller than a batch is not yielded.
    """
    steps, width = block.count // batch, block.tokens.shape[1]
    rows = steps * batch
    columns = (
        block.tokens[:rows].reshape(steps, batch, width),
        _split(block.sources, steps, batch),
        _split_bounds(block.cu_seqlens, steps, batch * width),
        block.positions[:rows].reshape(steps, batch),
        _split(block.loss_mask, steps, batch),
    )
    for tokens, sources, bounds, positions, loss_mask in zip(*columns, strict=True):
        position += step
        yield Batch(tokens, sources, bounds, positions, loss_mask, Cursor(plan, position))


def _split(
    rows: NDArray[Any] | None, steps: int, batch: int
) -> NDArray[Any] | Iterable[NDArray[Any] | None]:
    """An array [rows, ...] as `steps` views [batch, ...]; None as so many."""
    if rows is None:
        return repeat(None, steps)
    return rows[: steps * batch].reshape(steps, batch, *rows.shape[1:])


def _split_bounds(
    cu_seqlens: NDArray[np.int32] | None, steps: int, slots: int
) -> Iterable[NDArray[np.int32] | None]:
    """The bounds of each batch, counted from its own first slot; one pass over all of them."""
    if cu_seqlens is None:
        return repeat(None, steps)
    edges = np.arange(steps + 1, dtype=np.int32) * np.int32(slots)
    marks = np.searchsorted(cu_seqlens, edges)
    # Where one batch ends the next one begins, so an edge between two is in both.
    first, end = marks[:-1] + np.arange(steps), marks[1:] + np.arange(steps) + 1
    bounds = np.insert(cu_seqlens[: marks[-1] + 1], marks[1:-1], edges[1:-1])
    bounds -= np.repeat(edges[:-1], end - first)
    return [bounds[a:b] for a, b in zip(first.tolist(), end.tolist(), strict=True)]


def join(blocks: Sequence[Block]) -> Block:
    """Consecutive blocks of one stride as one; copies."""
    first = blocks[0]
    bounds = None
    if first.cu_seqlens is not None:
        shifted = [np.zeros(1, np.int32)]
        for block in blocks:
            assert block.cu_seqlens is not None
            shifted.append(block.cu_seqlens[1:] + shifted[-1][-1])
        bounds = np.concatenate(shifted)
    return Block(
        first=first.first,
        stride=first.stride,
        tokens=np.concatenate([block.tokens for block in blocks]),
        sources=_joined([block.sources for block in blocks]),
        cu_seqlens=bounds,
        loss_mask=_joined([block.loss_mask for block in blocks]),
    )


def _joined(arrays: Sequence[NDArray[Any] | None]) -> NDArray[Any] | None:
    present = [array for array in arrays if array is not None]
    return np.concatenate(present) if len(present) == len(arrays) else None


def position_ids(cu_seqlens: NDArray[np.int32], shape: tuple[int, int]) -> NDArray[np.int32]:
    """[batch, width] int32: 0, 1, 2, ... from each start in `cu_seqlens`, for rotary embeddings."""
    lengths = np.diff(cu_seqlens)
    starts = np.repeat(cu_seqlens[:-1], lengths)
    return (np.arange(shape[0] * shape[1], dtype=np.int32) - starts).reshape(shape)
