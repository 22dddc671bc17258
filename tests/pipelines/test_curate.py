from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from curation.base.errors import Failed, InvalidDocument, NotFound, UsageError
from curation.base.store import Store
from curation.shards.reader import iter_batches
from curation.shards.rows import digests
from pipelines.curate import CurateResult, curate

RECIPE = """
version: 1
input: {max_bad_records: 1, task_bytes: 4KB}
datasets:
  web-ja:
    languages: [ja]
    steps:
      - step: characters
        rules:
          too_short: {statistic: characters, min: 20, source: "this test"}
    dedup: {minhash: {unit: characters}}
  web-en:
    languages: [en]
    steps:
      - step: characters
        rules:
          too_short: {statistic: characters, min: 20, source: "this test"}
output: {shard_bytes: 1MB, row_group_bytes: 100KB}
"""

NOUNS = [
    "川",
    "山",
    "町",
    "海",
    "空",
    "森",
    "駅",
    "庭",
    "橋",
    "村",
    "島",
    "寺",
    "畑",
    "窓",
    "鍵",
    "靴",
    "紙",
    "鐘",
    "船",
    "雨",
    "雪",
    "星",
    "砂",
    "石",
    "机",
    "本",
    "絵",
    "歌",
    "声",
    "影",
]
VERBS = [
    "見る",
    "聞く",
    "歩く",
    "走る",
    "書く",
    "読む",
    "待つ",
    "笑う",
    "作る",
    "買う",
    "思う",
    "話す",
    "眠る",
    "泳ぐ",
    "登る",
    "歌う",
]
WORDS = [
    "river",
    "mountain",
    "village",
    "ocean",
    "winter",
    "forest",
    "station",
    "garden",
    "bridge",
    "window",
    "letter",
    "music",
    "morning",
    "evening",
    "shadow",
    "silver",
    "harbour",
    "candle",
    "mirror",
    "bottle",
    "yellow",
    "purple",
    "travel",
    "listen",
]


def japanese(k: int) -> str:
    rng = random.Random(k)
    parts = [f"{rng.choice(NOUNS)}の{rng.choice(NOUNS)}を{rng.choice(VERBS)}と、" for _ in range(9)]
    return f"{k}番目の話です。" + "".join(parts) + "それで終わりました。"


def english(k: int) -> str:
    rng = random.Random(k)
    parts = [f"the {rng.choice(WORDS)} near the {rng.choice(WORDS)}" for _ in range(9)]
    return f"This is story number {k}, and it tells of " + ", then of ".join(parts) + "."


def records() -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for k in range(80):
        found.append({"id": f"ja{k}", "text": japanese(k), "license": "CC-BY-4.0", "n": k})
        found.append({"text": english(k), "url": f"https://example.org/{k}"})
    found.append({"id": "ja0", "text": japanese(200)})  # an id that is taken
    found.append({"id": "again", "text": japanese(3) + " \n"})  # the same text
    found.append({"id": "near", "text": english(5) * 6 + " And a word more."})
    found.append({"id": "near2", "text": english(5) * 6 + " And one word more."})
    found.append({"id": "short", "text": "短い文です。"})
    found.append(
        {"id": "fr", "text": "Il était une fois une petite fille qui vivait à la campagne."}
    )
    return found


def lines(found: list[dict[str, object]]) -> bytes:
    return b"".join(json.dumps(r, ensure_ascii=False).encode() + b"\n" for r in found)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.jsonl.zst"
    path.write_bytes(zstandard.compress(lines(records())))
    return path


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def by_name(results: list[CurateResult]) -> dict[str, CurateResult]:
    return {result.name: result for result in results}


def audit(store: Store, result: CurateResult) -> list[dict[str, object]]:
    files = [result.manifest.file(store, item) for item in result.manifest.audit]
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def test_every_document_is_kept_or_has_a_reason(source: Path, store: Store) -> None:
    results = by_name(curate(RECIPE, [source], store, workers=1))
    ja, en = results["web-ja"], results["web-en"]
    assert ja.manifest.counts["in"] + en.manifest.counts["in"] == len(records())
    for result in (ja, en):
        rows = audit(store, result)
        assert len(rows) == result.manifest.counts["in"]
        assert sum(bool(r["kept"]) for r in rows) == result.manifest.rows
        dropped = [r for r in rows if not r["kept"]]
        assert sum(result.manifest.reasons.values()) == len(dropped)
        assert all(r["reason"] for r in dropped)
    reasons = {r["id"]: r["reason"] for r in audit(store, ja) + audit(store, en) if r["reason"]}
    assert reasons["again"] == "exact_duplicate"
    assert reasons["near2"] == "near_duplicate"
    assert reasons["short"] == "characters.too_short"
    assert reasons["fr"] == "language"


