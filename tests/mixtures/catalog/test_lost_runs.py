"""What the store keeps of runs: no crash and no lost database brings a position under two plans."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from curation.base.errors import Conflict, IntegrityError, NotFound
from curation.base.store import Store
from mixtures.catalog import Catalog, run_refs
from mixtures.runs import BLOCK, Lease, Run, Runs
from tests.mixtures.catalog.leaser import record

ROOT = Path(__file__).parents[3]
Lose = Callable[[], None]


def reopened(store: Store, id: str) -> Run:
    with Catalog.open(store) as catalog:
        return Runs(catalog).get(id)


def test_a_lost_database_loses_no_mark_and_no_entry(store: Store, lose: Lose) -> None:
    with Catalog.open(store) as catalog:
        runs = Runs(catalog)
        first = record(store, catalog, "a")
        runs.create(first, id="base")
        runs.lease("base", position=0, count=1)
        second = record(store, catalog, "b", parent=first, start=BLOCK)
        runs.append("base", second, document={"weights": {"ja": "1"}})
        runs.lease("base", position=3 * BLOCK, count=1)
        runs.create(second, id="other", document={"run": "base"})
        before = [runs.get("base"), runs.get("other")]
    lose()
    assert [reopened(store, "base"), reopened(store, "other")] == before
    assert before[0].sealed == 4 * BLOCK
    with Catalog.open(store) as catalog:
        late = record(store, catalog, "late", parent=second, start=2 * BLOCK)
        with pytest.raises(Conflict, match=f"positions below {4 * BLOCK} were handed out"):
            Runs(catalog).append("base", late)
        rebuilt = catalog.rebuild()
        assert (rebuilt.counts["runs"], rebuilt.problems) == (2, [])
        assert [Runs(catalog).get("base"), Runs(catalog).get("other")] == before


def test_an_entry_that_only_the_store_has_holds(store: Store, catalog: Catalog) -> None:
    """As a process leaves it that was killed before its transaction was committed."""
    runs = Runs(catalog)
    first = record(store, catalog, "a")
    runs.create(first, id="base")
    second = record(store, catalog, "b", parent=first, start=10)
    entry = {"plan": second, "start": 10, "change": {}, "created": "2026-01-01T00:00:00+00:00"}
    assert run_refs.put_entry(store, "base", 1, entry)
    assert catalog.unregistered() == ["run base went further in the store than in the catalog"]
    assert runs.lease("base", position=0, count=1) == Lease(second, BLOCK)
    assert runs.get("base").head == second
    third = record(store, catalog, "c", parent=first, start=BLOCK)
    with pytest.raises(Conflict, match="look at the run again"):
        runs.append("base", third)
    assert catalog.unregistered() == []


def test_a_mark_that_only_the_store_has_holds(store: Store, catalog: Catalog) -> None:
    runs = Runs(catalog)
    first = record(store, catalog, "a")
    runs.create(first, id="base")
    run_refs.seal(store, "base", 5 * BLOCK)
    with pytest.raises(Conflict, match=f"positions below {5 * BLOCK} were handed out"):
        runs.append("base", record(store, catalog, "b", parent=first, start=BLOCK))
    assert runs.get("base").sealed == 5 * BLOCK
    run_refs.seal(store, "base", BLOCK)
    assert run_refs.sealed(store, "base") == 5 * BLOCK


def test_a_run_that_only_the_store_has_is_there(store: Store, catalog: Catalog) -> None:
    plan = record(store, catalog, "a")
    entry = {"plan": plan, "start": 0, "change": {}, "created": "2026-01-01T00:00:00+00:00"}
    run_refs.put_entry(store, "base", 0, entry)
    with pytest.raises(Conflict, match="run 'base' exists"):
        Runs(catalog).create(plan, id="base")
    assert Runs(catalog).get("base").head == plan
    with pytest.raises(NotFound):
        Runs(catalog).get("other")


def test_a_journal_with_a_hole_is_refused_and_named(store: Store, lose: Lose) -> None:
    with Catalog.open(store) as catalog:
        plan = record(store, catalog, "a")
        Runs(catalog).create(plan, id="base")
        for number in range(1, 4):
            plan = record(store, catalog, "a", parent=plan, start=number)
            Runs(catalog).append("base", plan)
    (store.run_refs_dir("base") / "2.json").unlink()
    lose()
    with Catalog.open(store) as catalog:
        assert ["2.json is missing" in line for line in catalog.rebuild().problems] == [True]
        with pytest.raises(IntegrityError, match=r"2\.json is missing"):
            Runs(catalog).lease("base", position=0, count=1)


def kill_loop(store: Store, lose: Lose, *, kills: int, seed: int) -> None:
    """Clients are killed at random moments; after every second one the database is lost too."""
    choose = random.Random(seed)
    leases: list[Lease] = []
    heads: list[str] = []
    with Catalog.open(store) as catalog:
        Runs(catalog).create(record(store, catalog, "base"), id="base")
    for number in range(kills):
        client = subprocess.Popen(
            [sys.executable, "-m", "tests.mixtures.catalog.leaser", str(store.root), "base"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert client.stdout is not None
        lines = [client.stdout.readline() for _ in range(choose.randrange(1, 8))]
        client.kill()
        lines += client.stdout.read().splitlines()
        client.stdout.close()
        client.wait()
        for what, plan, mark in (line.split() for line in lines if len(line.split()) == 3):
            if what == "lease":
                leases.append(Lease(plan, int(mark)))
            else:
                heads.append(plan)
        if number % 2:
            lose()
        run = reopened(store, "base")
        assert run.sealed >= max((lease.until for lease in leases), default=0)
        place = {entry.plan: entry.number for entry in run.entries}
        assert set(heads) <= set(place)
        for lease in leases:
            assert all(e.start >= lease.until for e in run.entries[place[lease.plan] + 1 :])
    assert len(heads) > kills // 2


def test_a_killed_client_and_a_lost_database_keep_every_lease(store: Store, lose: Lose) -> None:
    kill_loop(store, lose, kills=4, seed=1)


@pytest.mark.faults
@pytest.mark.timeout(900)
def test_many_killed_clients_keep_every_lease(store: Store, lose: Lose) -> None:
    kill_loop(store, lose, kills=40, seed=2)
