"""Real processes publish into one store; some are killed. What was acknowledged is there."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from curation.base.store import Store
from mixtures.catalog import Catalog
from tests.mixtures.catalog.publisher import text_of

ROOT = Path(__file__).parents[3]


def start(store: Store, *, first: int, count: int, step: int) -> subprocess.Popen[str]:
    arguments = [str(store.root), "m", *map(str, (first, count, step))]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.mixtures.catalog.publisher", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def acknowledged(process: subprocess.Popen[str]) -> list[tuple[int, int]]:
    """(what, version) of every publication that the process reported before it ended."""
    assert process.stdout is not None
    lines = process.stdout.read().splitlines()
    process.stdout.close()
    process.wait()
    return [(int(line.split()[0]), int(line.split()[1])) for line in lines if line[0].isdigit()]


def assert_whole(store: Store, reported: list[tuple[int, int]]) -> int:
    """Every reported pair is found, numbers have no gap, no text stands twice."""
    with Catalog.open(store) as catalog:
        versions = catalog.versions("mixture", "m")
        assert [item.number for item in versions] == list(range(len(versions), 0, -1))
        assert len({item.digest for item in versions}) == len(versions)
        for what, number in reported:
            assert catalog.mixture(f"m@{number}").text == text_of(what)
        assert catalog.rebuild().problems == []
        assert catalog.versions("mixture", "m") == versions
        history = catalog.alias_history("mixture", "m", "newest")
        assert [move.revision for move in history] == list(range(1, len(history) + 1))
        return len(versions)


def test_eight_processes_lose_nothing_and_publish_nothing_twice(store: Store) -> None:
    """Each publishes 10 texts of its own and 10 that all others publish too."""
    processes = [start(store, first=1000 * rank, count=10, step=1) for rank in range(1, 5)]
    processes += [start(store, first=0, count=10, step=1) for _ in range(4)]
    reported = [pair for process in processes for pair in acknowledged(process)]
    assert all(process.returncode == 0 for process in processes)
    assert len(reported) == 80
    assert assert_whole(store, reported) == 50


def kill_loop(store: Store, *, kills: int, seed: int) -> None:
    """Two publishers of the same texts; one is killed at a random moment; again and again."""
    choose = random.Random(seed)
    reported: list[tuple[int, int]] = []
    for number in range(kills):
        first = 100 * number
        victim = start(store, first=first, count=100, step=1)
        other = start(store, first=first, count=3, step=1)
        assert victim.stdout is not None
        for _ in range(choose.randrange(0, 6)):  # killed while it writes the next one
            line = victim.stdout.readline().split()
            reported += [(int(line[0]), int(line[1]))] if line[0].isdigit() else []
        victim.kill()
        reported += acknowledged(victim) + acknowledged(other)
        assert other.returncode == 0
    assert_whole(store, reported)


def test_a_publisher_killed_at_any_moment_leaves_all_it_acknowledged(store: Store) -> None:
    kill_loop(store, kills=3, seed=1)


@pytest.mark.faults
@pytest.mark.timeout(900)
def test_many_publishers_killed_leave_all_they_acknowledged(store: Store) -> None:
    kill_loop(store, kills=60, seed=2)
