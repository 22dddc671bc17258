"""The tree of errors, named by what the user can do about them.

    AwaseError                 exit code  HTTP
    ├── UsageError                 2      400   the call itself is wrong
    ├── InvalidDocument            3      422   a YAML file has problems, each with line and column
    ├── RefusedPlan                3      422   the document is fine, its plan cannot be honoured
    ├── NotFound                   4      404   the named thing is not in the store
    ├── Conflict                   5      409   somebody else was first, or the name is taken
    ├── IntegrityError             6      500   bytes are not what their manifest says
    ├── TryAgain                  75      503   passing: a port, a lock, a full disk
    └── Failed                     1      500   anything else that a person should read in one line

Every message says what, where, the value seen and what to do next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class AwaseError(Exception):
    """Root of all errors that are reported in a line instead of a traceback."""

    exit_code = 1
    status = 500
    code = "failed"


class Failed(AwaseError):
    """A run that cannot go on; earlier commits stay readable."""


class UsageError(AwaseError):
    exit_code = 2
    status = 400
    code = "usage"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One fault at a place: `file:line:column: key: message`; line and column from 1."""

    line: int
    column: int
    key: str
    message: str
    file: str = "<document>"

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}: "
        return where + (f"{self.key}: " if self.key else "") + self.message


class InvalidDocument(AwaseError):
    """A YAML document with one or more positioned problems, all found in one go."""

    exit_code = 3
    status = 422
    code = "invalid-document"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class RefusedPlan(AwaseError):
    exit_code = 3
    status = 422
    code = "refused-plan"


class NotFound(AwaseError):
    exit_code = 4
    status = 404
    code = "not-found"


class Conflict(AwaseError):
    exit_code = 5
    status = 409
    code = "conflict"


class IntegrityError(AwaseError):
    exit_code = 6
    status = 500
    code = "integrity"


class TryAgain(AwaseError):
    exit_code = 75
    status = 503
    code = "try-again"
