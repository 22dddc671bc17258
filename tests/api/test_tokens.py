from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.routes import tokens
from api.settings import Settings
from awase_client.engine.reader import Engine
from awase_client.wire import HEADER_BYTES, decode
from tests.streams import LENGTH, Stream, make_stream


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Stream:
    return make_stream(tmp_path_factory.mktemp("tokens"))


@pytest.fixture
def store(stream: Stream) -> Path:
    """The store that `client` serves."""
    return stream.store


@pytest.fixture
def client_of(stream: Stream) -> Any:
    clients: list[TestClient] = []

    def make(**settings: object) -> TestClient:
        app = create_app(Settings(store=stream.store, **settings))
        client = TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)
        clients.append(client.__enter__())
        return client

    yield make
    for client in clients:
        client.__exit__(None, None, None)


def get(client: TestClient, stream: Stream, query: str, **headers: str) -> Any:
    return client.get(f"/v1/plans/{stream.plan}/tokens?{query}", headers=headers)


def test_one_get_is_one_frame_with_its_length(client: TestClient, stream: Stream) -> None:
    answer = get(client, stream, "position=10&count=5&rank=2&world=3")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/vnd.awase.frame"
    assert int(answer.headers["content-length"]) == len(answer.content)
    frame = decode(answer.content)
    want = Engine.open(stream.store, stream.plan).read(
        12, 5, stride=3, sections=("sources", "cu_seqlens")
    )
    assert (frame.plan, frame.split, frame.total) == (stream.plan, "train", stream.total)
    assert (frame.block.first, frame.block.stride, frame.sequence_length) == (12, 3, LENGTH)
    for name in ("tokens", "sources", "cu_seqlens"):
        np.testing.assert_array_equal(getattr(frame.block, name), getattr(want, name))


def test_the_crc_covers_header_and_payload(client: TestClient, stream: Stream) -> None:
    data = get(client, stream, "count=3").content
    want = zlib.crc32(data[HEADER_BYTES:], zlib.crc32(data[: HEADER_BYTES - 4]))
    assert int.from_bytes(data[HEADER_BYTES - 4 : HEADER_BYTES], "little") == want


def test_the_bare_digest_names_the_plan_too(client: TestClient, stream: Stream) -> None:
    bare = client.get(f"/v1/plans/{stream.plan.removeprefix('sha256:')}/tokens?count=2")
    assert bare.content == get(client, stream, "count=2").content


def test_past_the_end_is_an_empty_frame_with_the_end_flag(
    client: TestClient, stream: Stream
) -> None:
    for position in (stream.total, stream.total + 10**9):
        frame = decode(get(client, stream, f"position={position}&count=4").content)
        assert frame.block.count == 0
        assert frame.end
    last = decode(get(client, stream, f"position={stream.total - 2}&count=4").content)
    assert last.block.count == 2
    assert last.end


def test_a_frame_never_changes_and_says_so(client: TestClient, stream: Stream) -> None:
    answer = get(client, stream, "position=3&count=5")
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    etag = answer.headers["etag"]
    known = get(client, stream, "position=3&count=5", **{"if-none-match": etag})
    assert known.status_code == 304
    assert known.content == b""
    assert known.headers["etag"] == etag
    others = (
        "position=4&count=5",
        "position=3&count=6",
        "position=3&count=5&world=2",
        "position=3&count=5&split=holdout",
        "position=3&count=5&sections=sources",
    )
    assert len({etag, *(get(client, stream, other).headers["etag"] for other in others)}) == 6


def test_sections_are_chosen_by_name(client: TestClient, stream: Stream) -> None:
    block = decode(get(client, stream, "count=3&sections=cu_seqlens").content).block
    assert block.sources is None
    assert block.cu_seqlens is not None
    block = decode(get(client, stream, "count=3&sections=").content).block
    assert (block.sources, block.cu_seqlens) == (None, None)


def test_a_frame_holds_no_more_bytes_than_the_server_allows(
    client_of: Callable[..., TestClient], stream: Stream
) -> None:
    client = client_of(frame_bytes=5 * LENGTH * 2 + 1)
    frame = decode(get(client, stream, "count=1000").content)
    assert frame.block.count == 5
    assert not frame.end
    tiny = client_of(frame_bytes=1)
    assert decode(get(tiny, stream, "count=1000").content).block.count == 1


@pytest.mark.parametrize(
    ("query", "status", "detail"),
    [
        ("position=-1", 422, "greater than or equal to 0"),
        ("position=x", 422, "valid integer"),
        ("count=0", 422, "greater than or equal to 1"),
        ("rank=2&world=2", 400, "rank 2 of world 2: ranks count from 0 to world - 1"),
        ("split=test", 422, "'train' or 'holdout'"),
        ("sections=text", 400, "sections text: plan"),
    ],
)
def test_a_question_that_makes_no_sense_is_a_problem(
    client: TestClient, stream: Stream, query: str, status: int, detail: str
) -> None:
    answer = get(client, stream, query)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert detail in answer.json()["detail"]


def test_an_unknown_plan_is_not_found(client: TestClient) -> None:
    answer = client.get(f"/v1/plans/sha256:{'5' * 64}/tokens")
    assert answer.status_code == 404
    assert "awase mixture plan" in answer.json()["detail"]
    assert client.get("/v1/plans/abc/tokens").status_code == 400


