"""TorchStream: a TokenStream as a torch IterableDataset.

    loader = DataLoader(TorchStream(url, plan, rank=rank, world=world, batch=8), batch_size=None)

Steps are whole batches already, so `batch_size=None`. With `num_workers=0` the stream's own threads
read ahead; that is the normal setting. With W workers each reads every W-th step and the loader
puts them back in order. Under torchdata's StatefulDataLoader both resume exactly (its state belongs
to W); to change W or the world, start from the `cursor` of the last batch trained on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch.utils.data import IterableDataset, get_worker_info

from awase_client.batch import Batch
from awase_client.cursor import Cursor
from awase_client.errors import BadCursor
from awase_client.stream import TokenStream


class TorchStream(IterableDataset[dict[str, Any]]):
    """Batches as dicts: input_ids int64 [batch, width], positions int64 [batch], cu_seqlens int32,
    sources int32 [batch] and loss_mask uint8 [batch, width] where the plan has them, and cursor,
    the JSON-able state to save once the batch was trained on.

    Arguments are those of TokenStream but `every`.
    """

    def __init__(
        self,
        source: Any,
        plan: str,
        *,
        cursor: Cursor | Mapping[str, Any] | None = None,
        **more: Any,
    ) -> None:
        self._arguments = (source, plan, more)
        self._start = cursor.to_document() if isinstance(cursor, Cursor) else cursor
        self._state: dict[str, Any] | None = None  # of a worker; see state_dict
        self._stream: TokenStream | None = None

    def __iter__(self) -> Iterator[dict[str, Any]]:
        source, plan, more = self._arguments
        info = get_worker_info()
        worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
        stream = TokenStream(source, plan, every=workers, **more)
        if self._state is not None:
            self._check(self._state, worker, workers)
            stream.load_state_dict(self._state["cursor"])
        else:
            begin = stream.cursor if self._start is None else Cursor.from_document(self._start)
            own = begin.position + worker * stream.world * stream.batch
            stream.load_state_dict(Cursor(begin.plan, own))
        self._state = None
        self._stream, self._place = stream, (worker, workers)
        try:
            for batch in stream:
                yield tensors(batch)
        finally:
            stream.close()

    def state_dict(self) -> dict[str, Any]:
        """This worker's next step; belongs to the number of loader workers."""
        if self._stream is None:
            return {} if self._state is None else self._state
        worker, workers = self._place
        return {"cursor": self._stream.state_dict(), "worker": worker, "workers": workers}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was taken; a plain cursor begins there with any workers."""
        if set(state) == {"version", "plan", "position"}:
            self._start, self._state = dict(state), None
        else:
            self._state = dict(state) or None

    @staticmethod
    def _check(state: Mapping[str, Any], worker: int, workers: int) -> None:
        held = state.get("worker"), state.get("workers")
        if held != (worker, workers):
            raise BadCursor(
                f"the state is of loader worker {held[0]} of {held[1]}, this is {worker} of "
                f"{workers}: keep num_workers, or start from the `cursor` of the last batch"
            )


def tensors(batch: Batch) -> dict[str, Any]:
    """A batch as tensors; input_ids becomes int64, as an embedding takes it."""
    found: dict[str, Any] = {
        "input_ids": torch.from_numpy(batch.input_ids.astype(np.int64)),
        "positions": torch.from_numpy(batch.positions),
        "cursor": batch.cursor.to_document(),
    }
    for name in ("sources", "cu_seqlens", "loss_mask"):
        array = getattr(batch, name)
        if array is not None:
            found[name] = torch.from_numpy(array.copy())
    return found
