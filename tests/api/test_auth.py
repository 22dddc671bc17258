from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.app import create_app, scopes_of
from api.auth import Keys, create_key, hash_key, is_loopback
from api.settings import Settings
from curation.base.errors import UsageError
from tests.api.conftest import SCOPES

SAMPLE = {
    "name": "web",
    "ref": "1",
    "v": "1",
    "digest": "sha256:" + "0" * 64,
    "alias": "prod",
    "id": "0",
    "job": "0",
    "file": "awase.css",
}


def routes() -> list[tuple[str, str, frozenset[str]]]:
    """Every (method, path with sample values, scopes) of the service."""
    app: FastAPI = create_app(Settings())
    found = []
    for route in app.routes:
        declared = scopes_of(route)
        assert declared is not None, f"{route} declares no scope"
        path = route.path
        for name, value in SAMPLE.items():
            path = path.replace("{" + name + "}", value).replace("{" + name + ":path}", value)
        assert "{" not in path, f"give {path} a sample value in SAMPLE"
        found += [(method, path, declared.scopes) for method in sorted(route.methods)]
    return found


def test_every_route_declares_a_scope() -> None:
    assert len(routes()) >= 10


def test_an_app_with_an_undeclared_route_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    from api.routes import health

    added = list(health.router.routes)
    try:
        health.router.get("/open")(lambda: "open to all")
        with pytest.raises(RuntimeError, match="/open declares no scope"):
            create_app(Settings())
    finally:
        health.router.routes[:] = added


def test_a_request_without_a_good_key_is_refused_on_every_guarded_route(
    guarded: TestClient,
) -> None:
    for method, path, scopes in routes():
        if not scopes:
            assert guarded.request(method, path).status_code != 401, path
            continue
        for headers in ({}, {"Authorization": f"Bearer {create_key()}"}, {"Authorization": "x"}):
            answer = guarded.request(method, path, headers=headers)
            assert answer.status_code == 401, (method, path)
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["www-authenticate"].startswith(("Bearer", "Basic"))


@pytest.mark.parametrize("scope", SCOPES)
def test_a_key_opens_the_routes_of_its_scope_and_no_others(
    guarded: TestClient, keys: dict[str, str], scope: str
) -> None:
    headers = {"Authorization": f"Bearer {keys[scope]}"}
    for method, path, scopes in routes():
        status = guarded.request(method, path, headers=headers).status_code
        allowed = not scopes or scope in scopes or scope == "admin"
        assert (status == 403) is not allowed, (method, path, scope, status)
        assert status != 401


def test_keys_and_their_hashes_stay_out_of_logs_and_answers(
    guarded: TestClient, keys: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answers = ""
    unknown = create_key()
    for key in (*keys.values(), unknown):
        answer = guarded.get("/v1/datasets/none", headers={"Authorization": f"Bearer {key}"})
        answers += answer.text + str(answer.headers)
    for key in (*keys.values(), unknown):
        for secret in (key, hash_key(key)):
            assert secret not in answers + caplog.text


@pytest.mark.parametrize("text", ["reed", "read:abc", "all:" + "0" * 64, "read:" + "G" * 64])
def test_a_bad_entry_of_keys_is_named_by_place_and_not_shown(text: str) -> None:
    with pytest.raises(UsageError, match="entry 2 is not scope:sha256") as error:
        Keys.parse("read:" + "0" * 64 + ", " + text)
    assert text not in str(error.value)


def test_one_key_may_hold_several_scopes() -> None:
    key = create_key()
    keys = Keys.parse(f"read:{hash_key(key)}\nstream:{hash_key(key)}")
    assert keys.of(key) == {"read", "stream"}
    assert keys.of(key + "x") is None


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "example.org", "::"])
def test_a_network_address_without_keys_is_refused(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(UsageError, match=f"refusing to bind {host} without keys"):
        create_app(Settings(host=host))
    create_app(Settings(host=host, keys="read:" + "0" * 64))


def test_without_keys_only_loopback_names_are_answered(client: TestClient) -> None:
    assert client.get("/v1/datasets").status_code == 200
    answer = client.get("/v1/datasets", headers={"Host": "evil.example"})
    assert answer.status_code == 403
    assert "evil.example" in answer.json()["detail"]


def test_with_keys_any_host_name_is_answered(
    client_of: Callable[..., TestClient], keys: dict[str, str]
) -> None:
    client = client_of(keys=f"read:{hash_key(keys['read'])}")
    headers = {"Host": "data.example", "Authorization": f"Bearer {keys['read']}"}
    assert client.get("/v1/datasets", headers=headers).status_code == 200
