"""A command measured with all the processes it starts: wall time, CPU time, resident memory."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

SAMPLE_SECONDS = 0.1
PSS_SECONDS = 5.0  # the kernel walks all pages for it: seldom


@dataclass(frozen=True, slots=True)
class Run:
    """Seconds of wall time; CPU seconds (user and system) summed over processes, each counted up to
    its last sample.

    Bytes resident (RSS), a value a sample: `resident` summed over all processes, `workers` over
    those that did not descend from the command directly, which are the workers that its fork server
    has forked. A page that two processes share counts twice in both. `proportional` (PSS, a value
    every 5 s) is the sum over all processes where a shared page counts once; empty where there is
    no /proc.
    """

    seconds: float
    cpu: float
    resident: tuple[int, ...]
    workers: tuple[int, ...]
    proportional: tuple[int, ...]


def run_tree(arguments: Sequence[str]) -> Run:
    """Run a Python command to its end; CalledProcessError with its messages where it fails."""
    resident: list[int] = []
    workers: list[int] = []
    proportional: list[int] = []
    cpu: dict[tuple[int, float], float] = {}
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        root = psutil.Process(process.pid)
        while True:
            try:
                process.wait(SAMPLE_SECONDS)
                break
            except subprocess.TimeoutExpired:
                tree = _tree(root)
                sizes = _sample(tree, cpu)
                resident.append(sum(sizes.values()))
                workers.append(sum(sizes.get(p.pid, 0) for p in tree if _is_worker(p, root)))
                if time.perf_counter() - started > PSS_SECONDS * (len(proportional) + 1):
                    proportional.append(sum(map(_proportional, tree)))
        seconds = time.perf_counter() - started
        assert process.stderr is not None
        messages = process.stderr.read()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, arguments, stderr=messages)
    return Run(
        seconds,
        sum(cpu.values()),
        tuple(resident),
        tuple(workers),
        tuple(filter(None, proportional)),
    )


def _tree(root: psutil.Process) -> list[psutil.Process]:
    try:
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _is_worker(process: psutil.Process, root: psutil.Process) -> bool:
    try:
        return bool(process.pid != root.pid and process.ppid() != root.pid)
    except psutil.NoSuchProcess:
        return False


def _sample(tree: Sequence[psutil.Process], cpu: dict[tuple[int, float], float]) -> dict[int, int]:
    """Bytes resident now by process id; `cpu` gets each process's seconds so far."""
    sizes: dict[int, int] = {}
    for process in tree:
        try:
            with process.oneshot():
                sizes[process.pid] = process.memory_info().rss
                times = process.cpu_times()
                cpu[process.pid, process.create_time()] = times.user + times.system
        except psutil.NoSuchProcess:
            continue
    return sizes


def _proportional(process: psutil.Process) -> int:
    """PSS of a process in bytes; 0 where it has ended or the system does not tell."""
    try:
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
