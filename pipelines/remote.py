"""What a server knows of a plan beside its tokens: the plan, its tokenizer, a run's head."""

from __future__ import annotations

import json
from collections.abc import Sequence
from threading import Event
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from awase_client.engine.plan import Plan
from awase_client.errors import CorruptFrame
from awase_client.transport import Asker, Options, check_url
from pipelines.tokenizers import Tokenizer, tokenizer_of

if TYPE_CHECKING:
    import http.client

OPTIONS = Options(patience_seconds=10)  # somebody waits at a terminal; a trainer has a minute
MAX_BYTES = 256 << 20  # of a plan or a tokenizer's file


class Remote:
    """Servers that hold the same store; the errors are those of `awase_client`."""

    def __init__(self, urls: Sequence[str], *, key: str | None) -> None:
        self._asker = Asker(
            [check_url(url) for url in urls], key=key, options=OPTIONS, first=0, stop=Event()
        )

    def head(self, run: str) -> str:
        """The digest of the plan at a run's head."""
        found: str = self._json(f"/v1/runs/{quote(run, safe='')}")["head"]
        return found

    def plan(self, digest: str) -> Plan:
        """The plan, which must have that digest."""
        plan = Plan.from_bytes(self._bytes(f"/v1/plans/{digest}"))
        if plan.digest != digest:
            raise CorruptFrame(f"the server's plan {digest} is {plan.digest}")
        return plan

    def tokenizer(self, digest: str) -> Tokenizer:
        """The tokenizer; IntegrityError where what came is another one."""
        document = self._json(f"/v1/tokenizers/{digest}")
        return tokenizer_of(digest, document, self._bytes(f"/v1/tokenizers/{digest}/file"))

    def __enter__(self) -> Remote:
        return self

    def __exit__(self, *_: object) -> None:
        self._asker.close()

    def _json(self, target: str) -> Any:
        return json.loads(self._bytes(target))

    def _bytes(self, target: str) -> bytes:
        return self._asker.ask(target, _whole, position=0)


def _whole(response: http.client.HTTPResponse) -> bytes:
    length = response.length
    if length is None or length > MAX_BYTES:
        raise CorruptFrame(f"an answer with Content-Length {length}")
    return response.read()  # IncompleteRead where the connection was cut
