"""The peers of mixing.md section 4, each in an environment of its own."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks._table import Table

CASES: dict[str, Callable[[Table], None]] = {}
