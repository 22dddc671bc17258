from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.base.errors import IntegrityError, InvalidDocument, TryAgain, UsageError
from curation.base.store import Store
from curation.shards.manifest import DatasetManifest
from mixtures.query import Limits, Stats, query
from tests.versions import Row, commit_rows

words = st.text(st.sampled_from("aあ味\U0001f363 \n'\"%"), max_size=6)
rows_of = st.lists(
    st.fixed_dictionaries(
        {
            "text": words,
            "source": st.sampled_from(["web", "wiki", "we'b", None]),
            "language": st.sampled_from(["ja", "en", None]),
            "license": st.sampled_from(["CC-BY-4.0", None]),
            "edu.score": st.sampled_from([0.0, 1.5, 3.0, float("nan"), None]),
            "edu.flag": st.sampled_from([True, False, None]),
        }
    ),
    max_size=12,
)
# (condition, the same in Python; None as SQL's null)
CONDITIONS: list[tuple[str | None, Callable[[Row], bool]]] = [
    (None, lambda row: True),
    ("edu.score >= 1.5", lambda row: row["edu.score"] in (1.5, 3.0)),
    ("source != 'web'", lambda row: row["source"] not in ("web", None)),
    ("source == 'we''b'", lambda row: row["source"] == "we'b"),
    ("license is null and edu.flag", lambda row: not row["license"] and row["edu.flag"] is True),
    ("text == 'a'", lambda row: row["text"] == "a"),
]


def oracle(
    rows: list[Row], by: list[str], selected: Callable[[Row], bool], tokens: list[int] | None
) -> dict[tuple[Any, ...], tuple[int, ...]]:
    """Groups by plain Python."""
    found: dict[tuple[Any, ...], list[int]] = {}
    for place, row in enumerate(rows):
        if not selected(row):
            continue
        group = found.setdefault(tuple(row.get(name) for name in by), [0, 0, 0, 0])
        group[0] += 1
        group[1] += len(row["text"].encode())
        group[2] += len(row["text"])
        group[3] += 0 if tokens is None else tokens[place]
    if not by and not found:
        found[()] = [0, 0, 0, 0]
    return {key: tuple(sums if tokens is not None else sums[:3]) for key, sums in found.items()}


def as_groups(stats: Stats, by: list[str]) -> dict[tuple[Any, ...], tuple[int, ...]]:
    groups = {row[: len(by)]: tuple(value or 0 for value in row[len(by) :]) for row in stats.rows}
    assert len(groups) == len(stats.rows)
    return groups


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=rows_of,
    by=st.lists(st.sampled_from(["source", "language", "edu.flag"]), unique=True, max_size=3),
    condition=st.sampled_from(CONDITIONS),
    with_tokens=st.booleans(),
    shard_rows=st.integers(1, 5),
)
def test_every_answer_is_that_of_plain_python(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[dict[str, Any]],
    by: list[str],
    condition: tuple[str | None, Callable[[Row], bool]],
    with_tokens: bool,
    shard_rows: int,
) -> None:
    store = Store(tmp_path_factory.mktemp("store"))
    rows = [{"id": str(place), **row} for place, row in enumerate(rows)]
    manifest = commit_rows(store, "web", rows, shard_rows=shard_rows)
    counts = [7 * place + 1 for place in range(len(rows))]

    def tokens(shard: int) -> Any:
        return np.array(counts[shard * shard_rows : (shard + 1) * shard_rows], np.int64)

    where, selected = condition
    found = query(store, manifest, group_by=by, where=where, tokens=tokens if with_tokens else None)
    wanted = oracle(rows, by, selected, counts if with_tokens else None)
    assert as_groups(found, by) == wanted
    measured = found.columns[len(by) :]
    assert measured == ("documents", "bytes", "characters", "tokens")[: 3 + with_tokens]


ROWS: list[Row] = [
    {"id": str(n), "text": "味" * n, "source": "wiki" if n % 3 else "web", "language": "ja"}
    for n in range(10)
]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


@pytest.fixture
def manifest(store: Store) -> DatasetManifest:
    return commit_rows(store, "web", ROWS)


def test_groups_of_the_stats_file_read_no_document(store: Store, manifest: DatasetManifest) -> None:
    for shard in manifest.shards[1:]:
        manifest.file(store, shard).unlink()
    found = query(store, manifest, group_by=["source"])
    assert found.source == "stats.parquet"
    assert found.rows == (("wiki", 6, 81, 27), ("web", 4, 54, 18))


def test_the_stats_file_and_the_documents_agree(store: Store, manifest: DatasetManifest) -> None:
    by_file = query(store, manifest, group_by=["source", "language"])
    by_documents = query(store, manifest, group_by=["source", "language"], where="id != ''")
    assert by_documents.source == "documents"
    assert by_file.rows == by_documents.rows


