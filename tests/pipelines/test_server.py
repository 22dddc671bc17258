"""`awase serve` as a process: its port, its way out, its workers, its silence about keys."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from api.auth import create_key, hash_key
from curation.base.store import Store
from mixtures.catalog import Catalog
from tests.versions import commit_rows


@contextmanager
def serve(
    store: Path, *arguments: str, **environment: str
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """(address, process) once it listens; ended with SIGKILL if it is still there."""
    awase = str(Path(sys.executable).with_name("awase"))
    command = [awase, "--store", str(store), "serve"]
    process = subprocess.Popen(
        [*command, "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        address = process.stdout.readline().strip()
        yield address, process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def get(address: str, key: str = "") -> tuple[int, str]:
    request = urllib.request.Request(address)
    if key:
        request.add_header("Authorization", f"Bearer {key}")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_the_first_line_is_an_address_that_answers(tmp_path: Path) -> None:
    with serve(tmp_path / "store") as (address, process):
        assert address.startswith("http://127.0.0.1:")
        assert get(f"{address}/readyz")[0] == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(30) in (0, 130, -signal.SIGINT)


def test_a_port_in_use_is_named_and_ends_in_code_75(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with serve(tmp_path / "store", "--port", port) as (address, process):
            assert address == ""
            assert process.wait(30) == 75
            assert process.stderr is not None
            assert f"port {port} of 127.0.0.1 is in use" in process.stderr.read()


def test_a_network_address_without_keys_is_refused(tmp_path: Path) -> None:
    with serve(tmp_path / "store", "--host", "0.0.0.0") as (_, process):
        assert process.wait(30) == 2
        assert process.stderr is not None
        assert "refusing to bind 0.0.0.0 without keys" in process.stderr.read()


def test_sigterm_says_not_ready_and_then_closes_the_port(tmp_path: Path) -> None:
    with serve(tmp_path / "store", AWASE_DRAIN_SECONDS="5") as (address, process):
        assert get(f"{address}/readyz")[0] == 200
        process.send_signal(signal.SIGTERM)
        status, body = get(f"{address}/readyz")
        while status == 200:  # the signal is on its way
            status, body = get(f"{address}/readyz")
        assert (status, json.loads(body)["detail"]) == (503, "not ready: draining")
        assert get(f"{address}/livez")[0] == 200, "requests are still answered"
        process.send_signal(signal.SIGTERM)  # a second one does not wait
        process.wait(30)
        with pytest.raises(urllib.error.URLError):
            get(f"{address}/livez")


def test_keys_never_reach_the_log_and_every_worker_is_counted(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    with Catalog.open(store) as catalog:
        rows = [{"id": "1", "text": "カナリア-8f3a", "language": "ja"}]
        catalog.register_dataset("web", commit_rows(store, "web", rows))
    key, stranger = create_key(), create_key()
    pairs = f"read:{hash_key(key)}"
    arguments = ("--host", "0.0.0.0", "--workers", "2", "--access-log")
    with serve(store.root, *arguments, AWASE_KEYS=pairs) as (address, process):
        address = address.replace("0.0.0.0", "127.0.0.1")
        for _ in range(20):
            assert get(f"{address}/v1/datasets/web/versions/1/documents", key)[0] == 200
            assert get(f"{address}/v1/datasets", stranger)[0] == 401
        text = get(f"{address}/metrics", key)[1]
        count = 'awase_http_requests_total{method="GET",route="/v1/datasets",status="401"} 20.0'
        assert count in text
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        assert process.stderr is not None
        assert process.stdout is not None
        printed = process.stderr.read() + process.stdout.read()
    assert "/v1/datasets" in printed, "the access log is on"
    for secret in (key, stranger, hash_key(key), hash_key(stranger), "カナリア"):
        assert secret not in printed
