"""SIGKILLs of server and client, cuts, delays and flipped bits: nothing lost, nothing twice."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.proxy import Proxy
from tests.streams import LENGTH, Stream, make_stream

pytestmark = pytest.mark.faults

KILLS = int(os.environ.get("AWASE_FAULT_KILLS", "200"))
SEED = int(os.environ.get("AWASE_FAULT_SEED", "1"))
ROOT = Path(__file__).parents[2]
BATCH = 3


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Stream:
    return make_stream(tmp_path_factory.mktemp("faults"))


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)}


@contextmanager
def mortal_server(stream: Stream, folder: Path, *, kills: int) -> Iterator[tuple[int, Path]]:
    """(port, file that counts its deaths) of a server that dies `kills` times."""
    counter = folder / "deaths"
    counter.write_text("0")
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        command = [
            sys.executable,
            *("-m", "tests.faults.stream_server"),
            *(str(stream.store), str(listener.fileno()), str(kills), str(SEED), str(counter)),
        ]
        process = subprocess.Popen(command, pass_fds=[listener.fileno()], env=environment())
        try:
            yield listener.getsockname()[1], counter
        finally:
            process.terminate()
            process.wait()


def read_through(url: str, stream: Stream, out: Path, *, kills: int, seed: int) -> int:
    """Let a mortal client read the whole plan; returns how often it died."""
    command = [
        sys.executable,
        *("-m", "tests.faults.stream_client"),
        *(stream.plan, str(out), str(kills), str(seed), url, url),
    ]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.timeout(120 + 12 * KILLS)
def test_kills_cuts_delays_and_flips_change_nothing(stream: Stream, tmp_path: Path) -> None:
    """Half the kills hit the server while it sends, half the client while it receives."""
    print(f"seed {SEED}, {KILLS} kills")
    until = stream.total // BATCH * BATCH
    client_deaths, runs = 0, 0
    with mortal_server(stream, tmp_path, kills=KILLS // 2) as (port, counter):
        proxy = Proxy(("127.0.0.1", port), seed=SEED, cut=0.01, delay=0.05, flip=0.02)
        try:
            while client_deaths < KILLS // 2 or int(counter.read_text()) < KILLS // 2:
                out = tmp_path / f"out-{runs}"
                left = max(0, KILLS // 2 - client_deaths)
                client_deaths += read_through(
                    proxy.url, stream, out, kills=left, seed=SEED * 1000 + runs
                )
                data = out.read_bytes()
                assert len(data) == until * LENGTH * 2, "lost or twice"
                assert hashlib.sha256(data).hexdigest() == stream.digest(until)
                out.unlink()
                runs += 1
        finally:
            proxy.close()
        server_deaths = int(counter.read_text())
    print(f"{server_deaths} + {client_deaths} kills, {proxy.done}, {runs} runs")
    assert server_deaths >= KILLS // 2
    assert client_deaths >= KILLS // 2
    assert min(proxy.done.flips, proxy.done.cuts, proxy.done.delays) > 0
