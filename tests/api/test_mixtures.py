from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from awase_client.engine.plan import Plan
from curation.base.errors import RefusedPlan
from curation.base.store import Store
from mixtures.catalog import Catalog
from tests.api.test_problems import problem
from tests.tokenstore import TOKENIZER, write_corpus

TEXT = """\
version: 1
name: blend
tokenizer: tok
sequence_length: 8
budget: 800
sources:
  web: {dataset: web, weight: 3}
  wiki: {dataset: wiki, weight: 1}
"""


@pytest.fixture
def data(store: Store, catalog: Catalog) -> None:
    """Two tokenized datasets: web of 100 sequences, wiki of 10."""
    catalog.register_tokenizer("tok", TOKENIZER, {"kind": "test"})
    for name, sequences, license in (("web", 100, "CC-BY-4.0"), ("wiki", 10, "CC-BY-SA-4.0")):
        documents = [[10 + row] * 7 for row in range(sequences)]
        columns: dict[str, list[Any]] = {"license": [license] * sequences}
        corpus = write_corpus(store, name, [documents], columns=columns)
        catalog.register_dataset(name, corpus.version.manifest)


def test_a_new_text_is_a_new_version_and_the_same_text_is_not(client: TestClient) -> None:
    made = client.put("/v1/mixtures/blend", content=TEXT)
    assert (made.status_code, made.json()["version"]) == (201, 1)
    assert made.headers["location"] == "/v1/mixtures/blend/versions/1"
    assert client.put("/v1/mixtures/blend", content=TEXT + "# a remark\n").status_code == 201
    again = client.put("/v1/mixtures/blend", content=TEXT)
    assert (again.status_code, again.json()["version"]) == (200, 1)
    found = client.get("/v1/mixtures/blend/versions/1").json()
    assert found["text"] == TEXT
    assert found["document"]["sources"]["web"]["weight"] == "3"
    listed = client.get("/v1/mixtures").json()["items"]
    assert [(item["name"], item["version"]) for item in listed] == [("blend", 2)]


@pytest.mark.parametrize("kind", ["image/png", "text/html; charset=utf-8", "multipart/form-data"])
def test_a_body_that_says_it_is_no_yaml_is_refused(client: TestClient, kind: str) -> None:
    answer = client.put("/v1/mixtures/blend", content=TEXT, headers={"Content-Type": kind})
    document = problem(answer)
    assert (document["status"], document["code"]) == (415, "unsupported-media-type")
    assert str(document["detail"]).endswith(f"not {kind.partition(';')[0]}")
    for good in ("application/yaml", "text/x-yaml; charset=utf-8", "TEXT/PLAIN"):
        headers = {"Content-Type": good}
        assert client.put("/v1/mixtures/blend", content=TEXT, headers=headers).is_success


def test_problems_of_a_document_carry_lines_and_columns(client: TestClient) -> None:
    text = TEXT.replace("weight: 3", "wieght: 3").replace("budget: 800", "budget: many")
    document = problem(client.put("/v1/mixtures/blend", content=text))
    assert (document["status"], document["code"]) == (422, "invalid-document")
    errors = document["errors"]
    assert isinstance(errors, list)
    assert [(item["line"], item["column"]) for item in errors] == [(5, 9), (7, 23)]
    assert "did you mean 'weight'" in str(errors)


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"- a\n", b"a: [", b"a: &x 1\n", b"\x00"])
def test_a_body_that_is_no_mixture_is_a_problem(client: TestClient, body: bytes) -> None:
    assert problem(client.put("/v1/mixtures/blend", content=body))["status"] == 422


def test_a_document_is_published_under_its_own_name(client: TestClient) -> None:
    document = problem(client.put("/v1/mixtures/other", content=TEXT))
    assert document["status"] == 422
    assert "named 'blend' and published as 'other'" in str(document["detail"])


def test_a_mixture_extends_a_published_one_and_no_file(client: TestClient) -> None:
    client.put("/v1/mixtures/blend", content=TEXT)
    child = "version: 1\nname: child\nextends: blend@1\nsources:\n  wiki: {weight: 2}\n"
    assert client.put("/v1/mixtures/child", content=child).status_code == 201
    found = client.get("/v1/mixtures/child/versions/1").json()["document"]
    assert found["sources"]["wiki"]["weight"] == "2"
    from_file = child.replace("blend@1", "../secret.yaml")
    document = problem(client.put("/v1/mixtures/child", content=from_file))
    assert "is a file" in str(document["detail"])


def test_a_diff_speaks_in_tokens_epochs_and_licences(client: TestClient, data: None) -> None:
    client.put("/v1/mixtures/blend", content=TEXT)
    changed = TEXT.replace("wiki: {dataset: wiki, weight: 1}", "wiki: {dataset: wiki, weight: 3}")
    client.put("/v1/mixtures/blend", content=changed)
    found = client.get("/v1/mixtures/blend/diff?from=1&to=2").json()
    wiki = next(item for item in found["sources"] if item["path"] == "wiki")
    assert wiki["change"] == "changed"
    assert (wiki["from"]["tokens"], wiki["to"]["tokens"]) == (200, 400)
    assert (wiki["from"]["epochs"], wiki["to"]["epochs"]) == (2.5, 5.0)
    assert "-  wiki: {dataset: wiki, weight: 1}" in found["lines"]
    assert found["licenses_and_terms"] == {"added": [], "removed": []}


