"""The same digests on Ray and Slurm as here. `make test-executors` installs and starts both."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import curation

pytestmark = [pytest.mark.executors, pytest.mark.timeout(600)]
Run = tuple[Path, Path]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return curation.write_input(tmp_path_factory.mktemp("input"))


@pytest.fixture(scope="module")
def wanted(run: Run, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return curate(tmp_path_factory.mktemp("local"), run, "--workers", "1")


def curate(store: Path, run: Run, *more: str, **environment: str) -> list[str]:
    """The digests that the command prints."""
    return curation.digests(printed(store, run, *more, **environment))


def printed(store: Path, run: Run, *more: str, **environment: str) -> str:
    recipe, source = run
    done = subprocess.run(
        [
            str(curation.AWASE),
            "--store",
            str(store),
            "curate",
            str(recipe),
            "--json",
            f"--input={source}",
            *more,
        ],
        capture_output=True,
        text=True,
        env=os.environ | environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("workers", ["1", "2", "3"])
def test_local_workers(workers: str, run: Run, wanted: list[str], tmp_path: Path) -> None:
    assert curate(tmp_path, run, "--workers", workers) == wanted


@pytest.mark.parametrize("workers", ["1", "2", "3"])
def test_ray(workers: str, run: Run, wanted: list[str], tmp_path: Path) -> None:
    pytest.importorskip("ray")
    assert curate(tmp_path, run, "--executor", "ray", "--workers", workers) == wanted


def test_shares_on_any_scheduler(run: Run, wanted: list[str], tmp_path: Path) -> None:
    tasks = []
    for share in ("2", "0", "1"):
        options = ("--task", share, "--tasks", "3", "--workers", "1")
        found = json.loads(printed(tmp_path, run, *options))
        assert (found["share"], found["shares"]) == (int(share), 3)
        tasks.append(found["tasks"])
    assert sum(tasks) == found["of"]
    assert min(tasks) > 0
    assert curate(tmp_path, run, "--finish", "--workers", "1") == wanted


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A cluster of this one machine; its daemons end with the test."""
    if shutil.which("slurmctld") is None or os.geteuid() != 0:
        pytest.skip("needs slurm-wlm, munge and root: run `make test-executors`")
    folder = tmp_path_factory.mktemp("slurm")
    folder.chmod(0o755)
    environment = {"SLURM_CONF": str(folder / "slurm.conf")}
    (folder / "slurm.conf").write_text(slurm_conf(folder))
    munge = munged(folder)
    daemons = [
        started(["slurmctld", "-D", "-c"], folder / "ctld.log", environment),
        started(["slurmd", "-D"], folder / "d.log", environment),
    ]
    try:
        wait_until_idle(environment)
        yield environment
    finally:
        for daemon in daemons:
            daemon.terminate()
        for daemon in daemons:
            daemon.wait()
        munge.terminate()
        munge.wait()


def munged(folder: Path) -> subprocess.Popen[bytes]:
    for path in ("/run/munge", "/var/lib/munge", "/var/log/munge"):
        subprocess.run(["install", "-d", "-o", "munge", "-m", "755", path], check=True)
    key = Path("/etc/munge/munge.key")
    if not key.exists():
        key.write_bytes(os.urandom(1024))
    subprocess.run(["chown", "munge", str(key)], check=True)
    key.chmod(0o400)
    command = ["su", "-s", "/bin/bash", "munge", "-c", "exec munged -F --force"]
    daemon = started(command, folder / "munged.log", {})
    wait_for(lambda: Path("/run/munge/munge.socket.2").exists(), "munged")
    return daemon


def started(command: list[str], log: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    with log.open("wb") as file:
        return subprocess.Popen(command, env=os.environ | environment, stdout=file, stderr=file)


def slurm_conf(folder: Path) -> str:
    host = socket.gethostname().split(".")[0]
    return f"""
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmctldPort=16817
SlurmdPort=16818
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/ctld.pid
SlurmdPidFile={folder}/d.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=8000 State=UNKNOWN
PartitionName=p Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def wait_until_idle(environment: dict[str, str]) -> None:
    def idle() -> bool:
        shown = subprocess.run(
            ["sinfo", "-h", "-o", "%t"],
            capture_output=True,
            text=True,
            env=os.environ | environment,
            check=False,
        )
        return "idle" in shown.stdout

    wait_for(idle, "slurm")


def wait_for(ready: object, what: str) -> None:
    assert callable(ready)
    end = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < end, f"{what} did not come up"
        time.sleep(0.2)  # between polls of another program


@pytest.mark.parametrize("workers", ["1", "2", "3"])
def test_slurm(
    workers: str, slurm: dict[str, str], run: Run, wanted: list[str], tmp_path: Path
) -> None:
    more = ("--executor", "slurm", "--partition", "p", "--time", "00:05:00", "--workers", workers)
    assert curate(tmp_path, run, *more, **slurm) == wanted
