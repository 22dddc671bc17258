from __future__ import annotations

from typing import Any

from starlette.testclient import TestClient

from api.__main__ import SCHEMA, openapi
from api.app import create_app, scopes_of
from api.openapi import document_of
from api.settings import Settings


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_the_checked_in_document_is_that_of_the_routes() -> None:
    found = openapi(create_app(Settings()))
    assert SCHEMA.read_text() == found, "run `python -m api` and look at the difference"


def test_operations_have_names_of_their_own_scopes_and_one_shape_of_errors() -> None:
    found = operations(document_of(create_app(Settings())))
    names = [operation["operationId"] for _, _, operation in found]
    assert len(set(names)) == len(names)
    for path, method, operation in found:
        assert operation["responses"]["default"]["content"].keys() == {"application/problem+json"}
        assert "422" not in operation["responses"]
        assert operation["description"], (path, method)
        assert operation["security"] == ([{"key": []}] if operation["x-scopes"] else [])


def test_every_route_of_the_interface_is_in_the_document() -> None:
    app = create_app(Settings())
    documented = {(path, method) for path, method, _ in operations(document_of(app))}
    for route in app.routes:
        assert scopes_of(route) is not None
        if route.path.startswith("/v1/"):
            for method in route.methods:
                assert (route.path_format, method.lower()) in documented


def test_the_document_is_served_without_a_key(guarded: TestClient) -> None:
    answer = guarded.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.json()["openapi"].startswith("3.1")


def test_statuses_and_conditions_that_are_sent_are_written_down() -> None:
    found = {op["operationId"]: op for _, _, op in operations(document_of(create_app(Settings())))}
    statuses = {name: set(op["responses"]) - {"default"} for name, op in found.items()}
    assert statuses["put_mixture"] == {"200", "201"}
    assert statuses["post_plan"] == statuses["get_plan_job"] == {"201", "202"}
    assert statuses["post_run"] == statuses["post_entry"] == {"201"}
    assert statuses["get_tokens"] == statuses["list_datasets"] == {"200", "304"}
    assert statuses["get_lease"] == {"200"}
    headers = [item["name"] for item in found["put_alias"]["parameters"] if item["in"] == "header"]
    assert headers == ["If-Match", "If-None-Match"]
