"""`awase stream --documents` says what a position holds, `--find` where a document is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from curation.base.store import Store
from mixtures.catalog import Catalog
from pipelines.cli.main import command as awase
from tests.tokenstore import view_of, write_corpus, write_plan


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    store = Store(tmp_path)
    monkeypatch.setenv("AWASE_STORE", str(tmp_path))
    ids = iter(range(10, 50_000))
    corpus = write_corpus(store, "web", [[[next(ids) for _ in range(n)] for n in (5, 9, 14, 3)]])
    view = view_of(store, corpus, path="ja.web")
    digest = write_plan(store, {"ja.web": (corpus, view)}, counts=[2 * view.sequences])
    with Catalog.open(store) as catalog:
        catalog.record_plan(digest, None, json.loads(store.plan_path(digest).read_text()))
    return digest


def run(*arguments: str) -> str:
    done = CliRunner().invoke(awase, ["stream", *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def test_documents_and_find_are_inverse(plan: str) -> None:
    found = json.loads(run(plan, "--position", "1", "--count", "2", "--documents", "--json"))
    assert [item["position"] for item in found] == [1, 2]
    for item in found:
        for held in item["documents"]:
            assert held["text"] == f"web {held['row']}"
            lines = run(plan, "--find", "ja.web", held["id"]).split()
            assert str(item["position"]) in lines
            assert len(lines) >= 2
    beyond = json.loads(
        run(plan, "--position", "1", "--count", str(10**14), "--documents", "--json")
    )
    assert beyond[:2] == found
    assert [item["position"] for item in beyond] == list(range(1, len(beyond) + 1))
    text = run(plan, "--position", "1", "--documents")
    assert text.startswith("# position 1, source ja.web, web@sha256:")
    assert "  web " in text


def test_they_stand_alone(plan: str) -> None:
    done = CliRunner().invoke(awase, ["stream", plan, "--documents", "--digest"])
    assert done.exit_code == 2
    assert "--documents and --digest do not go together" in done.output