def test_tokens_need_the_scope_stream(
    guarded: TestClient, keys: dict[str, str], stream: Stream
) -> None:
    assert get(guarded, stream, "count=1").status_code == 401
    for scope, status in {"stream": 200, "admin": 200, "read": 403, "write": 403}.items():
        answer = get(guarded, stream, "count=1", authorization=f"Bearer {keys[scope]}")
        assert answer.status_code == status, scope


def test_tokens_are_counted_by_source_beside_the_plan(client: TestClient, stream: Stream) -> None:
    def counted(name: str) -> dict[str, float]:
        found = {}
        for line in client.get("/metrics").text.splitlines():
            if line.startswith(f"{name}_total{{"):
                label, value = line.split('source="')[1].split('"} ')
                found[label] = float(value)
        return found

    def growth(name: str, before: dict[str, float]) -> dict[str, float]:
        return {key: value - before.get(key, 0.0) for key, value in counted(name).items()}

    real, planned = "awase_stream_tokens", "awase_stream_planned_tokens"
    before = counted(real), counted(planned)
    get(client, stream, "position=0&count=400&sections=")
    assert growth(real, before[0]) == {
        "ja.web": 300 * LENGTH,
        "ja.wiki": 60 * LENGTH,
        "en": 40 * LENGTH,
    }
    assert growth(planned, before[1]) == pytest.approx(growth(real, before[0]))


def test_a_slow_reader_gives_its_place_back_and_still_gets_the_same_bytes(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its frame is let go at once here, and all pieces are gathered again one by one."""
    let_go = property(lambda held: None, lambda held, tokens: None)
    monkeypatch.setattr("api.frames._Held.tokens", let_go, raising=False)
    monkeypatch.setattr("api.frames.PIECE_BYTES", 3 * LENGTH * 2)
    app = create_app(Settings(store=stream.store, frames=1))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        data = get(client, stream, "position=1&count=20&world=2").content
        places: asyncio.Semaphore = app.state.frames.places
        assert not places.locked()
    want = Engine.open(stream.store, stream.plan).read(1, 20, stride=2).tokens
    np.testing.assert_array_equal(decode(data).block.tokens, want)


# As awase_client asks, word for word; and the same in another order, which only the route reads.
STRAIGHT = "position=10&count=5&rank=2&world=3&split=train"
AROUND = "world=3&position=10&count=5&rank=2&split=train"


def test_the_straight_way_answers_as_the_route_does(
    client: TestClient, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answered() -> float:
        lines = client.get("/metrics").text.splitlines()
        label = '{method="GET",route="/v1/plans/{digest}/tokens",status="200"}'
        return sum(float(line.split()[-1]) for line in lines if label in line)

    wanted = get(client, stream, AROUND)  # opens the plan, too
    before = answered()

    async def never(*_: object) -> None:
        raise AssertionError("the route was asked")

    monkeypatch.setattr(tokens.ROUTE, "app", never)
    found = get(client, stream, STRAIGHT)
    assert get(client, stream, AROUND).status_code == 500, "the route is the other way"
    assert (found.status_code, found.content) == (200, wanted.content)
    for answer in (found, wanted):
        del answer.headers["x-request-id"]
    assert found.headers == wanted.headers
    assert answered() == before + 1


def test_the_straight_way_asks_for_the_scope(
    guarded: TestClient, keys: dict[str, str], stream: Stream
) -> None:
    for scope, status in {"stream": 200, "admin": 200, "read": 403, "write": 403}.items():
        for _ in range(2):  # the second time the plan is open
            answer = get(guarded, stream, STRAIGHT, authorization=f"Bearer {keys[scope]}")
            assert answer.status_code == status, scope
    assert get(guarded, stream, STRAIGHT).status_code == 401
    assert get(guarded, stream, STRAIGHT, authorization="Bearer x").status_code == 401


@pytest.mark.parametrize("query", [AROUND, STRAIGHT])
def test_a_damaged_block_is_a_problem_either_way(tmp_path: Path, query: str) -> None:
    stream = make_stream(tmp_path)
    for path in stream.store.glob("tokens/*/*.tok"):
        data = bytearray(path.read_bytes())
        data[0] ^= 1
        path.write_bytes(data)
    app = create_app(Settings(store=stream.store))
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        get(client, stream, "count=1")
        answer = get(client, stream, query)
    assert answer.status_code == 500
    assert answer.json()["code"] == "integrity"
    assert "fail their CRC-32" in answer.json()["detail"]


def test_a_damaged_plan_is_a_problem_and_no_other_stream(tmp_path: Path) -> None:
    stream = make_stream(tmp_path)
    (path,) = (path for path in stream.store.glob("plans/*/plan.json") if _named(path, stream))
    path.write_bytes(path.read_bytes().replace(b'"seed":', b'"seed":1'))
    app = create_app(Settings(store=stream.store))
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        for answer in (get(client, stream, AROUND), client.get(f"/v1/plans/{stream.plan}")):
            assert answer.status_code == 500
            assert answer.json()["code"] == "integrity"
            assert str(path) in answer.json()["detail"]


def _named(path: Path, stream: Stream) -> bool:
    return f"sha256:{path.parent.name}" == stream.plan
