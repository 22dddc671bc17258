from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.base.digest import digest_file
from curation.base.errors import NotFound, UsageError
from curation.base.store import Store
from curation.shards.reader import iter_batches
from mixtures.catalog import Catalog
from mixtures.query import query
from mixtures.verify import verify
from pipelines.import_parquet import import_parquet
from pipelines.import_source import Options


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def catalog(store: Store) -> Iterator[Catalog]:
    with Catalog.open(store) as catalog:
        yield catalog


def rows_of(first: int, count: int) -> list[dict[str, Any]]:
    choose = random.Random(first)
    return [
        {
            "id": f"d{number}",
            "text": "味噌 miso " * choose.randrange(1, 30),
            "license": choose.choice(["CC-BY-4.0", None]),
            "language": "ja",
            "score": choose.random(),
        }
        for number in range(first, first + count)
    ]


def write(path: Path, rows: list[dict[str, Any]], **options: Any) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path, **options)
    return path


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return [
        write(tmp_path / "a.parquet", rows_of(0, 1500), row_group_size=400),
        write(tmp_path / "b.parquet", rows_of(1500, 700)),
    ]


def test_in_place_nothing_is_copied_and_everything_is_known(
    store: Store, catalog: Catalog, files: list[Path]
) -> None:
    version = import_parquet(store, catalog, "web", files)
    manifest = version.manifest
    assert [shard.path for shard in manifest.shards] == [str(path) for path in files]
    assert [shard.sha256 for shard in manifest.shards] == [digest_file(path) for path in files]
    assert not list(store.dataset_dir("web", version.digest).glob("part-*"))
    rows = [row for batch in iter_batches(store, manifest) for row in batch.to_pylist()]
    assert rows == rows_of(0, 1500) + rows_of(1500, 700)
    assert manifest.rows == 2200
    assert manifest.characters == sum(len(row["text"]) for row in rows)
    stated = sum(row["license"] is not None for row in rows)
    assert manifest.licenses == {"CC-BY-4.0": stated, "NOASSERTION": 2200 - stated}
    assert query(store, manifest, group_by=["license"]).source == "stats.parquet"


def test_a_copy_of_the_same_rows_is_the_same_version(
    store: Store, catalog: Catalog, files: list[Path]
) -> None:
    first = import_parquet(store, catalog, "web", files, Options(copy=True, shard_bytes=60_000))
    assert len(first.manifest.shards) > 1
    assert all(shard.rows % 1024 == 0 for shard in first.manifest.shards[:-1])
    again = import_parquet(store, catalog, "web", files, Options(copy=True))
    in_place = import_parquet(store, catalog, "web", files)
    assert again == in_place == first
    assert [check.fault for check in verify(store, first.manifest, label="web@1")] == [""] * 4


def test_a_copy_renames_columns_gives_ids_and_states_a_licence(
    store: Store, catalog: Catalog, tmp_path: Path
) -> None:
    rows = [{"body": "a", "license": "MIT"}, {"body": "b", "license": None}]
    path = write(tmp_path / "x.parquet", rows)
    options = Options(copy=True, text_column="body", license="cc-by-sa-4.0")
    version = import_parquet(store, catalog, "web", [path], options)
    found = [row for batch in iter_batches(store, version.manifest) for row in batch.to_pylist()]
    assert [row["text"] for row in found] == ["a", "b"]
    assert [row["license"] for row in found] == ["MIT", "CC-BY-SA-4.0"]
    assert len({row["id"] for row in found}) == 2
    again = import_parquet(store, catalog, "web", [path], options)
    assert again.number == version.number


def test_repeated_ids_are_refused_in_place_and_told_apart_in_a_copy(
    store: Store, catalog: Catalog, tmp_path: Path
) -> None:
    path = write(tmp_path / "x.parquet", [{"id": "a", "text": str(n)} for n in range(3)])
    with pytest.raises(UsageError, match="2 documents repeat another's id: --copy"):
        import_parquet(store, catalog, "web", [path])
    version = import_parquet(store, catalog, "web", [path], Options(copy=True))
    ids = [
        row["id"] for batch in iter_batches(store, version.manifest) for row in batch.to_pylist()
    ]
    assert ids[0] == "a"
    assert len(set(ids)) == 3


