from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from starlette.testclient import TestClient

from api import limits
from tests.api.test_problems import problem


@pytest.fixture
def draining() -> Iterator[None]:
    limits.draining.set()
    yield
    limits.draining.clear()


def test_a_server_is_alive_and_ready(client: TestClient) -> None:
    assert client.get("/livez").json() == {"status": "ok"}
    checks = client.get("/readyz").json()["checks"]
    assert checks == {"draining": "ok", "catalog": "ok", "store": "ok", "disk": "ok"}
    assert client.get("/version").json()["name"] == "awase"


def test_a_full_disk_is_not_ready_but_alive(client_of: Callable[..., TestClient]) -> None:
    client = client_of(disk_floor_bytes=1 << 60)
    document = problem(client.get("/readyz"))
    assert document["status"] == 503
    assert document["checks"] == {
        "draining": "ok",
        "catalog": "ok",
        "store": "ok",
        "disk": "failed",
    }
    assert re.fullmatch(
        r"not ready: disk: [\d,]+ bytes free, under 1,152,921,504,606,846,976", document["detail"]
    )
    assert client.get("/livez").status_code == 200


def test_a_draining_server_says_so_and_closes_connections(
    client: TestClient, draining: None
) -> None:
    answer = client.get("/readyz")
    assert problem(answer)["detail"] == "not ready: draining"
    assert answer.headers["connection"] == "close"
    assert answer.headers["retry-after"] == "5"


def test_metrics_count_by_route_and_not_by_path(client: TestClient) -> None:
    client.get("/v1/datasets/one-name")
    client.get("/v1/datasets/other-name")
    text = client.get("/metrics").text
    line = 'awase_http_requests_total{method="GET",route="/v1/datasets/{name}",status="404"}'
    assert line in text
    assert "one-name" not in text
    assert "awase_build_info" in text
