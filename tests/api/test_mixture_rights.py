"""One row in a thousand without a licence, or made with GPT-4, changes what a POSTed plan says."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from curation.base.store import Store
from mixtures.catalog import Catalog
from tests.api.test_problems import problem
from tests.mixtures.rights import add_mixed, mixture

CLEAN, MADE = "score < 500", "score >= 650 and score < 750"


@pytest.fixture(autouse=True)
def data(store: Store, catalog: Catalog) -> None:
    add_mixed(store, catalog)


def posted(client: TestClient, where: str | None, rules: str = "") -> Any:
    assert client.put("/v1/mixtures/rights", content=mixture(where, rules=rules)).status_code == 201
    return client.post("/v1/mixtures/rights/plan")


def source_of(client: TestClient, where: str | None) -> tuple[list[str], list[str]]:
    made = posted(client, where)
    assert made.status_code == 201
    (source,) = client.get(made.headers["location"]).json()["sources"]
    return source["licenses"], source["terms"]


def test_a_plan_names_licences_and_terms_of_the_selected_rows(client: TestClient) -> None:
    assert source_of(client, CLEAN) == (["CC-BY-4.0"], [])
    assert source_of(client, MADE) == (["CC-BY-4.0"], ["openai-tos"])
    assert source_of(client, None) == (["CC-BY-4.0", "NOASSERTION"], ["openai-tos"])


def test_a_plan_is_refused_for_one_row(client: TestClient) -> None:
    deny = "licenses: {deny_terms: [openai-tos]}\n"
    assert posted(client, CLEAN, deny).status_code == 201
    refused = problem(posted(client, MADE, deny))
    assert (refused["status"], refused["code"]) == (422, "refused-plan")
    assert "source web: 1 row (1% of its tokens" in refused["detail"]
    assert "openai-tos, from generated_by gpt-4-0613" in refused["detail"]
    refused = problem(posted(client, None, "licenses: {allow: [CC-BY-4.0]}\n"))
    assert "1 row (0.1% of its tokens, 0.1% of the mixture): no licence" in refused["detail"]
