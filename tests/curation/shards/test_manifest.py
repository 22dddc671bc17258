from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from curation.base.errors import IntegrityError, NotFound
from curation.base.store import Store, to_json, write_atomic
from curation.shards.manifest import DataFile, DatasetManifest, Input, Shard, load

A, B, C = ("sha256:" + letter * 64 for letter in "abc")


def manifest() -> DatasetManifest:
    return DatasetManifest(
        name="web-ja",
        digest=A,
        text_digest=B,
        rows=3,
        bytes=30,
        characters=10,
        shards=(
            Shard("part-00000.parquet", C, rows=2, bytes=20, characters=7, file_bytes=99),
            Shard("x.parquet", C, rows=1, bytes=10, characters=3, file_bytes=9, path="/data/x"),
        ),
        audit=(DataFile("audit-00000.parquet", C, rows=4, file_bytes=50),),
        stats=DataFile("stats.parquet", C, rows=1, file_bytes=5),
        recipe={"version": 1, "steps": []},
        recipe_fingerprint=C,
        inputs=(Input("raw.jsonl.zst", C, bytes=1000),),
        licenses={"CC-BY-SA-4.0": 2, "NOASSERTION": 1},
        counts={"in": 4, "kept": 3, "dropped": 1},
        reasons={"too_short": 1},
    )


def test_a_manifest_is_read_back_as_it_was_committed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert manifest().commit(store)
    assert load(store, "web-ja", A) == manifest()


def test_a_second_commit_of_the_same_rows_changes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    manifest().commit(store)
    assert not replace(manifest(), created="2026-11-24T00:00:00+00:00").commit(store)
    assert load(store, "web-ja", A).created == ""


def test_files_lie_beside_the_manifest_unless_imported_in_place(tmp_path: Path) -> None:
    store, value = Store(tmp_path), manifest()
    first, second = value.shards
    assert value.file(store, first) == value.directory(store) / "part-00000.parquet"
    assert value.file(store, second) == Path("/data/x")


def test_a_missing_version_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"dataset web-ja@sha256:a+"):
        load(Store(tmp_path), "web-ja", A)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "version is 2, this awase reads 1"),
        ({"rows": 4}, "rows is 4, its shards add up to 3"),
        ({"colour": "red"}, "unknown key 'colour'"),
        ({"digest": "abc"}, "'abc' is not sha256"),
        ({"name": "../etc"}, "name '../etc' is not a name"),
        ({"stats": {"name": "../s", "sha256": C, "rows": 0, "file_bytes": 0}}, "file name '../s'"),
        ({"shards": [{"name": "a"}]}, "missing"),
    ],
)
def test_a_damaged_manifest_is_refused_with_the_reason(
    change: dict[str, object], message: str
) -> None:
    document = {**manifest().to_document(), **change}
    with pytest.raises(IntegrityError, match=message):
        DatasetManifest.from_document(document)


def test_a_manifest_with_another_letter_is_damaged(tmp_path: Path) -> None:
    store = Store(tmp_path)
    manifest().commit(store)
    path = store.dataset_dir("web-ja", A) / "manifest.json"
    whole = path.read_text()
    assert '"CC-BY-SA-4.0"' in whole
    write_atomic(path, whole.replace("CC-BY-SA-4.0", "CC-BY-SA-3.0").encode())
    with pytest.raises(IntegrityError, match=r"damaged: its check is sha256:.* has sha256:"):
        load(store, "web-ja", A)


def test_a_manifest_of_before_has_no_check(tmp_path: Path) -> None:
    store = Store(tmp_path)
    write_atomic(
        store.dataset_dir("web-ja", A) / "manifest.json", to_json(manifest().to_document())
    )
    assert load(store, "web-ja", A) == manifest()


def test_a_manifest_in_the_wrong_folder_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    manifest().commit(store)
    data = (store.dataset_dir("web-ja", A) / "manifest.json").read_bytes()
    write_atomic(store.dataset_dir("web-ja", C) / "manifest.json", data)
    with pytest.raises(IntegrityError, match=r"is that of web-ja@sha256:a+"):
        load(store, "web-ja", C)
