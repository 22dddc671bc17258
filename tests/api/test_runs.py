"""Runs over HTTP, and clients that follow them while they change."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from numpy.typing import NDArray
from starlette.testclient import TestClient

from awase_client import BadCursor, Cursor, Options, PlanMismatch, TokenStream
from awase_client.engine.reader import Engine
from curation.base.errors import Conflict
from curation.base.store import Store
from mixtures.catalog import Catalog
from mixtures.journal import Change, enter, fork
from mixtures.runs import Runs
from tests.streams import Stream, make_stream, serving

BLOCK = 128


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Stream:
    made = make_stream(tmp_path_factory.mktemp("runs"))
    store = Store(made.store)
    with Catalog.open(store) as catalog:
        document = json.loads(store.plan_path(made.plan).read_bytes())
        catalog.record_plan(made.plan, "blend@1", document)
    return made


@pytest.fixture
def store(stream: Stream) -> Store:
    """The store that `client` serves."""
    return Store(stream.store)


@pytest.fixture
def catalog(store: Store) -> Iterator[Catalog]:
    with Catalog.open(store) as catalog:
        yield catalog


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases of a size that the small plan holds many of."""
    monkeypatch.setattr("mixtures.runs.BLOCK", BLOCK)


def test_a_run_is_made_leased_and_continued(client: TestClient, stream: Stream) -> None:
    made = client.post("/v1/runs", json={"plan": stream.plan, "id": "one"})
    assert made.status_code == 201
    assert made.headers["location"] == "/v1/runs/one"
    lease = client.get("/v1/runs/one/lease?position=5&count=20")
    assert lease.json() == {"plan": stream.plan, "until": BLOCK}
    assert lease.headers["cache-control"] == "no-store"
    late = client.post("/v1/runs/one/entries", json={"from": BLOCK - 1, "skip_to": BLOCK + 9})
    assert late.status_code == 409
    assert f"positions below {BLOCK} were handed out" in late.json()["detail"]
    entered = client.post("/v1/runs/one/entries", json={"from": BLOCK, "weights": {"en": "3/2"}})
    assert entered.status_code == 201
    run = client.get("/v1/runs/one").json()
    assert run == entered.json()
    assert run["head"] == run["entries"][1]["plan"] != stream.plan
    assert run["entries"][1]["from"] == BLOCK
    assert run["entries"][1]["change"] == {"from": BLOCK, "weights": {"en": "3/2"}}
    assert client.get(f"/v1/runs/one/lease?position={BLOCK}").json()["plan"] == run["head"]
    assert [each["id"] for each in client.get("/v1/runs").json()["items"]] == ["one"]


def test_runs_are_listed_by_pages(client: TestClient, stream: Stream) -> None:
    for number in range(5):
        client.post("/v1/runs", json={"plan": stream.plan, "id": f"page-{number}"})
    whole = [run["id"] for run in client.get("/v1/runs").json()["items"]]
    assert {f"page-{number}" for number in range(5)} <= set(whole)
    seen, path = [], "/v1/runs?limit=2"
    while path is not None:
        answer = client.get(path)
        found = answer.json()
        assert len(found["items"]) <= 2
        assert ("link" in answer.headers) is (found["next"] is not None)
        seen += [run["id"] for run in found["items"]]
        path = found["next"]
    assert seen == whole
    assert 'href="/runs?cursor=' in client.get("/runs?limit=2").text.replace("limit=2&amp;", "")


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        ({"from": 0}, 400, "exactly one of"),
        ({"weights": {"en": 1}}, 400, "needs `from`"),
        (
            {"from": 0, "weights": {"en": "x"}},
            400,
            "en: expected a number such as 0.7, 70% or 1/3, found 'x'",
        ),
        ({"from": 0, "weights": {"en": "1e999999999"}}, 400, "exponents go from -30 to 30"),
        ({"from": 0, "weights": {"en": 10**4000}}, 400, "a number has at most 60 characters"),
        ({"from": 0, "weights": {"en": -1}}, 400, "en: a weight is 0 to 1000000000000, found -1"),
        ({"from": 0, "weights": {"enn": 1}}, 400, "no source or group 'enn'"),
        ({"from": 9, "skip_to": 9}, 400, "from < to"),
        ({"from": 0, "skip": 9}, 422, "Extra inputs"),
        ({"plan": "sha256:" + "1" * 64, "from": 3}, 400, "the plan says from where"),
        ({"plan": "sha256:" + "1" * 64}, 404, "is not in"),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused(
    client: TestClient, stream: Stream, body: object, status: int, detail: str
) -> None:
    client.post("/v1/runs", json={"plan": stream.plan, "id": "odd"})
    answer = client.post("/v1/runs/odd/entries", json=body)
    assert answer.status_code == status
    assert detail in answer.json()["detail"]
    assert len(client.get("/v1/runs/odd").json()["entries"]) == 1


