"""A command measured with all the processes it starts: wall time, CPU time, resident memory."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

SAMPLE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Run:
    """Seconds of wall time; CPU seconds (user and system) summed over processes, each counted up to
    its last sample; bytes resident, summed over processes, a value a sample."""

    seconds: float
    cpu: float
    resident: tuple[int, ...]


def run_tree(arguments: Sequence[str]) -> Run:
    """Run a Python command to its end; CalledProcessError with its messages where it fails.

    A page that two processes share counts twice, so `resident` is an upper bound.
    """
    resident: list[int] = []
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
                resident.append(_sample(root, cpu))
        seconds = time.perf_counter() - started
        assert process.stderr is not None
        messages = process.stderr.read()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, arguments, stderr=messages)
    return Run(seconds, sum(cpu.values()), tuple(resident))


def _sample(root: psutil.Process, cpu: dict[tuple[int, float], float]) -> int:
    """Bytes resident now; `cpu` gets each process's seconds so far."""
    total = 0
    try:
        tree = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    for process in tree:
        try:
            with process.oneshot():
                total += process.memory_info().rss
                times = process.cpu_times()
                cpu[process.pid, process.create_time()] = times.user + times.system
        except psutil.NoSuchProcess:
            continue
    return total
