from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from curation.base.store import Store
from mixtures.catalog import Catalog, DatasetVersion
from tests.api.test_problems import problem
from tests.tokenstore import TOKENIZER, write_corpus
from tests.versions import commit_rows

ROWS = [
    {
        "id": str(n),
        "text": "味" * n,
        "source": "wiki" if n % 3 else "web",
        "language": "ja",
        "license": "CC-BY-4.0" if n % 2 else None,
        "edu.score": float("nan") if n == 0 else n / 2,
    }
    for n in range(10)
]
GONE = [{"id": f"x{n}", "text": "…", "reason": "too_short" if n % 2 else "dup"} for n in range(9)]


@pytest.fixture
def web(store: Store, catalog: Catalog) -> DatasetVersion:
    return catalog.register_dataset("web", commit_rows(store, "web", ROWS, dropped=GONE))


def all_pages(client: TestClient, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    while path:
        answer = client.get(path)
        assert answer.status_code == 200
        page = answer.json()
        assert ("link" in answer.headers) is (page["next"] is not None)
        items += page["items"]
        path = page["next"]
    return items


def test_datasets_are_listed_by_name_in_pages(
    client: TestClient, store: Store, catalog: Catalog
) -> None:
    names = [f"d{number:02d}" for number in range(7)]
    for name in names:
        catalog.register_dataset(name, commit_rows(store, name, ROWS[:1]))
    for limit in (1, 3, 7, 100):
        found = all_pages(client, f"/v1/datasets?limit={limit}")
        assert [item["name"] for item in found] == names


def test_a_dataset_shows_its_versions_and_aliases(
    client: TestClient, store: Store, catalog: Catalog, web: DatasetVersion
) -> None:
    catalog.register_dataset("web", commit_rows(store, "web", ROWS[:2]))
    catalog.set_alias("dataset", "web", "prod", 1)
    document = client.get("/v1/datasets/web").json()
    assert [item["version"] for item in document["versions"]] == [2, 1]
    assert [(item["alias"], item["version"]) for item in document["aliases"]] == [("prod", 1)]


@pytest.mark.parametrize("ref", ["1", "prod", "digest"])
def test_a_version_is_found_by_number_alias_and_digest(
    client: TestClient, catalog: Catalog, web: DatasetVersion, ref: str
) -> None:
    catalog.set_alias("dataset", "web", "prod", 1)
    ref = web.digest if ref == "digest" else ref
    document = client.get(f"/v1/datasets/web/versions/{ref}").json()
    assert document["manifest"] == web.manifest.to_document()
    assert document["licenses"] == {"NOASSERTION": 5, "CC-BY-4.0": 5}


def test_what_cannot_change_is_cached_for_ever_and_what_can_is_asked_again(
    client: TestClient, catalog: Catalog, web: DatasetVersion
) -> None:
    catalog.set_alias("dataset", "web", "prod", 1)
    fixed = client.get("/v1/datasets/web/versions/1/shards")
    moving = client.get("/v1/datasets/web/versions/prod/shards")
    assert "immutable" in fixed.headers["cache-control"]
    assert "no-cache" in moving.headers["cache-control"]
    assert fixed.json()["items"][0]["sha256"] == web.manifest.shards[0].sha256
    for answer in (fixed, moving, client.get("/v1/datasets/web"), client.get("/v1/datasets")):
        etag = answer.headers["etag"]
        assert etag.startswith('"')
        again = client.get(answer.url, headers={"If-None-Match": f'"other", {etag}'})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == etag


def test_kept_documents_come_in_row_order(client: TestClient, web: DatasetVersion) -> None:
    found = all_pages(client, "/v1/datasets/web/versions/1/documents?limit=4")
    assert [item["id"] for item in found] == [row["id"] for row in ROWS]
    assert found[9]["text"] == "味" * 9
    assert found[0]["edu.score"] is None, "NaN is not JSON"


def test_dropped_documents_come_by_their_reason(client: TestClient, web: DatasetVersion) -> None:
    path = "/v1/datasets/web/versions/1/documents"
    for reason in ("too_short", "dup"):
        wanted = [row["id"] for row in GONE if row["reason"] == reason]
        for limit in (1, 2, 100):
            found = all_pages(client, f"{path}?reason={reason}&limit={limit}")
            assert [item["id"] for item in found] == wanted
    document = problem(client.get(f"{path}?reason=too_shrot"))
    assert document["status"] == 404
    assert "did you mean 'too_short'" in str(document["detail"])


def test_a_server_may_be_told_to_show_no_text(
    client_of: Callable[..., TestClient], web: DatasetVersion
) -> None:
    client = client_of(documents=False)
    assert problem(client.get("/v1/datasets/web/versions/1/documents"))["status"] == 403


def test_statistics_are_grouped_and_selected(client: TestClient, web: DatasetVersion) -> None:
    path = "/v1/datasets/web/versions/1/stats"
    whole = client.get(path).json()
    assert whole["items"] == [{"documents": 10, "bytes": 135, "characters": 45}]
    grouped = client.get(path, params={"group_by": "source,license"}).json()
    assert grouped["source"] == "stats.parquet"
    assert sum(item["documents"] for item in grouped["items"]) == 10
    chosen = client.get(path, params={"group_by": "source", "where": "edu.score > 3"}).json()
    assert chosen["items"] == [
        {"source": "wiki", "documents": 2, "bytes": 45, "characters": 15},
        {"source": "web", "documents": 1, "bytes": 27, "characters": 9},
    ]


def test_statistics_count_tokens_of_a_tokenizer(
    client: TestClient, store: Store, catalog: Catalog
) -> None:
    corpus = write_corpus(store, "toy", [[[5] * 3, [6]], [[7] * 4]], columns={"source": [*"aba"]})
    catalog.register_dataset("toy", corpus.version.manifest)
    catalog.register_tokenizer("tok", TOKENIZER, {"kind": "test"})
    path = "/v1/datasets/toy/versions/1/stats?tokenizer=tok"
    found = client.get(f"{path}&group_by=source").json()["items"]
    assert [(item["source"], item["tokens"]) for item in found] == [("a", 7), ("b", 1)]


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("group_by=sauce", 400, "did you mean 'source'"),
        ("group_by=text", 400, "cannot be grouped by"),
        ("where=edu.score %3E", 422, "where:1:"),
        ("where=colour == 1", 422, "colour"),
        ("tokenizer=none", 404, "awase tokenizer"),
    ],
)
def test_a_question_that_makes_no_sense_is_explained(
    client: TestClient, web: DatasetVersion, query: str, status: int, words: str
) -> None:
    document = problem(client.get(f"/v1/datasets/web/versions/1/stats?{query}"))
    assert document["status"] == status
    assert words in str(document["detail"])


