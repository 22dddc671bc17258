from __future__ import annotations

from collections.abc import Callable

import pytest

from curation.base.digest import canonical, digest_bytes, digest_of
from curation.base.errors import Failed, NotFound, UsageError
from curation.base.store import Store, write_atomic
from curation.shards.manifest import DatasetManifest
from mixtures.catalog import Catalog, PlanSummary, StaleAlias
from tests.mixtures.catalog.conftest import version_of

Commit = Callable[[str, str], DatasetManifest]
PLAN = digest_bytes(b"plan")


def test_versions_count_from_one_and_resolve_by_number_digest_and_alias(
    catalog: Catalog, committed: Commit
) -> None:
    first, second = (catalog.register_dataset("web", committed("web", text)) for text in "ab")
    catalog.set_alias("dataset", "web", "prod", 1)
    assert (first.number, second.number) == (1, 2)
    assert catalog.dataset("web").number == 2
    assert catalog.dataset("web@1") == first
    assert catalog.dataset("web@prod") == first
    assert catalog.dataset(f"web@{second.digest}") == second
    assert first.manifest == version_of("web", "a")


def test_the_same_rows_again_return_the_version_they_have(
    catalog: Catalog, committed: Commit
) -> None:
    first = catalog.register_dataset("web", committed("web", "a"))
    catalog.register_dataset("web", committed("web", "b"))
    assert catalog.register_dataset("web", committed("web", "a")) == first
    assert [item.number for item in catalog.versions("dataset", "web")] == [2, 1]


def test_a_version_that_was_not_committed_gets_no_number(catalog: Catalog) -> None:
    with pytest.raises(Failed, match="not committed"):
        catalog.register_dataset("web", version_of("web", "a"))


def test_kinds_do_not_share_names(catalog: Catalog, committed: Commit) -> None:
    catalog.register_dataset("ja", committed("ja", "a"))
    catalog.publish_mixture("ja", "version: 1\n")
    catalog.register_tokenizer("ja", digest_bytes(b"model"), {"pieces": 8})
    assert catalog.mixture("ja@1").text == "version: 1\n"
    assert catalog.tokenizer("ja").document == {"pieces": 8}
    assert [item.name for item in catalog.datasets()] == ["ja"]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("wiki", "dataset 'wiki' is not in .*awase dataset ls"),
        ("web@9", "dataset 'web@9': there is no such version of 'web', which has 1 to 1"),
        ("web@prod", "dataset 'web' has no alias 'prod'; its aliases: stable"),
    ],
)
def test_what_is_missing_is_named_with_what_there_is(
    catalog: Catalog, committed: Commit, reference: str, message: str
) -> None:
    catalog.register_dataset("web", committed("web", "a"))
    catalog.set_alias("dataset", "web", "stable", 1)
    with pytest.raises(NotFound, match=message):
        catalog.dataset(reference)


def test_an_alias_keeps_its_history_and_can_be_removed(catalog: Catalog, committed: Commit) -> None:
    for text in "ab":
        catalog.register_dataset("web", committed("web", text))
    for version in (1, 2, 2, None, 1):
        catalog.set_alias("dataset", "web", "prod", version)
    history = catalog.alias_history("dataset", "web", "prod")
    assert [(move.revision, move.version) for move in history] == [
        (1, 1),
        (2, 2),
        (3, None),
        (4, 1),
    ]


def test_a_caller_that_has_not_seen_the_last_move_is_refused(
    catalog: Catalog, committed: Commit
) -> None:
    catalog.register_dataset("web", committed("web", "a"))
    catalog.register_dataset("web", committed("web", "b"))
    assert catalog.set_alias("dataset", "web", "prod", 1, expected=0).revision == 1
    with pytest.raises(StaleAlias, match=r"web@prod is at revision 1 .version 1., not 0"):
        catalog.set_alias("dataset", "web", "prod", 2, expected=0)
    assert catalog.set_alias("dataset", "web", "prod", 2, expected=1).revision == 2


def test_an_alias_points_at_a_version_that_exists_and_is_no_number(
    catalog: Catalog, committed: Commit
) -> None:
    catalog.register_dataset("web", committed("web", "a"))
    with pytest.raises(NotFound, match="web@7"):
        catalog.set_alias("dataset", "web", "prod", 7)
    with pytest.raises(UsageError, match="'12' is a number"):
        catalog.set_alias("dataset", "web", "12", 1)


def test_tags_are_merged_and_the_note_stays_until_changed(
    catalog: Catalog, committed: Commit
) -> None:
    catalog.register_dataset("web", committed("web", "a"))
    catalog.annotate("dataset", "web", 1, tags={"owner": "data", "tier": "gold"}, note="よい")
    notes = catalog.annotate("dataset", "web", 1, tags={"tier": None, "year": "2026"})
    assert (notes.tags, notes.note) == ({"owner": "data", "year": "2026"}, "よい")


def test_a_plan_is_found_by_its_first_digits_and_from_its_datasets(
    catalog: Catalog, committed: Commit
) -> None:
    used = catalog.register_dataset("web", committed("web", "a"))
    source = {"path": "ja.web", "dataset": "web", "version": used.digest}
    catalog.record_plan(PLAN, "base@1", {"sources": [source]})
    plan = catalog.plan(PLAN[7:15])
    assert (plan.digest, plan.mixture) == (PLAN, "base@1")
    (found,) = catalog.plans_with(used.digest)
    assert found == PlanSummary(PLAN, "base@1", sources=1, tokens=0, created=plan.created)
    assert catalog.plans_with(digest_bytes(b"other")) == []
    with pytest.raises(UsageError, match="at least 6"):
        catalog.plan("abc")
    with pytest.raises(NotFound):
        catalog.plan("0" * 64)


