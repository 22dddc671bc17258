"""The real `awase serve` as a child process, so that the demo can kill it.

It ends with the demo, however that ends.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.error import HTTPError
from urllib.request import urlopen

from curation.base.errors import Failed, TryAgain
from curation.base.store import Store

ADDRESS = re.compile(rb"^(http://127\.0\.0\.1:\d+)$", re.M)
START_SECONDS = 60.0
READY_SECONDS = 10.0
STOP_SECONDS = 15.0


def _unready(url: str) -> str | None:
    """None when the server is ready, else why it is not."""
    try:
        with urlopen(f"{url}/readyz", timeout=5):  # noqa: S310 - a loopback address
            return None
    except HTTPError as answer:
        return str(json.loads(answer.read())["detail"])
    except OSError:
        return "no answer"


class Server:
    """One server on a free loopback port, its log in a file; ends with the block it is used in."""

    def __init__(self, store: Store, log: Path) -> None:
        self.store, self.log = store, log
        self.url = ""

    def __enter__(self) -> Self:
        arguments = ["--store", os.fspath(self.store.root), "serve"]
        arguments += ["--host", "127.0.0.1", "--port", "0", "--until-stdin-ends"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pipelines", *arguments],
                stdin=subprocess.PIPE,  # never written to: its end is the end of this process
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C goes to the demo, which ends its server itself
            )
        try:
            self.url = self._wait()
        except BaseException:
            self.stop()
            raise
        return self

    def _wait(self) -> str:
        url = self._until(self._address, START_SECONDS)
        if url is None:
            tail = self.log.read_text(errors="replace").strip().splitlines()[-1:]
            message = "".join(tail) or "no message"
            raise Failed(f"the server did not start ({message}): see {self.log}")
        if self._until(lambda: None if _unready(url) else url, READY_SECONDS) is None:
            raise TryAgain(f"the server started, but: {_unready(url)}; see {self.log}")
        return url

    def _address(self) -> str | None:
        found = ADDRESS.search(self.log.read_bytes())
        return found.group(1).decode() if found else None

    def _until(self, ask: Callable[[], str | None], seconds: float) -> str | None:
        """The first answer; None when the time is up or the process has ended."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            if answer := ask():
                return answer
            time.sleep(0.05)
        return None

    def kill(self) -> None:
        """SIGKILL: no goodbye, as a machine that fails."""
        self.process.kill()
        self._reap()

    def _reap(self) -> None:
        self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()

    def stop(self) -> None:
        """SIGTERM, then SIGKILL where that does not end it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
        self._reap()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
