"""Following a run: before positions are read they are leased, which fixes whose they are.

A run points at the last of a chain of plans, and entries may be added while it is read. A lease
answers with a plan and `until`: positions below are that plan's for ever, and may be read ahead.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event
from typing import Any
from urllib.parse import quote, urlencode

from awase_client.cursor import Cursor, plan_digest
from awase_client.errors import BadCursor, CorruptFrame, PlanMismatch
from awase_client.transport import Asker, Options, check_url, read_json

PREFIX = "run:"


class Run:
    """The run `id` on servers that share one catalog."""

    def __init__(self, urls: Sequence[str], id: str, *, key: str | None, options: Options) -> None:
        if not id:
            raise BadCursor("a run is named run:<id>")
        self.id = id
        if not urls or not all(url.startswith(("http://", "https://")) for url in urls):
            raise BadCursor(f"run:{id} is followed through servers, by URL, not through {urls!r}")
        self._asker = Asker(
            [check_url(url) for url in urls], key=key, options=options, first=0, stop=Event()
        )

    def lease(self, position: int, count: int) -> tuple[str, int]:
        """(plan, until), until >= position + count: positions below it are the plan's."""
        query = urlencode({"position": position, "count": count})
        answer = self._ask(f"/v1/runs/{quote(self.id, safe='')}/lease?{query}", position)
        try:
            plan, until = plan_digest(answer["plan"]), int(answer["until"])
        except (BadCursor, KeyError, TypeError, ValueError) as error:
            raise CorruptFrame(f"run {self.id}: a lease is not {answer!r}") from error
        if until < position + count:
            raise CorruptFrame(f"run {self.id}: a lease until {until} of {count} from {position}")
        return plan, until

    def check(self, cursor: Cursor) -> None:
        """PlanMismatch unless what was read up to the cursor is what the run says now."""
        entries = self._ask(f"/v1/runs/{quote(self.id, safe='')}", cursor.position)["entries"]
        plans = [entry["plan"] for entry in entries]
        later = entries[plans.index(cursor.plan) + 1 :] if cursor.plan in plans else entries
        if cursor.plan in plans and all(entry["from"] >= cursor.position for entry in later):
            return
        raise PlanMismatch(
            f"the state belongs to plan {cursor.plan} at position {cursor.position}, which is no "
            f"place in run {self.id}; to change over at this position, say allow_plan_change=True"
        )

    def close(self) -> None:
        self._asker.close()

    def _ask(self, target: str, position: int) -> Any:
        try:
            return self._asker.ask(target, read_json, position=position)
        finally:
            self._asker.close()  # the next lease is tens of thousands of sequences away