@pytest.mark.parametrize("column", ["id", "doc_id"])
def test_a_copy_writes_numbers_as_ids_and_gives_one_where_there_is_none(
    store: Store, catalog: Catalog, tmp_path: Path, column: str
) -> None:
    """A null was the id "None"; numbers were refused in a column called id, and only there."""
    given = [2**62, 7, None, None]
    path = write(tmp_path / "x.parquet", [{column: value, "text": "x"} for value in given])
    version = import_parquet(store, catalog, "web", [path], Options(copy=True, id_column=column))
    ids = [
        row["id"] for batch in iter_batches(store, version.manifest) for row in batch.to_pylist()
    ]
    assert ids[:2] == [str(2**62), "7"]
    assert [len(name) for name in ids[2:]] == [32, 32]
    assert len(set(ids)) == 4


def test_a_damaged_file_is_named(store: Store, catalog: Catalog, files: list[Path]) -> None:
    data = bytearray(files[1].read_bytes())
    place = pq.ParquetFile(files[1]).metadata.row_group(0).column(1).data_page_offset
    data[place : place + 200] = bytes(200)
    files[1].write_bytes(data)
    with pytest.raises(UsageError, match=r"b.parquet is damaged and cannot be read \("):
        import_parquet(store, catalog, "web", files)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"id": "a", "body": "x"}], r"x.parquet has no column 'text'; there are id, body"),
        ([{"text": "x"}], r"x.parquet has no column 'id': add --copy"),
        ([{"id": 7, "text": "x"}], r"column 'id' is int64, expected string: --copy writes"),
        ([{"id": "a", "text": "x"}, {"id": "b", "text": None}], r"row 1: column 'text' is null"),
    ],
)
def test_what_does_not_fit_is_named(
    store: Store, catalog: Catalog, tmp_path: Path, rows: list[dict[str, Any]], message: str
) -> None:
    path = write(tmp_path / "x.parquet", rows)
    with pytest.raises(UsageError, match=message):
        import_parquet(store, catalog, "web", [path])


def test_files_of_two_schemas_are_refused(store: Store, catalog: Catalog, tmp_path: Path) -> None:
    first = write(tmp_path / "a.parquet", [{"id": "a", "text": "x", "score": 1}])
    second = write(tmp_path / "b.parquet", [{"id": "b", "text": "x", "score": 1.5}])
    with pytest.raises(UsageError, match=r"b.parquet differs from .*a.parquet in column 'score'"):
        import_parquet(store, catalog, "web", [first, second])


def test_a_missing_file_and_one_of_another_kind_are_named(
    store: Store, catalog: Catalog, tmp_path: Path
) -> None:
    with pytest.raises(NotFound, match=r"there is no file .*gone.parquet"):
        import_parquet(store, catalog, "web", [tmp_path / "gone.parquet"])
    (tmp_path / "x.parquet").write_text("{}")
    with pytest.raises(UsageError, match=r"x.parquet is not a Parquet file"):
        import_parquet(store, catalog, "web", [tmp_path / "x.parquet"])


def test_a_bad_licence_and_options_without_a_copy_are_refused() -> None:
    with pytest.raises(UsageError, match="add --copy"):
        Options(license="MIT")
    with pytest.raises(UsageError, match="--license: unknown licence 'FOO'"):
        Options(copy=True, license="FOO")


def test_a_file_that_changed_since_is_named_with_both_digests(
    store: Store, catalog: Catalog, files: list[Path]
) -> None:
    version = import_parquet(store, catalog, "web", files)
    data = bytearray(files[1].read_bytes())
    data[100] ^= 1
    files[1].write_bytes(data)
    faults = [
        check.fault for check in verify(store, version.manifest, label="web@1") if check.fault
    ]
    assert len(faults) == 1
    expected = version.manifest.shards[1].sha256
    assert faults[0].startswith(f"web@1: part-00001.parquet is {digest_file(files[1])}")
    assert f"expected {expected}; it was imported in place and changed since" in faults[0]