def test_a_shard_that_lost_its_bytes_is_named(store: Store, manifest: DatasetManifest) -> None:
    manifest.file(store, manifest.shards[2]).write_bytes(b"PAR1 no longer")
    with pytest.raises(IntegrityError, match=r"web@sha256:[0-9a-f]+, shard part-00002.parquet"):
        query(store, manifest, where="id != ''")


@pytest.mark.parametrize(
    ("group_by", "message"),
    [
        (["sauce"], "'sauce' is not a column; did you mean 'source'"),
        (["text"], "'text' cannot be grouped by"),
        (["edu.score"], "'edu.score' cannot be grouped by"),
        (['source" FROM documents; DROP TABLE documents; --'], "is not a column"),
        ([f"c{n}" for n in range(9)], "names 9 columns, at most 8"),
    ],
)
def test_a_column_that_cannot_be_grouped_by_is_refused(
    store: Store, manifest: DatasetManifest, group_by: list[str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        query(store, manifest, group_by=group_by)


@pytest.mark.parametrize(
    "where",
    [
        "1 = 1; DROP TABLE documents",
        "source == 'a' union select 1",
        "read_csv('/etc/passwd') == 1",
        "source ==",
        "colour == 'red'",
        "edu.score == 'high'",
    ],
)
def test_a_condition_outside_the_language_is_refused(
    store: Store, manifest: DatasetManifest, where: str
) -> None:
    with pytest.raises(InvalidDocument, match="where:1:"):
        query(store, manifest, where=where)


@settings(max_examples=50, deadline=None)
@given(value=st.text(st.characters(exclude_categories=("Cs",)), max_size=20))
def test_any_text_in_a_value_stays_a_value(
    tmp_path_factory: pytest.TempPathFactory, value: str
) -> None:
    store = Store(tmp_path_factory.mktemp("store"))
    rows: list[Row] = [{"id": "0", "text": "a", "source": value}, {"id": "1", "text": "bb"}]
    manifest = commit_rows(store, "web", rows)
    quoted = value.replace("'", "''")
    try:
        found = query(store, manifest, group_by=["source"], where=f"source == '{quoted}'")
    except InvalidDocument:
        return  # the language has fewer characters in its strings than the data may have
    assert found.rows == ((value, 1, 1, 1),)


def test_too_many_groups_are_refused(store: Store, manifest: DatasetManifest) -> None:
    with pytest.raises(UsageError, match="more than 1 groups"):
        query(store, manifest, group_by=["source"], limits=Limits(groups=1))


def test_too_many_documents_are_refused_unless_the_stats_file_answers(
    store: Store, manifest: DatasetManifest
) -> None:
    limits = Limits(rows_read=9)
    with pytest.raises(UsageError, match="has 10 documents, a query may read 9"):
        query(store, manifest, where="id != ''", limits=limits)
    assert query(store, manifest, limits=limits).rows == ((10, 135, 45),)


def test_a_query_is_stopped_at_its_bound_of_seconds(store: Store) -> None:
    """A version so large that counting it takes seconds: the shard is read again and again."""
    manifest = commit_rows(store, "web", ROWS, shard_rows=10)
    many = object.__new__(DatasetManifest)  # a manifest of this size would not pass its own checks
    for name in DatasetManifest.__slots__:
        object.__setattr__(many, name, getattr(manifest, name))
    object.__setattr__(many, "shards", manifest.shards * 100_000)
    started = time.monotonic()
    with pytest.raises(TryAgain, match=r"took longer than 0.3 s"):
        query(store, many, where="id != ''", limits=Limits(seconds=0.3))
    assert time.monotonic() - started < 5


def test_a_query_is_stopped_at_its_bound_of_memory(store: Store) -> None:
    rows: list[Row] = [
        {"id": str(n), "text": "", "source": f"{n:0200d}", "language": "ja"} for n in range(60_000)
    ]
    manifest = commit_rows(store, "web", rows, shard_rows=60_000, with_stats=False)
    with pytest.raises(TryAgain, match="needed more than 8388608 bytes"):
        query(store, manifest, group_by=["source"], limits=Limits(bytes=8 << 20))


def test_the_stats_file_holds_a_row_for_each_shard_and_group(
    store: Store, manifest: DatasetManifest
) -> None:
    assert manifest.stats is not None
    table = pq.read_table(manifest.file(store, manifest.stats))
    assert table.num_rows == 7
    first = table.to_pylist()[0]
    assert (first["shard"], first["source"], first["documents"]) == ("part-00000.parquet", "web", 1)
    assert sum(sum(row["lengths"]) for row in table.to_pylist()) == 10
