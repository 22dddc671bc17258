"""The cursor: all the state a trainer saves, `{"version": 1, "plan": "sha256:...", "position": n}`.

A position counts sequences of the global stream: n means that sequences 0..n-1 were received by the
ranks together. World size, batch, workers and servers are not in it, so all may change.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from awase_client.errors import BadCursor

VERSION = 1
_DIGEST = re.compile(r"(sha256:)?[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in one plan's stream."""

    plan: str
    position: int

    def to_document(self) -> dict[str, Any]:
        """JSON-able; goes into the trainer's checkpoint."""
        return {"version": VERSION, "plan": self.plan, "position": self.position}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Cursor:
        """Read `to_document`'s output back; BadCursor for anything else."""
        if not isinstance(document, Mapping) or set(document) != {"version", "plan", "position"}:
            raise BadCursor(
                f"a cursor is {{'version', 'plan', 'position'}}, not {document!r}; "
                "hand over what state_dict() returned"
            )
        version, plan, position = document["version"], document["plan"], document["position"]
        if version != VERSION:
            raise BadCursor(f"cursor version {version!r}; this client reads {VERSION}: update it")
        if isinstance(position, bool) or not isinstance(position, int) or position < 0:
            raise BadCursor(f"a cursor's position is a whole number from 0, not {position!r}")
        return cls(plan_digest(plan), position)


def whole(name: str, number: object) -> int:
    """A whole number, numpy's too, as an int; BadCursor for anything else."""
    try:
        return operator.index(number)  # type: ignore[arg-type]
    except TypeError as error:
        raise BadCursor(f"{name} {number!r} is not a whole number") from error


def plan_digest(plan: object) -> str:
    """`sha256:<hex>` of a plan's name with or without its prefix; BadCursor for anything else."""
    if not isinstance(plan, str) or not _DIGEST.fullmatch(plan):
        raise BadCursor(f"a plan is named sha256:<64 hex digits>, not {plan!r}")
    return plan if plan.startswith("sha256:") else "sha256:" + plan
