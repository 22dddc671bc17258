"""The real `awase serve` as a child process, so that the demo can kill it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.request import urlopen

from curation.base.errors import Failed
from curation.base.store import Store

ADDRESS = re.compile(rb"^(http://127\.0\.0\.1:\d+)$", re.M)
START_SECONDS = 60.0
STOP_SECONDS = 15.0


def _ready(url: str) -> bool:
    try:
        with urlopen(f"{url}/readyz", timeout=5) as answer:  # noqa: S310 - a loopback address
            return bool(answer.status == 200)
    except OSError:
        return False


class Server:
    """One server on a free loopback port, its log in a file; ends with the block it is used in."""

    def __init__(self, store: Store, log: Path) -> None:
        self.store, self.log = store, log
        self.url = ""

    def __enter__(self) -> Self:
        arguments = ["--store", os.fspath(self.store.root), "serve"]
        arguments += ["--host", "127.0.0.1", "--port", "0"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pipelines", *arguments],
                stdin=subprocess.DEVNULL,
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
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            found = ADDRESS.search(self.log.read_bytes())
            if found and _ready(found.group(1).decode()):
                return found.group(1).decode()
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        tail = self.log.read_text(errors="replace").strip().splitlines()[-1:]
        raise Failed(f"the server did not start ({''.join(tail) or 'no message'}): see {self.log}")

    def kill(self) -> None:
        """SIGKILL: no goodbye, as a machine that fails."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """SIGTERM, then SIGKILL where that does not end it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