def test_scopes_of_runs(guarded: TestClient, keys: dict[str, str], stream: Stream) -> None:
    def status(method: str, path: str, scope: str) -> int:
        headers = {"Authorization": f"Bearer {keys[scope]}"}
        return guarded.request(method, path, headers=headers).status_code

    assert status("POST", "/v1/runs", "stream") == 403
    assert status("GET", "/v1/runs/none/lease?position=0", "read") == 403
    assert status("GET", "/v1/runs/none/lease?position=0", "stream") == 404
    assert status("GET", "/v1/runs", "read") == 200


def read_run(
    urls: list[str], run: str, *, seed: int, stop: Event, entered: Sequence[Event]
) -> list[tuple[int, str, NDArray[np.uint16]]]:
    """One client, resuming from its saved state now and then: (position, plan, tokens).

    It waits a block before change k would come too late, however slow the machine makes those.
    """
    random = np.random.default_rng(seed)
    order = urls if seed % 2 else urls[::-1]
    rows: list[tuple[int, str, NDArray[np.uint16]]] = []
    state = None
    while not stop.is_set():
        with TokenStream(
            order,
            f"run:{run}",
            rank=seed % 4,
            world=4,
            batch=3,
            cursor=state,
            options=Options(in_flight=2, request_bytes=2000),
        ) as batches:
            for _, batch in zip(range(int(random.integers(1, 40))), batches, strict=False):
                rows += [
                    (int(position), batches.plan, row.copy())
                    for position, row in zip(batch.positions, batch.input_ids, strict=True)
                ]
                for change in entered[: max(0, batch.cursor.position // BLOCK - 1)]:
                    assert change.wait(60), "the test's own changes came too late"
            if state == batches.state_dict():
                return rows  # the end
            state = batches.state_dict()
    return rows


def test_a_run_that_changes_under_eight_clients_replays_bit_for_bit(
    stream: Stream, catalog: Catalog, store: Store
) -> None:
    """Branched, re-weighted, skipped while two replicas serve it; then rolled back as another."""
    Runs(catalog).create(stream.plan, id="race")
    stop = Event()
    entered = [Event() for _ in range(4)]
    with serving(stream.store) as one, serving(stream.store) as two:
        with ThreadPoolExecutor(8) as pool:
            clients = [
                pool.submit(read_run, [one, two], "race", seed=seed, stop=stop, entered=entered)
                for seed in range(8)
            ]
            changes = [
                {"weights": {"en": Fraction(3)}},
                {"skip_to": 40},
                {"weights": {"ja": Fraction(1), "en": Fraction(1, 9)}},
                {"skip_to": 7},
            ]
            try:
                for k, (change, done) in enumerate(zip(changes, entered, strict=True)):
                    while Runs(catalog).get("race").sealed < (k + 1) * BLOCK:
                        assert not any(client.done() for client in clients)
                    _enter_soon(catalog, store, "race", change)
                    done.set()
            finally:
                received = [row for client in clients for row in client.result()]
                stop.set()
        run = Runs(catalog).get("race")
        assert len(run.entries) == 5
        with TokenStream(two, run.head) as replay:
            tokens = np.concatenate([batch.input_ids for batch in replay])
        assert {plan for _, plan, _ in received} > {stream.plan}
        for position, _, row in received:
            np.testing.assert_array_equal(row, tokens[position])
        assert {position for position, _, _ in received} >= set(range(len(tokens) // 12 * 12))
        rolled = fork(
            catalog,
            store,
            "race",
            Change(start=50, weights={"en": Fraction(1)}),
            id="rolled-back",
        )
        with TokenStream([one, two], "run:rolled-back") as batches:
            again = np.concatenate([batch.input_ids for batch in batches])
        np.testing.assert_array_equal(again[:50], tokens[:50])
        engine = Engine.open(stream.store, rolled.head)
        np.testing.assert_array_equal(again, engine.read(0, engine.total()).tokens)


def _enter_soon(catalog: Catalog, store: Store, run: str, change: dict[str, object]) -> None:
    """Enter a change at the sealed mark; a lease may come first, then at the next."""
    while True:
        start = Runs(catalog).get(run).sealed
        given = dict(change)
        if isinstance(skip := given.get("skip_to"), int):
            given["skip_to"] = start + skip
        try:
            enter(catalog, store, run, Change(start=start, **given))  # type: ignore[arg-type]
        except Conflict:
            continue
        return


def test_a_state_of_another_run_is_refused(stream: Stream, catalog: Catalog, store: Store) -> None:
    Runs(catalog).create(stream.plan, id="a")
    other = fork(catalog, store, "a", Change(start=30, skip_to=40), id="b")
    with serving(stream.store) as url:
        with TokenStream(url, "run:a", batch=10) as batches:
            states = [batches.state_dict(), *(next(batches).cursor for _ in range(4))]
        assert states[0] == {"version": 1, "plan": stream.plan, "position": 0}
        with TokenStream(url, "run:b", batch=10) as batches:
            for cursor in states[1:]:
                with pytest.raises(PlanMismatch, match="is no place in run b"):
                    batches.load_state_dict(cursor)
            batches.load_state_dict(Cursor(other.head, 30))
            assert batches.state_dict()["plan"] == other.head


def test_a_run_needs_a_server(stream: Stream) -> None:
    with pytest.raises(BadCursor, match="run:a is followed through servers, by URL"):
        TokenStream(Path(stream.store), "run:a")