def test_a_bad_condition_is_placed(client: TestClient, web: DatasetVersion) -> None:
    answer = client.get("/v1/datasets/web/versions/1/stats", params={"where": "source == 1 and"})
    errors = problem(answer)["errors"]
    assert isinstance(errors, list)
    assert errors[0]["line"] == 1
    assert errors[0]["column"] > 1


def test_more_queries_than_allowed_are_sent_away(
    client_of: Callable[..., TestClient], web: DatasetVersion
) -> None:
    client = client_of(query_concurrency=1)
    slots = client.app.state.queries
    slots._wait_seconds = 0
    with slots.slot():
        document = problem(client.get("/v1/datasets/web/versions/1/stats"))
    assert document["status"] == 503
    assert client.get("/v1/datasets/web/versions/1/stats").status_code == 200


def test_an_alias_is_moved_under_a_condition(client: TestClient, web: DatasetVersion) -> None:
    path = "/v1/datasets/web/aliases/prod"
    assert client.get(path).status_code == 404
    made = client.put(path, json={"version": 1}, headers={"If-None-Match": "*"})
    assert (made.status_code, made.headers["etag"]) == (200, '"revision-1"')
    again = client.put(path, json={"version": 1}, headers={"If-None-Match": "*"})
    assert problem(again)["status"] == 412
    stale = client.put(path, json={"version": None}, headers={"If-Match": '"revision-0"'})
    assert problem(stale)["code"] == "precondition-failed"
    for tag in ("*", '"x", "revision-1"'):
        assert client.put(path, json={"version": 1}, headers={"If-Match": tag}).status_code == 200
    etag = client.get(path).headers["etag"]
    gone = client.put(path, json={"version": None}, headers={"If-Match": etag})
    assert gone.json() == {**gone.json(), "version": None, "revision": 2}
    bad = client.put(path, json={"version": 1}, headers={"If-Match": "*?"})
    assert problem(bad)["status"] == 400


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"version": 9}, 404),
        ({"version": 0}, 422),
        ({"version": 10**30}, 422),
        ({"version": "1"}, 422),
        ({"version": 1, "x": 1}, 422),
        ([], 422),
    ],
)
def test_a_bad_alias_is_refused(
    client: TestClient, web: DatasetVersion, body: object, status: int
) -> None:
    answer = client.put("/v1/datasets/web/aliases/prod", json=body)
    assert problem(answer)["status"] == status
