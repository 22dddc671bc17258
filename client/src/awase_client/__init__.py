"""awase_client: a token stream that is a pure function of (plan, position).

    from awase_client import TokenStream

    stream = TokenStream("http://data:8000", "sha256:...", rank=rank, world=world, batch=8)
    for batch in stream:
        train(batch.input_ids)                     # [8, width]
        checkpoint["data"] = batch.cursor.to_document()

The same plan and cursor give the same bytes from a server, from any other server, or from the store
itself (`TokenStream("/data/awase-store", ...)`), on any number of ranks. Open first: `stream`, then
`wire`.
"""

from awase_client.batch import Batch, position_ids
from awase_client.cursor import Cursor
from awase_client.errors import (
    AwaseClientError,
    BadCursor,
    CorruptFrame,
    CorruptStore,
    PlanMismatch,
    Refused,
    Unreachable,
)
from awase_client.reading import Stats
from awase_client.stream import TokenStream
from awase_client.transport import Options

__all__ = [
    "AwaseClientError",
    "BadCursor",
    "Batch",
    "CorruptFrame",
    "CorruptStore",
    "Cursor",
    "Options",
    "PlanMismatch",
    "Refused",
    "Stats",
    "TokenStream",
    "Unreachable",
    "position_ids",
]