def test_a_plan_is_made_and_read_for_ever(client: TestClient, data: None) -> None:
    client.put("/v1/mixtures/blend", content=TEXT)
    made = client.post("/v1/mixtures/blend/plan")
    assert made.status_code == 201
    digest = made.json()["plan"]
    answer = client.get(made.headers["location"])
    assert Plan.from_bytes(answer.content).digest == digest
    assert "immutable" in answer.headers["cache-control"]
    etag = {"If-None-Match": answer.headers["etag"]}
    assert client.get(f"/v1/plans/{digest}", headers=etag).status_code == 304
    listed = client.get("/v1/plans").json()["items"]
    assert [(item["digest"], item["mixture"]) for item in listed] == [(digest, "blend@1")]
    assert client.post("/v1/mixtures/blend/plan?version=1").json()["plan"] == digest


def test_a_plan_that_is_refused_says_why(client: TestClient, data: None) -> None:
    text = TEXT.replace("weight: 1}", "weight: 1, max_epochs: 2}")
    client.put("/v1/mixtures/blend", content=text)
    document = problem(client.post("/v1/mixtures/blend/plan"))
    assert (document["status"], document["code"]) == (422, "refused-plan")
    assert "wiki" in str(document["detail"])


def test_a_missing_token_set_names_the_command(client: TestClient, data: None) -> None:
    text = TEXT.replace("tokenizer: tok", "tokenizer: other")
    client.put("/v1/mixtures/blend", content=text)
    document = problem(client.post("/v1/mixtures/blend/plan"))
    assert document["status"] == 404
    assert "tokenizer 'other' is not in" in str(document["detail"])


def test_a_long_plan_is_asked_for_later(client_of: Callable[..., TestClient]) -> None:
    """The runner, with work that ends when the test lets it."""
    client = client_of()
    runner = client.app.state.runner
    go, digest = threading.Event(), "sha256:" + "a" * 64

    def work() -> str:
        go.wait(30)
        return digest

    assert runner.submit("job-1", work, wait_seconds=0).state == "running"
    assert runner.submit("job-1", work, wait_seconds=0).state == "running", "joins, starts none"
    answer = client.get("/v1/mixtures/blend/plan/job-1")
    assert answer.status_code == 202
    assert answer.headers["location"] == "/v1/mixtures/blend/plan/job-1"
    go.set()
    assert runner.submit("job-1", work, wait_seconds=30).plan == digest
    done = client.get("/v1/mixtures/blend/plan/job-1")
    assert (done.status_code, done.headers["location"]) == (201, f"/v1/plans/{digest}")


def test_a_job_that_failed_tells_it_to_whoever_asks(client: TestClient) -> None:
    def work() -> str:
        raise RefusedPlan("a: 3 epochs asked, max_epochs is 2")

    client.app.state.runner.submit("job-2", work, wait_seconds=30)
    document = problem(client.get("/v1/mixtures/blend/plan/job-2"))
    assert (document["status"], document["detail"]) == (422, "a: 3 epochs asked, max_epochs is 2")


def test_a_job_whose_server_died_may_be_asked_for_again(
    client: TestClient, catalog: Catalog
) -> None:
    from mixtures.catalog.jobs import Jobs

    Jobs(catalog).claim("job-3", now=0, lost_seconds=30)
    document = problem(client.get("/v1/mixtures/blend/plan/job-3"))
    assert document["status"] == 503
    job = client.app.state.runner.submit("job-3", lambda: "sha256:" + "b" * 64, wait_seconds=30)
    assert job.state == "done"


def test_an_alias_of_a_mixture_moves_like_one_of_a_dataset(client: TestClient) -> None:
    client.put("/v1/mixtures/blend", content=TEXT)
    path = "/v1/mixtures/blend/aliases/prod"
    assert client.put(path, json={"version": 1}).status_code == 200
    assert client.get("/v1/mixtures/blend/versions/prod").json()["version"] == 1
    stale = client.put(path, json={"version": 1}, headers={"If-None-Match": "*"})
    assert problem(stale)["status"] == 412


def test_a_text_is_published_only_over_the_version_that_was_looked_at(client: TestClient) -> None:
    path, fresh = "/v1/mixtures/blend", {"If-None-Match": "*"}
    first = client.put(path, content=TEXT, headers=fresh)
    assert first.status_code == 201
    assert problem(client.put(path, content=TEXT, headers=fresh))["status"] == 412
    seen = client.get(f"{path}/versions/1").headers["etag"]
    assert seen == first.headers["etag"]
    second = client.put(path, content=TEXT + "# 2\n", headers={"If-Match": seen})
    assert (second.status_code, second.json()["version"]) == (201, 2)
    stale = problem(client.put(path, content=TEXT + "# 3\n", headers={"If-Match": seen}))
    assert (stale["status"], stale["code"]) == (412, "precondition-failed")
    assert "mixture 'blend' is at version 2 now" in stale["detail"]
    for tag, status in (('"x"', 412), (f"W/{seen}", 412), (f"{seen}, {seen}", 412), ("*?", 400)):
        wrong = client.put(path, content=TEXT + "# 4\n", headers={"If-Match": tag})
        assert problem(wrong)["status"] == status, tag
    newest = second
    for number, tag in enumerate(("*", '"x", {newest} , "y"'), start=3):
        tag = tag.format(newest=newest.headers["etag"])
        newest = client.put(path, content=TEXT + f"# {number}\n", headers={"If-Match": tag})
        assert newest.status_code == 201, tag
    assert problem(client.put(path + "2", content=TEXT, headers={"If-Match": "*"}))["status"] == 412
    assert len(client.get(path).json()["versions"]) == 4


def test_of_writers_that_looked_at_the_same_version_one_publishes(client: TestClient) -> None:
    path = "/v1/mixtures/blend"
    seen = client.put(path, content=TEXT).headers["etag"]
    codes: list[int] = []

    def write(number: int) -> None:
        body = TEXT + f"# {number}\n"
        codes.append(client.put(path, content=body, headers={"If-Match": seen}).status_code)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [201, *[412] * 7]
