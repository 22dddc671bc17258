from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

MEMBERS = {"type", "title", "status", "detail", "instance", "code", "request_id"}


def problem(answer: Response) -> dict[str, object]:
    """The problem of an answer, checked for its shape."""
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, object] = answer.json()
    assert set(document) >= MEMBERS
    assert document["status"] == answer.status_code
    assert document["type"] == f"urn:awase:problem:{document['code']}"
    assert document["request_id"] == answer.headers["x-request-id"]
    return document


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not-found"),
        ("GET", "/v1/datasets/", 404, "not-found"),
        ("DELETE", "/v1/datasets", 405, "method-not-allowed"),
        ("GET", "/v1/datasets/none", 404, "not-found"),
        ("GET", "/v1/datasets/UPPER", 400, "usage"),
        ("GET", "/v1/datasets?limit=0", 422, "invalid-request"),
        ("GET", "/v1/datasets/none?limit=3", 422, "invalid-request"),
        ("PUT", "/v1/datasets/web/aliases/prod?force=1", 422, "invalid-request"),
        ("GET", "/v1/datasets?cursor=zzz", 400, "usage"),
        ("GET", "/v1/datasets?cursor=eyJhIjoxfQ==", 400, "usage"),
        ("GET", "/v1/plans/sha256:12", 400, "usage"),
        ("GET", "/v1/plans/" + "0" * 64, 404, "not-found"),
    ],
)
def test_every_error_is_a_problem(
    client: TestClient, method: str, path: str, status: int, code: str
) -> None:
    document = problem(client.request(method, path))
    assert (document["status"], document["code"]) == (status, code)


def test_a_browser_that_asks_for_a_page_gets_the_problem_as_one(client: TestClient) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    for path, words in (("/datasets/none", "awase dataset ls"), ("/<b>", "GET /&lt;b&gt;")):
        answer = client.get(path, headers=browser)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert (answer.headers["cache-control"], answer.headers["vary"]) == ("no-store", "Accept")
        assert "<h1>Not found</h1>" in answer.text
        assert words in answer.text
        assert answer.headers["x-request-id"] in answer.text
    problem(client.get("/v1/datasets/none", headers=browser))
    problem(client.get("/datasets/none", headers={"Accept": "*/*"}))


def test_a_query_key_that_a_route_does_not_read_is_refused_on_every_get(
    client: TestClient,
) -> None:
    routes = [
        route
        for route in client.app.routes
        if "GET" in route.methods and route.path.startswith("/v1/")
    ]
    assert len(routes) > 15
    for route in routes:
        path = re.sub(r"\{[^}]*\}", "x", route.path)
        document = problem(client.get(f"{path}?limt=5"))
        assert (document["status"], document["code"]) == (422, "invalid-request")
        [error] = document["errors"]
        assert error["key"] == "query.limt"
    document = problem(client.get("/v1/datasets?limt=5"))
    assert document["detail"] == ("query.limt: unknown key; did you mean 'limit'?")


def test_pages_and_probes_take_any_query_key(client: TestClient) -> None:
    for path in ("/datasets", "/livez", "/readyz"):
        assert client.get(f"{path}?utm_source=x").status_code == 200


def test_a_key_that_may_not_is_refused_before_the_query_is_read(
    client_of: Callable[..., TestClient],
) -> None:
    document = problem(client_of(keys=f"read:{'0' * 64}").get("/v1/datasets?limt=5"))
    assert document["code"] == "unauthenticated"


def test_a_body_over_the_limit_is_refused(client_of: Callable[..., TestClient]) -> None:
    client = client_of(body_bytes=1000)
    for body in (b"x" * 1001, iter([b"x" * 600, b"x" * 600])):  # with and without its length
        document = problem(client.put("/v1/datasets/web/aliases/prod", content=body))
        assert document["status"] == 413


def test_a_mistake_of_the_server_shows_an_id_and_no_inside(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    catalog = client.app.state.catalog
    client.app.state.catalog = None
    answer = client.get("/v1/datasets", headers={"X-Request-ID": "asked-for-1"})
    client.app.state.catalog = catalog
    document = problem(answer)
    assert document["status"] == 500
    assert document["request_id"] == "asked-for-1"
    assert "NoneType" not in str(document)
    assert "NoneType" in caplog.text


def test_an_ill_formed_request_id_is_replaced(client: TestClient) -> None:
    answer = client.get("/livez", headers={"X-Request-ID": "a b\tc"})
    assert len(answer.headers["x-request-id"]) == 32


TRAVERSAL = [
    "../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/etc/passwd",
    "..%5c..%5cwindows",
    "....//....//etc/passwd",
    "%00",
    "web%00.json",
    "/etc/passwd",
    "%252e%252e%252fetc",
    "..;/etc",
    "web/../../../catalog.db",
    "．．/etc",
    "%c0%ae%c0%ae/etc",
    "~root",
    "C:%5cwindows",
    "web%0d%0aX-Evil:1",
    "a" * 5000,
    "_mixtures",
    ".hidden",
]


@pytest.mark.parametrize("payload", TRAVERSAL)
@pytest.mark.parametrize(
    "path",
    [
        "/v1/datasets/{}",
        "/v1/datasets/{}/versions/1",
        "/v1/datasets/web/versions/{}",
        "/v1/datasets/web/versions/{}/shards",
        "/v1/plans/{}",
    ],
)
def test_a_path_that_points_elsewhere_is_refused(
    client: TestClient, path: str, payload: str
) -> None:
    answer = client.get(path.format(payload))
    assert 400 <= answer.status_code < 500
    problem(answer)


def test_a_method_that_a_path_has_not_is_told_all_that_it_has(client: TestClient) -> None:
    for path, allowed in {
        "/v1/datasets": "GET",
        "/v1/datasets/web/aliases/prod": "GET, PUT",
        "/v1/runs": "GET, POST",
        "/v1/mixtures/base": "GET, PUT",
    }.items():
        answer = client.delete(path)
        assert problem(answer)["status"] == 405
        assert answer.headers["allow"] == allowed, path
