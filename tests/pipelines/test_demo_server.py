"""The server that the demo starts: what it says when it cannot go on."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from curation.base.errors import Failed, TryAgain
from curation.base.store import Store
from pipelines.demo import server


def test_a_server_without_room_on_its_disk_is_reported_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWASE_DISK_FLOOR_BYTES", str(1 << 60))
    monkeypatch.setattr(server, "READY_SECONDS", 1.0)
    with (
        pytest.raises(TryAgain, match=r"started, but: not ready: disk: [\d,]+ bytes free, under"),
        server.Server(Store(tmp_path / "store"), tmp_path / "log"),
    ):
        pytest.fail("a server that is not ready was used")


def test_a_server_that_ends_at_once_is_reported_with_its_last_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWASE_KEYS", "nonsense")
    with (
        pytest.raises(Failed, match=r"did not start \(.*AWASE_KEYS.*\)"),
        server.Server(Store(tmp_path / "store"), tmp_path / "log"),
    ):
        pytest.fail("a server that ended was used")


HOLDER = """
import sys, time
from pathlib import Path
from curation.base.store import Store
from pipelines.demo.server import Server
with Server(Store(Path(sys.argv[1])), Path(sys.argv[2])) as server:
    print(server.process.pid, flush=True)
    time.sleep(600)
"""


def test_the_server_ends_with_a_demo_that_is_killed(tmp_path: Path) -> None:
    arguments = [str(tmp_path / "store"), str(tmp_path / "log")]
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, *arguments], stdout=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stdout is not None
        started = psutil.Process(int(demo.stdout.readline()))
        os.kill(demo.pid, signal.SIGKILL)
    assert psutil.wait_procs([started], timeout=30)[1] == []