def test_a_failing_document_still_has_every_score(source: Path, store: Store) -> None:
    ja = by_name(curate(RECIPE, [source], store, workers=1))["web-ja"]
    rows = {row["id"]: row for row in audit(store, ja)}
    assert rows["fr"]["characters.characters"] is not None
    assert rows["again"]["duplicate_of"] == "ja3"
    assert rows["ja3"]["dedup.copies"] == 2


def test_ids_are_given_made_or_made_unique(source: Path, store: Store) -> None:
    results = by_name(curate(RECIPE, [source], store, workers=1))
    ids = [row["id"] for row in audit(store, results["web-ja"])]
    assert len(set(ids)) == len(ids)
    assert sum(str(name).startswith("ja0-") for name in ids) == 1
    assert results["web-ja"].manifest.counts["repeated_ids"] == 1
    assert "repeated_ids" not in results["web-en"].manifest.counts
    made = [str(row["id"]) for row in audit(store, results["web-en"]) if row["url"]]
    assert all(len(name) == 32 for name in made)


def test_ids_differ_where_files_are_the_same(tmp_path: Path, store: Store) -> None:
    lines = '{"id": "one", "text": "これは文章です。"}\n{"text": "これは別の文章です。"}\n'
    for name in "abc":
        (tmp_path / f"{name}.jsonl").write_text(lines, "utf-8")
    files = [tmp_path / f"{name}.jsonl" for name in "abc"]
    ja = by_name(curate(RECIPE, files, store, workers=1))["web-ja"]
    ids = [row["id"] for row in audit(store, ja)]
    assert len(set(ids)) == len(ids) == 6
    assert ja.manifest.counts["repeated_ids"] == 2


def test_the_version_holds_the_rows_its_digest_names(source: Path, store: Store) -> None:
    for result in curate(RECIPE, [source], store, workers=1):
        batches = list(iter_batches(store, result.manifest))
        found = digests(batches[0].schema, batches)
        assert found == (result.manifest.digest, result.manifest.text_digest)
        table = pa.Table.from_batches(batches)
        assert result.manifest.bytes == sum(len(t.encode()) for t in table["text"].to_pylist())
    assert json.loads(pa.Table.from_batches(
        list(iter_batches(store, by_name(curate(RECIPE, [source], store))["web-ja"].manifest))
    )["metadata"].to_pylist()[1]) == {"n": 1}  # fmt: skip


def test_workers_format_and_cut_do_not_change_the_rows(source: Path, tmp_path: Path) -> None:
    found = set()
    for workers in (1, 2, 3):
        results = curate(RECIPE, [source], Store(tmp_path / f"w{workers}"), workers=workers)
        found.add(tuple(result.manifest.digest for result in results))
    assert len(found) == 1


def test_a_second_call_returns_the_same_versions(source: Path, store: Store) -> None:
    first = curate(RECIPE, [source], store, workers=1)
    seen: list[str] = []
    second = curate(RECIPE, [source], store, progress=lambda phase, *_: seen.append(phase))
    assert [r.version for r in second] == [r.version for r in first] == ["web-ja@1", "web-en@1"]
    assert {r.created for r in second} == {False}
    assert set(seen) == {"survey"}


def test_the_same_rows_by_another_recipe_are_the_same_version(source: Path, store: Store) -> None:
    first = curate(RECIPE, [source], store, workers=1)
    other = curate(RECIPE.replace("min: 20", "min: 19"), [source], store, workers=1)
    assert [r.version for r in other] == [r.version for r in first]


