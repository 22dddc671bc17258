from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest

from curation.base.errors import Conflict, NotFound, UsageError
from curation.base.store import Store
from mixtures.catalog import Catalog
from mixtures.runs import BLOCK, MAX_LEASE, Lease, Runs
from tests.mixtures.catalog import leaser

Record = Callable[..., str]


@pytest.fixture
def record(store: Store, catalog: Catalog) -> Record:
    """Record a plan of this store; see `leaser.record`."""

    def make(name: str, *, parent: str | None = None, start: int = 0) -> str:
        return leaser.record(store, catalog, name, parent=parent, start=start)

    return make


def test_a_lease_seals_whole_blocks_and_names_the_head(catalog: Catalog, record: Record) -> None:
    runs = Runs(catalog)
    plan = record("a")
    run = runs.create(plan, id="base")
    assert (run.head, run.sealed, [entry.plan for entry in run.entries]) == (plan, 0, [plan])
    assert runs.lease("base", position=0, count=1) == Lease(plan, BLOCK)
    assert runs.lease("base", position=5, count=10) == Lease(plan, BLOCK)
    assert runs.lease("base", position=BLOCK, count=1) == Lease(plan, 2 * BLOCK)
    assert runs.get("base").sealed == 2 * BLOCK


def test_an_entry_may_change_what_was_not_handed_out(catalog: Catalog, record: Record) -> None:
    runs = Runs(catalog)
    first = record("a")
    runs.create(first, id="base")
    runs.lease("base", position=0, count=1)
    second = record("b", parent=first, start=BLOCK)
    run = runs.append("base", second, document={"weights": {"ja": "1"}})
    assert run.head == second
    assert [(entry.number, entry.plan, entry.start) for entry in run.entries] == [
        (0, first, 0),
        (1, second, BLOCK),
    ]
    assert run.entries[1].document == {"weights": {"ja": "1"}}
    assert runs.append("base", second) == run, "appending the head again changes nothing"
    assert runs.lease("base", position=BLOCK, count=1).plan == second


def test_an_entry_below_the_sealed_mark_is_a_conflict(catalog: Catalog, record: Record) -> None:
    runs = Runs(catalog)
    first = record("a")
    runs.create(first, id="base")
    runs.lease("base", position=0, count=1)
    late = record("b", parent=first, start=BLOCK - 1)
    with pytest.raises(Conflict, match=f"positions below {BLOCK} were handed out"):
        runs.append("base", late)
    assert runs.get("base").head == first


def test_an_entry_on_an_old_head_is_a_conflict(catalog: Catalog, record: Record) -> None:
    runs = Runs(catalog)
    first = record("a")
    runs.create(first, id="base")
    runs.append("base", record("b", parent=first, start=10))
    with pytest.raises(Conflict, match="look at the run again"):
        runs.append("base", record("c", parent=first, start=20))


def test_a_run_that_starts_at_a_branch_begins_sealed_up_to_it(
    catalog: Catalog, record: Record
) -> None:
    plan = record("b", parent=record("a"), start=77)
    run = Runs(catalog).create(plan, id="fork")
    assert run.sealed == 77


def test_ids_are_taken_once_and_unknown_runs_are_named(catalog: Catalog, record: Record) -> None:
    runs = Runs(catalog)
    plan = record("a")
    runs.create(plan, id="base")
    with pytest.raises(Conflict, match="run 'base' exists"):
        runs.create(plan, id="base")
    with pytest.raises(NotFound, match="run 'other' does not exist"):
        runs.lease("other", position=0, count=1)
    with pytest.raises(NotFound):
        runs.append("other", plan)
    generated = runs.create(plan)
    assert generated.id.startswith("run-")
    assert {run.id for run in runs.all()} == {"base", generated.id}


@pytest.mark.parametrize(("position", "count"), [(-1, 1), (0, 0), (0, MAX_LEASE + 1), (2**60, 1)])
def test_a_lease_is_bounded(catalog: Catalog, record: Record, position: int, count: int) -> None:
    runs = Runs(catalog)
    runs.create(record("a"), id="base")
    with pytest.raises(UsageError, match="count from 1 to"):
        runs.lease("base", position=position, count=count)
    assert runs.get("base").sealed == 0


def test_no_position_is_leased_under_two_plans_while_replicas_race(
    store: Store, catalog: Catalog, record: Record
) -> None:
    """8 clients over 2 replicas lease at random while entries are appended as early as allowed."""
    Runs(catalog).create(record("0"), id="base")
    leases: list[Lease] = []
    with Catalog.open(store) as one, Catalog.open(store) as two:

        def client(seed: int) -> None:
            random = Random(seed)
            runs = Runs([one, two][seed % 2])
            for _ in range(30):
                position = random.randrange(40 * BLOCK)
                leases.append(runs.lease("base", position=position, count=random.randrange(1, 999)))

        def editor() -> int:
            runs, appended = Runs(catalog), 0
            for k in range(60):
                run = runs.get("base")
                plan = record(f"{k}", parent=run.head, start=run.sealed)
                try:
                    runs.append("base", plan)
                    appended += 1
                except Conflict:
                    pass  # a lease came between: as it should
            return appended

        with ThreadPoolExecutor(9) as pool:
            clients = [pool.submit(client, seed) for seed in range(8)]
            appended = pool.submit(editor).result()
            for each in clients:
                each.result()
    entries = Runs(catalog).get("base").entries
    assert len(entries) == appended + 1 > 5
    number = {entry.plan: entry.number for entry in entries}
    for lease in leases:
        for entry in entries[number[lease.plan] + 1 :]:
            assert entry.start >= lease.until