def test_a_plan_of_a_file_is_named_once_it_is_published(
    lose: Callable[[], None], store: Store
) -> None:
    document: dict[str, object] = {"sources": []}
    digest = digest_of(document)
    write_atomic(store.plan_path(digest), canonical(document))
    names = []
    with Catalog.open(store) as catalog:
        for name in (None, None, "base@1", "other@1", None):
            catalog.record_plan(digest, name, document)
            names.append(catalog.plan(digest).mixture)
    assert names == [None, None, "base@1", "base@1", "base@1"]
    lose()
    with Catalog.open(store) as catalog:
        assert catalog.plan(digest).mixture == "base@1"


def test_plans_are_paged_newest_first(store: Store) -> None:
    times = iter(f"2026-01-01T00:00:0{second}+00:00" for second in (1, 1, 2))
    with Catalog.open(store) as catalog:
        catalog._clock = lambda: next(times)
        digests = [digest_bytes(str(number).encode()) for number in range(3)]
        for digest in digests:
            catalog.record_plan(digest, None, {"sources": []})
        first = catalog.plans(limit=2)
        last = first[-1]
        rest = catalog.plans(after=(last.created, last.digest))
    assert [plan.digest for plan in first + rest] == [digests[2], *sorted(digests[:2])]


def test_a_lost_database_is_filled_from_the_store(
    lose: Callable[[], None], store: Store, committed: Commit
) -> None:
    with Catalog.open(store) as catalog:
        used = catalog.register_dataset("web", committed("web", "a"))
        catalog.publish_mixture("base", "version: 1\n")
        catalog.register_tokenizer("ja", digest_bytes(b"model"), {"pieces": 8})
        for version in (1, None, 1):
            catalog.set_alias("mixture", "base", "prod", version)
        catalog.annotate("mixture", "base", 1, tags={"tier": "gold"}, note="first")
        source = {"path": "web", "dataset": "web", "version": used.digest}
        plan = {"sources": [source]}
        write_atomic(store.plan_path(digest_of(plan)), canonical(plan))
        catalog.record_plan(digest_of(plan), "base@1", plan)
        before = _everything(catalog, used.digest)
    lose()
    with Catalog.open(store) as catalog:
        assert _everything(catalog, used.digest) == before
        assert catalog.rebuild().problems == []
        assert _everything(catalog, used.digest) == before


def _everything(catalog: Catalog, digest: str) -> list[object]:
    return [
        catalog.datasets(),
        catalog.mixtures(),
        catalog.tokenizers(),
        catalog.alias_history("mixture", "base", "prod"),
        catalog.notes("mixture", "base", 1),
        catalog.plans(),
        catalog.plans_with(digest),
    ]


def test_rebuilding_reports_what_is_damaged_and_keeps_the_rest(
    store: Store, catalog: Catalog, committed: Commit
) -> None:
    for text in "ab":
        catalog.register_dataset("web", committed("web", text))
    first = catalog.dataset("web@1")
    (store.dataset_dir("web", first.digest) / "manifest.json").write_text("{")
    report = catalog.rebuild()
    assert report.counts == {"dataset versions": 1}
    assert len(report.problems) == 1
    assert "manifest.json is not JSON" in report.problems[0]
    assert catalog.dataset("web").number == 2


def test_a_ref_without_a_row_is_read_in_by_the_next_call(
    store: Store, catalog: Catalog, committed: Commit
) -> None:
    other = Store(store.root)
    committed("web", "a")
    with Catalog.open(other, "sqlite:///" + str(store.root / "elsewhere.db")) as elsewhere:
        elsewhere.register_dataset("web", version_of("web", "a"))
        elsewhere.set_alias("dataset", "web", "prod", 1)
    assert catalog.dataset("web@prod").number == 1


def test_a_database_of_a_newer_awase_is_refused(store: Store, catalog: Catalog) -> None:
    with catalog.database.write() as rows:
        rows.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Failed, match=r"newer awase .revision 9999"):
        Catalog.open(store)


def test_a_file_that_is_no_database_is_reported_with_the_way_out(
    sqlite_only: None, store: Store
) -> None:
    write_atomic(store.catalog_path, b"not a database" * 100)
    with pytest.raises(Failed, match="doctor --rebuild"):
        Catalog.open(store)


def test_a_catalog_url_of_another_kind_is_refused(store: Store) -> None:
    with pytest.raises(UsageError, match="postgresql"):
        Catalog.open(store, "mysql://x:secret@host/db")


def test_many_references_mean_what_each_means_alone(
    store: Store, catalog: Catalog, committed: Callable[[str, str], DatasetManifest]
) -> None:
    names = [f"d{k}" for k in range(25)]
    for name in names:
        catalog.register_dataset(name, committed(name, "one"))
    catalog.set_alias("dataset", "d3", "prod", 1)
    with Catalog.open(store) as other:
        # published after this catalog read its rows, and once only as a ref
        other.register_dataset("d3", committed("d3", "two"))
    references = [*names, "d3@1", "d3@prod", f"d4@{committed('d4', 'one').digest}"]
    found = catalog.datasets_of(references)
    assert found == {ref: catalog.dataset(ref) for ref in references}
    assert (found["d3"].number, found["d3@prod"].number) == (2, 1)
    with pytest.raises(NotFound, match="'d99'"):
        catalog.datasets_of([*names, "d99"])
