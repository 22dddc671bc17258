"""The tree of errors a trainer can meet, named by consequence.

AwaseClientError
├── BadCursor           the state or the arguments are not what this client takes
├── PlanMismatch        the state belongs to another plan; nothing was read
├── Refused             the server says no for good: key, scope, plan or position
├── Unreachable         bounded retries ended; names the position to resume from
├── CorruptFrame        a frame's bytes are not what was sent; it was not delivered
└── CorruptStore        a token file or view is not what its manifest says
"""

from __future__ import annotations

import re


class AwaseClientError(Exception):
    """Root of all errors raised by awase_client."""

    exit_code = 1


class BadCursor(AwaseClientError):
    exit_code = 2


class PlanMismatch(AwaseClientError):
    exit_code = 5


class Refused(AwaseClientError):
    """A server's final answer; `status` is its HTTP status, 0 where it is not known."""

    exit_code = 1

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = _number(r"answered (\d+):", message) or 0 if status is None else status
        self.exit_code = {400: 2, 404: 4, 409: 5, 422: 3}.get(self.status, 1)


class Unreachable(AwaseClientError):
    """Every server failed after bounded retries; `position` is where to resume."""

    exit_code = 75

    def __init__(self, message: str, *, position: int | None = None) -> None:
        super().__init__(message)
        named = _number(r"position (\d+): no answer", message)
        self.position = named if position is None else position


class CorruptFrame(AwaseClientError):
    exit_code = 6


class CorruptStore(AwaseClientError):
    exit_code = 6


def _number(pattern: str, message: str) -> int | None:
    """A number that a message names: torch's loader workers hand on an error's text and no more."""
    found = re.search(pattern, message)
    return None if found is None else int(found[1])
