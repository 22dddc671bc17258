from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from curation import language
from curation.base.store import Store
from mixtures.catalog import Catalog
from pipelines.doctor import FASTTEXT, Check, examine
from pipelines.probes import PROBES


def found(store: Store) -> dict[str, Check]:
    return {check.name: check for check in examine(store)}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    with Catalog.open(store):
        pass
    return store


def test_every_library_is_made_to_work(store: Store) -> None:
    checks = found(store)
    assert {name for name, _, _ in PROBES} == {"fasttext", "sentencepiece", "datatrove", "duckdb"}
    assert [check for check in checks.values() if check.level == "problem"] == []
    assert "a Japanese line is ja" in checks["fasttext"].found
    assert FASTTEXT in checks["fasttext"].found
    assert "comes back whole" in checks["sentencepiece"].found
    assert checks["store"].found == f"{store.root}: can be written"
    assert checks["catalog"].found.startswith("sqlite: ")
    assert list(store.root.glob(".doctor*")) == []


@pytest.mark.parametrize("name", ["fasttext", "sentencepiece", "duckdb"])
def test_a_library_that_cannot_be_imported_is_a_problem_with_its_name(
    name: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    language.load.cache_clear()
    monkeypatch.setitem(sys.modules, name, None)
    check = found(store)[name]
    assert check.level == "problem"
    assert "run `make setup` in a fresh .venv" in check.found


def test_a_full_disk_is_a_problem_of_the_store(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    check = found(store)["store"]
    assert check.level == "problem"
    assert "the disk is full" in check.found


def test_a_catalog_that_cannot_be_read_is_a_problem_and_ends_nothing(store: Store) -> None:
    store.catalog_path.write_bytes(b"\x00broken" * 1000)
    checks = found(store)
    assert checks["catalog"].level == "problem"
    assert "doctor --rebuild" in checks["catalog"].found
    assert checks["store"].level == "ok"


def test_a_run_is_unfinished_until_it_has_its_result(store: Store) -> None:
    assert found(store)["unfinished runs"].found == "none"
    for name in ("survey", "spill", "one/logs", "two/logs"):
        (store.root / "work" / name).mkdir(parents=True)
    (store.root / "work" / "one" / "result.json").write_text("{}")
    check = found(store)["unfinished runs"]
    assert check.found.startswith(f"1 in {store.root / 'work'}: run their commands again")
