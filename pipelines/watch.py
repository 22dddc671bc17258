"""Watching over processes: workers whose end leaves a pool waiting, children whose parent is gone.

A pool of processes takes no notice of a worker that ends without a result, be it killed or ended by
the code it runs: it waits for ever. And a parent that is killed tells its children nothing.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar

import multiprocess
from multiprocess import connection, popen_forkserver

from curation.base.errors import AwaseError, Failed, TryAgain
from curation.base.store import disk_errors
from pipelines.compiling import say_once

WATCH_SECONDS = 0.1
PATIENCE_SECONDS = 5.0  # for a pool to close after a worker was killed
# multiprocess's exit code of a worker whose fork server is gone, and with it what it ended with.
UNKNOWN = 255
_WATCHER = "parent watcher"


def end_with_the_parent() -> None:
    """Watch over this process's parent, from one thread."""
    parent = multiprocess.parent_process()
    if parent is not None and not any(t.name == _WATCHER for t in threading.enumerate()):
        threading.Thread(target=_end_after, args=(parent,), name=_WATCHER, daemon=True).start()


def _end_after(parent: Any) -> None:
    parent.join()
    os.kill(os.getpid(), signal.SIGKILL)  # nothing to say goodbye to: only commits count


def end_with_stdin() -> None:
    """End this process by SIGTERM when its standard input ends: when whoever holds the other end of
    that pipe is gone, however it was killed."""

    def wait() -> None:
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name=_WATCHER, daemon=True).start()


class Tasks:
    """Which worker is at which task: a file a worker, under the run's logs."""

    def __init__(self, logs: Path, parent: int) -> None:
        self.folder = logs / "workers" / str(parent)

    def begin(self, task: str) -> None:
        """Say that this process is at `task` from now on."""
        with disk_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / str(os.getpid())).write_text(task)

    def of(self, pid: int) -> str | None:
        with suppress(FileNotFoundError):
            return (self.folder / str(pid)).read_text() or None
        return None

    def compiling(self) -> None:
        """Say that this process compiles kernels."""
        with disk_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / "compiling").touch()

    def is_compiling(self) -> bool:
        return (self.folder / "compiling").exists()

    def forget(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


class _Worker(popen_forkserver.Popen):
    """A worker whose end is never missed, however short its life, and read by one thread.

    The exit code comes from a pipe, once: of two threads that asked for it, as the pool and the
    watch do, the later one was told `UNKNOWN`. And a pool forgets a worker that it has replaced.
    """

    ended: ClassVar[list[tuple[int, int]]] = []  # (pid, exit code) of those begun in this watch
    _reading = threading.Lock()

    def __init__(self, process: Any) -> None:
        self._own = self.ended
        try:
            super().__init__(process)
        except (EOFError, ConnectionError) as error:
            raise TryAgain(
                "the process that workers are forked from has ended, killed or by itself (then its "
                "own message is above); run the same command again"
            ) from error

    def poll(self, flag: int = os.WNOHANG) -> int | None:
        if self.returncode is None and flag != os.WNOHANG:
            connection.wait([self.sentinel])
        with self._reading:
            known = self.returncode is not None
            code: int | None = super().poll()
            if code is not None and not known:
                self._own.append((self.pid, code))
        return code


class _Watch:
    """Looks whether a worker has ended without a result."""

    def __init__(self, tasks: Tasks) -> None:
        self.tasks = tasks
        self.stop = threading.Event()
        self.ended: AwaseError | None = None

    def run(self) -> None:
        quiet: float | None = None  # since when a worker has ended as all may do at the end
        while not self.stop.wait(WATCH_SECONDS):
            if self.tasks.is_compiling():
                say_once()
            multiprocess.active_children()  # asks each whether it has ended
            ended = list(_Worker.ended)
            # SIGTERM is how the pool itself ends its workers
            bad = [item for item in ended if item[1] not in (0, -signal.SIGTERM, UNKNOWN)]
            if not bad and ended:
                quiet = quiet or time.monotonic()
                if time.monotonic() - quiet > PATIENCE_SECONDS:
                    bad = ended
            if bad and not self.stop.is_set():
                pid, code = bad[0]
                self.ended = ended_by(code, self.tasks.of(pid))
                os.kill(os.getpid(), signal.SIGINT)
                if not self.stop.wait(PATIENCE_SECONDS):
                    _leave(self.ended)
                return


@contextmanager
def workers_watched(tasks: Tasks) -> Iterator[None]:
    """Raise where a worker of a pool in this block ends without a result.

    TryAgain where it was ended from outside by a signal, most likely for want of memory; Failed
    where it ended by itself. Ctrl-C stays a KeyboardInterrupt.
    """
    tasks.forget()
    before = set(multiprocess.active_children())
    _Worker.ended = []
    popen_forkserver.Popen = _Worker  # what a context of fork servers starts its processes with
    watch = _Watch(tasks)
    thread = threading.Thread(target=watch.run, daemon=True)
    thread.start()
    try:
        with _interrupts(watch):
            yield
    except BaseException as error:
        # The pool's manager, interrupted while it closed, would be waited for as this process ends.
        for process in set(multiprocess.active_children()) - before:
            process.kill()
        if isinstance(error, KeyboardInterrupt) and watch.ended is not None:
            raise watch.ended from None
        raise
    finally:
        watch.stop.set()
        thread.join()
        popen_forkserver.Popen = _Worker.__base__
        tasks.forget()


@contextmanager
def _interrupts(watch: _Watch) -> Iterator[None]:
    """Ctrl-C ends workers that have not begun too: nobody's failure, so watching ends with it."""
    before: Callable[[int, FrameType | None], Any] | int | None
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        if watch.ended is None:
            if before == signal.SIG_IGN:  # as in a script's background
                return
            watch.stop.set()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def ended_by(code: int, task: str | None) -> AwaseError:
    """What to say of a worker that ended with this exit code, -N for signal N."""
    worker = "a worker" if task is None else f"the worker of {task}"
    if code == UNKNOWN:
        return TryAgain(
            f"{worker} ended, killed or by itself (then its own message is above); what it had "
            "committed is kept: run the same command again"
        )
    if code < 0:
        return TryAgain(
            f"{worker} was ended by signal {-code}, most likely for want of memory; what it had "
            "committed is kept: run the same command again, perhaps with fewer --workers"
        )
    begun = "" if task else " before it began a task"
    return Failed(
        f"{worker} ended by itself{begun}, with exit code {code}; what it had committed is kept: "
        "mend what ended it (its own message is above), then run the same command again"
    )


def _leave(error: AwaseError) -> None:
    """End this process: the dead worker held a lock of the pool, which cannot close any more."""
    for process in multiprocess.active_children():
        process.kill()
    sys.stderr.write(f"awase: {error}\n")
    sys.stderr.flush()
    os._exit(error.exit_code)
