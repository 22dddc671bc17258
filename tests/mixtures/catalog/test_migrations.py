"""Databases of every earlier revision, with rows in all their tables, open with nothing changed.

The rows are written by SQL as that revision had its tables, never through today's models.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

import mixtures.catalog
from curation.base.digest import digest_bytes
from curation.base.store import Store
from curation.shards.manifest import DatasetManifest
from mixtures.catalog import Catalog, MixtureVersion, PlanSummary
from mixtures.catalog.database import sqlite_url
from mixtures.catalog.jobs import Job, Jobs
from mixtures.catalog.models import HEAD
from mixtures.runs import BLOCK, Entry, Lease, Run, Runs
from tests.mixtures.catalog.conftest import version_of

Row = dict[str, Any]
Commit = Callable[[str, str], DatasetManifest]
TIMES = [f"2025-0{month}-01T00:00:00+00:00" for month in range(1, 4)]
TEXT = 'version: 1\nname: base\ndescription: "it\'s 合わせ味噌 %s \\\\ ; --"\n'
DATA = version_of("web", "a")
TOKENIZER, VIEW = digest_bytes(b"tokenizer"), digest_bytes(b"view")
FIRST, SECOND = digest_bytes(b"first plan"), digest_bytes(b"second plan")


def plan_document(sources: int, untils: list[int], **more: Any) -> Row:
    """What the catalog reads of a plan.json."""
    listed = [
        {"path": f"ja.s{k}", "dataset": "web", "version": DATA.digest} for k in range(sources)
    ]
    stages = [{"until": until, "counts": [until]} for until in untils]
    return {"sources": listed, "stages": stages, "sequence_length": 4096, **more}


# 2^50 + 1 sequences of 4,096: no 32-bit column holds their tokens.
PLANS = {
    FIRST: plan_document(2, [10, 24_414_062], **{"from": 0, "parent": None}),
    SECOND: plan_document(1, [(1 << 50) + 1], **{"from": BLOCK, "parent": FIRST}),
}
RUN_CHANGE = {"from": BLOCK, "weights": {"ja": "1/3"}}


def text_of(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False)


# revision -> the tables it brought, with rows
ROWS: dict[str, dict[str, list[Row]]] = {
    "0001": {
        "versions": [
            {"kind": kind, "name": name, "number": 1, "digest": digest, "created": TIMES[0]}
            | {"document": text_of(document)}
            for kind, name, digest, document in (
                ("dataset", "web", DATA.digest, {"text_digest": DATA.text_digest, "parents": []}),
                ("tokenizer", "tok", TOKENIZER, {"document": {"pieces": 8}}),
                ("mixture", "base", digest_bytes(TEXT.encode()), {"text": TEXT}),
            )
        ],
        "alias_moves": [
            {"kind": "mixture", "name": "base", "alias": "prod", "revision": number}
            | {"version": version, "created": TIMES[0]}
            for number, version in ((1, 1), (2, None), (3, 1))
        ],
        "notes": [
            {"kind": "mixture", "name": "base", "number": 1, "revision": 1, "created": TIMES[1]}
            | {"document": text_of({"tags": {"tier": "金"}, "note": "it's good"})}
        ],
        "token_sets": [
            {"text_digest": DATA.text_digest, "tokenizer_digest": TOKENIZER, "created": TIMES[0]}
        ],
        "views": [
            {"digest": VIEW, "document": text_of({"packing": "concat"}), "created": TIMES[1]}
        ],
        "plans": [
            {"digest": digest, "mixture": mixture, "created": created}
            | {"document": text_of(PLANS[digest])}
            for digest, mixture, created in ((FIRST, "base@1", TIMES[1]), (SECOND, None, TIMES[2]))
        ],
        "plan_sources": [
            {"plan": plan, "path": source["path"], "dataset": "web", "digest": source["version"]}
            for plan, document in PLANS.items()
            for source in document["sources"]
        ],
    },
    "0002": {
        "runs": [
            {"id": "run-1", "head": SECOND, "sealed": 3 * BLOCK, "entries": 2, "created": TIMES[1]}
        ],
        "run_entries": [
            {"run": "run-1", "number": number, "plan": plan, "start": start}
            | {"document": text_of(change), "created": TIMES[number]}
            for number, plan, start, change in ((0, FIRST, 0, {}), (1, SECOND, BLOCK, RUN_CHANGE))
        ],
    },
    "0003": {
        "jobs": [
            {"name": "done", "state": "done", "renewed": 1_700_000_000}
            | {"document": text_of({"plan": FIRST, "problem": None})}
        ],
    },
}
REVISIONS = sorted(ROWS)


def url_of(store: Store) -> str:
    return os.environ.get("AWASE_CATALOG") or sqlite_url(store.catalog_path)


def tables_of(revision: str) -> dict[str, list[Row]]:
    return {
        table: rows
        for earlier in REVISIONS[: REVISIONS.index(revision) + 1]
        for table, rows in ROWS[earlier].items()
    }


@pytest.fixture
def build(store: Store) -> Callable[[str], None]:
    """Make the database as awase made it at a revision, with the rows it could hold."""

    def build(revision: str) -> None:
        store.root.mkdir(parents=True, exist_ok=True)
        config = Config()
        folder = Path(mixtures.catalog.__file__).with_name("migrations")
        config.set_main_option("script_location", str(folder))
        engine = sa.create_engine(url_of(store))
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
            for table, rows in tables_of(revision).items():
                columns = ", ".join(rows[0])
                values = ", ".join(f":{name}" for name in rows[0])
                connection.execute(
                    sa.text(f"INSERT INTO {table} ({columns}) VALUES ({values})"), rows
                )
        engine.dispose()

    return build


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_database_of_an_earlier_revision_keeps_every_row(
    store: Store, build: Callable[[str], None], revision: str
) -> None:
    build(revision)
    Catalog.open(store).close()
    engine = sa.create_engine(url_of(store))
    with engine.connect() as connection:
        assert (
            connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == HEAD
        )
        for table, rows in tables_of(revision).items():
            columns = ", ".join(rows[0])
            found = connection.exec_driver_sql(f"SELECT {columns} FROM {table}").mappings().all()
            assert sorted(map(text_of, map(dict, found))) == sorted(map(text_of, rows)), table
    engine.dispose()


@pytest.mark.parametrize("revision", REVISIONS)
def test_what_an_earlier_revision_recorded_is_answered_as_it_was(
    store: Store, build: Callable[[str], None], committed: Commit, revision: str
) -> None:
    build(revision)
    committed("web", "a")
    with Catalog.open(store) as catalog:
        assert catalog.dataset("web").manifest == DATA
        assert catalog.tokenizer("tok@1").document == {"pieces": 8}
        mixture = MixtureVersion("base", 1, digest_bytes(TEXT.encode()), TEXT, TIMES[0])
        assert catalog.mixture("base@prod") == mixture
        moves = catalog.alias_history("mixture", "base", "prod")
        assert [(move.revision, move.version) for move in moves] == [(1, 1), (2, None), (3, 1)]
        notes = catalog.notes("mixture", "base", 1)
        assert (notes.tags, notes.note, notes.revision) == ({"tier": "金"}, "it's good", 1)
        assert catalog.view(VIEW).document == {"packing": "concat"}
        first = PlanSummary(FIRST, "base@1", 2, 24_414_062 * 4096, TIMES[1])
        second = PlanSummary(SECOND, None, 1, ((1 << 50) + 1) * 4096, TIMES[2])
        assert catalog.plans() == [second, first]
        assert catalog.plans_with(DATA.digest) == [second, first]
        assert {digest: catalog.plan(digest).document for digest in PLANS} == PLANS
        if revision >= "0002":
            entries = (
                Entry(0, FIRST, 0, {}, TIMES[0]),
                Entry(1, SECOND, BLOCK, RUN_CHANGE, TIMES[1]),
            )
            assert Runs(catalog).all() == [Run("run-1", SECOND, 3 * BLOCK, TIMES[1], entries)]
            assert Runs(catalog).lease("run-1", position=0, count=1) == Lease(SECOND, 3 * BLOCK)
        if revision >= "0003":
            assert Jobs(catalog).get("done", now=0, lost_seconds=1) == Job(
                "done", "done", FIRST, None
            )
        # and it can be written: what 0004 added is given for new rows, what was there is met again
        catalog.record_plan(digest_bytes(b"new"), None, plan_document(3, [5]))
        assert catalog.plans(limit=1)[0].sources == 3
        assert catalog.publish_mixture("base", TEXT) == (mixture, False)


@pytest.mark.parametrize("revision", REVISIONS)
def test_processes_that_open_an_old_database_at_once_upgrade_it_once(
    store: Store, build: Callable[[str], None], revision: str
) -> None:
    build(revision)

    def tokens(_: int) -> list[int]:
        with Catalog.open(store) as catalog:
            return [plan.tokens for plan in catalog.plans()]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(tokens, range(8)))
    assert answers == [[((1 << 50) + 1) * 4096, 24_414_062 * 4096]] * 8
