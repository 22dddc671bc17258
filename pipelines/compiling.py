"""numba compiles a kernel at its first use on a machine; its disk cache serves every later process.

All kernels of a profile take minutes. A command says so once, whichever of its processes compiles,
and an estimate leaves that time out.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from numba.core import caching, event

MESSAGE = "compiling kernels, once on this machine for each version: this can take some minutes"
_EVENT = "numba:compile"  # not sent where the disk cache has the kernel


class Compilations(event.Listener):
    """Calls `begin` at each outermost compilation; sums their processor time in `seconds`."""

    def __init__(self, begin: Callable[[], None]) -> None:
        self.begin = begin
        self.seconds = 0.0
        self._depth = 0
        self._started = 0.0

    def on_start(self, event: Any) -> None:
        self._depth += 1
        if self._depth == 1:
            self._started = time.process_time()
            self.begin()

    def on_end(self, event: Any) -> None:
        self._depth -= 1
        if self._depth == 0:
            self.seconds += time.process_time() - self._started


_registered: Compilations | None = None
_said = True  # until a command wants it said


def watch(begin: Callable[[], None]) -> Compilations:
    """The listener of this process, registered at the first call; later ones, and those of forked
    processes, set what it calls."""
    global _registered
    if _registered is None:
        _registered = Compilations(begin)
        event.register(_EVENT, _registered)
    _registered.begin = begin
    return _registered


def say_when_compiling() -> Compilations:
    """Let this process say on stderr, once, that it or one of its workers compiles."""
    say_for_workers()
    return watch(say_once)


def say_for_workers() -> None:
    """Let this process say, once, that one of its workers compiles."""
    global _said
    _said = False


def kept_on_disk() -> bool:
    """Whether what is compiled here is found by later processes: numba has a folder to write to."""
    from curation.kernels.pii import candidate_lines

    return not isinstance(candidate_lines._cache, caching.NullCache)


def say_once() -> None:
    global _said
    if not _said:
        _said = True
        print(MESSAGE, file=sys.stderr, flush=True)  # a progress bar on a terminal lets it through
