"""Main text of pages, extracted in a child process that a page cannot take our worker with.

A page may hang the extractor (nested elements cost it quadratic time), exhaust memory or crash it.
The child is bounded in processor time, time and memory; what it does not survive is one page, whose
document stays with the reason as its only content, and the next page gets a new child.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
import weakref
from dataclasses import dataclass
from pathlib import Path

from curation.base.errors import Failed
from curation.readers.extract_child import LENGTH

CHILD = Path(__file__).with_name("extract_child.py")
SECONDS = 10.0  # of processor time a page
PATIENCE = 10  # times as long by the clock: a page may wait for a busy machine
MEMORY_BYTES = 4 << 30  # of address space, for the tree of a page
START_SECONDS = 120.0
_PIPE_BYTES = 1 << 20


class ExtractionFailed(Exception):
    """A page that has no text because its extraction did not end well, and why."""


@dataclass(frozen=True, slots=True)
class Extracted:
    title: str
    text: str


class Extractor:
    """One child process at a time, started with the first page and again after each loss."""

    def __init__(self, seconds: float = SECONDS, memory_bytes: int = MEMORY_BYTES) -> None:
        self.seconds = seconds
        self.memory_bytes = memory_bytes
        self._child: subprocess.Popen[bytes] | None = None

    def extract(self, page: str) -> Extracted:
        """Title and main text of a page (no lone surrogates); ExtractionFailed says why not."""
        child = self._started()
        deadline = time.monotonic() + PATIENCE * self.seconds
        data = page.encode()
        try:
            _send(child, LENGTH.pack(len(data)) + data, deadline)
            title, text = (_receive(child, deadline) for _ in range(2))
        except TimeoutError:
            self.close()
            raise ExtractionFailed(
                f"its extraction did not end in {PATIENCE * self.seconds:g} s"
            ) from None
        except EOFError:
            raise ExtractionFailed(self._why_it_ended(child)) from None
        return Extracted(title, text)

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is not None:
            return self._child
        command = [sys.executable, "-P", str(CHILD), repr(self.seconds), str(self.memory_bytes)]
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        weakref.finalize(self, _end, child)
        for pipe in (child.stdin, child.stdout):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)
        self._child = child
        try:
            _receive(child, time.monotonic() + START_SECONDS)
        except (TimeoutError, EOFError) as error:
            raise Failed(
                f"the process that extracts pages does not start: {self._why_it_ended(child)}"
            ) from error
        return child

    def _why_it_ended(self, child: subprocess.Popen[bytes]) -> str:
        """The end of a child in words; it is collected, and the next page gets another."""
        self._child = None
        _, errors = _end(child)
        code = child.returncode
        if code == -signal.SIGPROF:
            return f"its extraction took more than {self.seconds:g} s of processor time"
        if code < 0:
            return f"its extraction crashed ({signal.Signals(-code).name})"
        last = errors.decode(errors="replace").strip().splitlines()[-1:]
        return f"its extraction failed ({''.join(last) or f'exit code {code}'})"[:500]

    def close(self) -> None:
        """End the child, if there is one."""
        if self._child is not None:
            _end(self._child, kill=True)
            self._child = None


def _end(child: subprocess.Popen[bytes], *, kill: bool = False) -> tuple[bytes, bytes]:
    """Collect a child; one that still runs is idle or stuck, and killed."""
    if child.stderr is None or child.stderr.closed:
        return b"", b""
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            pipe.close()
    if kill or child.poll() is None:
        try:
            child.wait(1.0)  # the end of its input ends it, if it is not stuck
        except subprocess.TimeoutExpired:
            child.kill()
    errors = child.stderr.read(_PIPE_BYTES) or b""
    child.stderr.close()
    child.wait()
    return b"", errors


def _send(child: subprocess.Popen[bytes], data: bytes, deadline: float) -> None:
    assert child.stdin is not None
    view = memoryview(data)
    while view:
        _wait(child.stdin.fileno(), select.POLLOUT, deadline)
        try:
            view = view[os.write(child.stdin.fileno(), view[:_PIPE_BYTES]) :]
        except BrokenPipeError as error:
            raise EOFError from error


def _receive(child: subprocess.Popen[bytes], deadline: float) -> str:
    """One frame, as text without lone surrogates."""
    (size,) = LENGTH.unpack(_read(child, LENGTH.size, deadline))
    return _read(child, size, deadline).decode(errors="replace")


def _read(child: subprocess.Popen[bytes], size: int, deadline: float) -> bytes:
    assert child.stdout is not None
    data = bytearray()
    while len(data) < size:
        _wait(child.stdout.fileno(), select.POLLIN, deadline)
        part = os.read(child.stdout.fileno(), min(size - len(data), _PIPE_BYTES))
        if not part:
            raise EOFError
        data += part
    return bytes(data)


def _wait(descriptor: int, event: int, deadline: float) -> None:
    """Until the pipe is ready or broken; TimeoutError past the deadline."""
    poll = select.poll()
    poll.register(descriptor, event)
    left = deadline - time.monotonic()
    if left <= 0 or not poll.poll(left * 1000):
        raise TimeoutError


_extractors: dict[tuple[int, float], Extractor] = {}


def extractor(seconds: float) -> Extractor:
    """This process's extractor with that limit; it stays for the pages that follow."""
    key = (os.getpid(), seconds)  # a forked process must not share its parent's pipes
    if key not in _extractors:
        _extractors[key] = Extractor(seconds)
    return _extractors[key]


__all__ = ["Extracted", "ExtractionFailed", "Extractor", "extractor"]
