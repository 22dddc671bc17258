from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest

from curation.base.digest import digest_file
from curation.base.store import Store
from curation.shards.manifest import load
from tests.faults import curation

Run = tuple[Path, Path]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return curation.write_input(tmp_path_factory.mktemp("input"))


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory, run: Run) -> list[str]:
    """The digests of a run that nothing interrupts."""
    store = tmp_path_factory.mktemp("whole")
    code, out, err = curation.finish(curation.start(store, *run))
    assert code == 0, err
    [manifest] = curation.visible(store)
    document = json.loads(manifest.read_bytes())
    assert len(document["shards"]) >= 3
    assert document["reasons"]["exact_duplicate"] >= 90
    for shard in document["shards"][:-1]:
        assert pq.ParquetFile(manifest.parent / shard["name"]).num_row_groups >= 2
    return curation.digests(out)


def check_visible(store: Path) -> None:
    """Every manifest that a reader finds names files that are whole."""
    for path in curation.visible(store):
        document = json.loads(path.read_bytes())
        manifest = load(Store(store), document["name"], document["digest"])
        for item in (*manifest.shards, *manifest.audit, *manifest.dropped):
            assert digest_file(manifest.file(Store(store), item)) == item.sha256


def kill_loop(tmp_path: Path, run: Run, wanted: list[str], *, kills: int, seed: int) -> None:
    """Kill runs at random steps until `kills` took effect; each store ends in the same digests."""
    rng = random.Random(seed)
    done = tries = 0
    while done < kills:
        store = tmp_path / f"store{tries}"
        code = -1
        while code != 0:
            faults = {}
            if done < kills:
                tries += 1
                faults = {"counter": str(tmp_path / f"n{tries}"), "kill": str(rng.randint(1, 50))}
            code, out, err = curation.finish(curation.start(store, *run, **faults))
            check_visible(store)
            if code != 0:
                assert code == -signal.SIGKILL, err
                done += 1
        assert curation.digests(out) == wanted
        assert len(curation.visible(store)) == 1
    assert done / tries >= 0.8, f"only {done} of {tries} kills met work"


def test_kills_lose_nothing_and_repeat_nothing(tmp_path: Path, run: Run, wanted: list[str]) -> None:
    kill_loop(tmp_path, run, wanted, kills=2, seed=1)


@pytest.mark.faults
@pytest.mark.timeout(2400)
def test_thirty_kills_lose_nothing(tmp_path: Path, run: Run, wanted: list[str]) -> None:
    kill_loop(tmp_path, run, wanted, kills=30, seed=2)


@pytest.mark.parametrize("at", [1, 9])
def test_an_io_error_at_fsync_commits_nothing(at: int, tmp_path: Path, run: Run) -> None:
    counter = str(tmp_path / "count")
    store = tmp_path / "store"
    code, _, err = curation.finish(
        curation.start(store, *run, workers=1, counter=counter, eio=str(at))
    )
    assert code == 1
    assert "the disk reports an I/O error; nothing was committed" in err
    assert "Traceback" not in err
    assert curation.visible(store) == []
    assert list((store / "work").rglob("*.json")) == [] or at > 1


@pytest.mark.faults
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a tmpfs needs root")
def test_a_full_disk_is_said_so_and_resumed(tmp_path: Path, run: Run, wanted: list[str]) -> None:
    store = tmp_path / "small"
    store.mkdir()
    size = 500
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", store], check=True)
    try:
        seen = 0
        for _ in range(12):
            code, out, err = curation.finish(curation.start(store, *run))
            check_visible(store)
            if code == 0:
                break
            assert code == 75, err
            assert "the disk is full" in err
            assert "Traceback" not in err
            seen += 1
            size += 300
            subprocess.run(["mount", "-o", f"remount,size={size}k", store], check=True)
        assert seen >= 2
        assert curation.digests(out) == wanted
    finally:
        subprocess.run(["umount", store], check=True)


def test_workers_end_with_a_killed_parent(tmp_path: Path, run: Run) -> None:
    store = tmp_path / "store"
    process = curation.start(store, *run)
    workers: list[psutil.Process] = []
    while process.poll() is None and not workers:
        workers = curation.workers_of(process.pid)
    process.kill()
    process.communicate(timeout=30)  # they hold the other ends of its pipes
    assert workers
    assert not psutil.wait_procs(workers, timeout=10)[1]


def test_an_interrupt_ends_quietly_and_the_next_run_finishes(
    tmp_path: Path, run: Run, wanted: list[str]
) -> None:
    store = tmp_path / "store"
    process = curation.start(store, *run)
    while process.poll() is None and not list(store.rglob("00000.*.arrow")):
        pass
    os.killpg(process.pid, signal.SIGINT)
    code, out, err = curation.finish(process)
    assert "Traceback" not in err
    assert code in (0, 130)
    code, out, err = curation.finish(curation.start(store, *run))
    assert code == 0, err
    assert curation.digests(out) == wanted


def test_a_killed_worker_ends_the_run_which_can_be_resumed(
    tmp_path: Path, run: Run, wanted: list[str]
) -> None:
    store = tmp_path / "store"
    process = curation.start(store, *run)
    while process.poll() is None and not list(store.rglob("00001.*.arrow")):
        pass
    workers = [
        child
        for child in psutil.Process(process.pid).children(recursive=True)
        if "forkserver" in " ".join(child.cmdline()) and not child.children()
    ]
    workers[-1].kill()
    code, _, err = curation.finish(process)
    assert code == 75
    assert re.search(r"the worker of task \d+ of \d+ \(score\) was ended by signal 9", err), err
    assert "Traceback" not in err
    code, out, err = curation.finish(curation.start(store, *run))
    assert code == 0, err
    assert curation.digests(out) == wanted


def test_a_worker_that_ends_by_itself_ends_the_run_which_can_be_resumed(
    tmp_path: Path, run: Run, wanted: list[str]
) -> None:
    store = tmp_path / "store"
    faults = {"counter": str(tmp_path / "count"), "exit": "12"}
    code, _, err = curation.finish(curation.start(store, *run, **faults))
    assert code == 1, err
    assert re.search(
        r"the worker of task \d of \d \(score\) ended by itself, with exit code 3", err
    )
    assert "Traceback" not in err
    check_visible(store)
    code, out, err = curation.finish(curation.start(store, *run))
    assert code == 0, err
    assert curation.digests(out) == wanted


def test_workers_that_cannot_import_end_the_run(tmp_path: Path, run: Run) -> None:
    code, _, err = curation.finish(
        curation.start(tmp_path / "store", *run, missing="curation.output")
    )
    assert code == 1, err
    assert "ModuleNotFoundError" in err  # the worker's own message
    assert "a worker ended by itself before it began a task, with exit code 1" in err