def test_formats_and_compressions_are_read(tmp_path: Path) -> None:
    found = records()[:4]
    plain = tmp_path / "a.jsonl"
    plain.write_bytes(lines(found))
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(lines(found)))
    table = pa.Table.from_pylist([{"text": r["text"], "id": r.get("id")} for r in found])
    pq.write_table(table, tmp_path / "c.parquet")
    for path in (plain, tmp_path / "b.jsonl.gz", tmp_path / "c.parquet"):
        results = curate(RECIPE, [path], Store(tmp_path / path.suffix), workers=1)
        assert sum(r.manifest.rows for r in results) == 4
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "utf8.txt").write_text(japanese(1))
    (folder / "sjis.txt").write_bytes(japanese(2).encode("cp932"))
    (folder / "euc.txt").write_bytes(japanese(4).encode("euc_jp"))
    ja = by_name(curate(RECIPE, [folder], Store(tmp_path / "t"), workers=1))["web-ja"]
    texts = [
        t for b in iter_batches(Store(tmp_path / "t"), ja.manifest) for t in b["text"].to_pylist()
    ]
    assert sorted(texts) == sorted([japanese(1), japanese(2), japanese(4)])


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'{"text": "broken\n', "broken JSON"),
        (b'{"text": "\x83\x65"}\n', "not UTF-8: byte 0x83 at column 11"),
        (b'{"body": "no text"}\n', "the field 'text' is missing or null"),
        (b'["a list"]\n', "the record is no object but list"),
        (b'{"text": 3}\n', "the field 'text' is int, not a string"),
    ],
)
def test_a_bad_record_is_skipped_and_two_are_too_many(
    line: bytes, why: str, tmp_path: Path, store: Store
) -> None:
    path = tmp_path / "in.jsonl"
    good = lines(records()[:6])
    path.write_bytes(good + line)
    assert sum(r.manifest.counts["in"] for r in curate(RECIPE, [path], store, workers=1)) == 6
    path.write_bytes(good + line + line)
    with pytest.raises(Failed) as caught:
        curate(RECIPE, [path], store, workers=1)
    assert f"{path}:8: " in str(caught.value)
    assert why in str(caught.value)
    assert "max_bad_records" in str(caught.value)


def test_inputs_that_cannot_be_read_are_named(tmp_path: Path, store: Store) -> None:
    with pytest.raises(NotFound, match="no such file"):
        curate(RECIPE, [tmp_path / "none.jsonl"], store)
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    with pytest.raises(Failed, match="the input is empty"):
        curate(RECIPE, [empty], store)
    odd = tmp_path / "a.xyz"
    odd.touch()
    with pytest.raises(UsageError, match="its name tells no format"):
        curate(RECIPE, [odd], store)
    torn = tmp_path / "torn.jsonl.zst"
    torn.write_bytes(zstandard.compress(lines(records()))[:-20])
    with pytest.raises(Failed, match="cannot be decompressed"):
        curate(RECIPE, [torn], store)
    bomb = tmp_path / "bomb.jsonl.gz"
    bomb.write_bytes(gzip.compress(bytes(80 << 20)))
    with pytest.raises(Failed, match=r"over 200 times.*max_expansion"):
        curate(RECIPE, [bomb], store)
    assert not (store.root / "datasets").exists()


def test_a_broken_recipe_names_line_and_column(tmp_path: Path, store: Store) -> None:
    path = tmp_path / "r.yaml"
    path.write_text("version: 1\ndatasets:\n  Web:\n    language: [ja]\n    profile: ja-defalt\n")
    with pytest.raises(InvalidDocument) as caught:
        curate(path, [path], store)
    text = str(caught.value)
    assert f"{path}:3:3: datasets.Web" in text
    assert "4:5: datasets.Web.language: unknown key; did you mean 'languages'?" in text
    assert "did you mean 'ja-default'?" in text


def test_statistics_count_what_was_kept(source: Path, store: Store) -> None:
    for result in curate(RECIPE, [source], store, workers=1):
        assert result.manifest.stats is not None
        table = pq.read_table(result.manifest.file(store, result.manifest.stats))
        assert sum(table["documents"].to_pylist()) == result.manifest.rows
        assert sum(table["bytes"].to_pylist()) == result.manifest.bytes
        shards = {shard.name for shard in result.manifest.shards}
        assert set(table["shard"].to_pylist()) <= shards
