from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from curation.base.errors import Failed, InvalidDocument, UsageError
from curation.decontaminate import INDEXES, index, sets, shared
from curation.decontaminate.sets import EvaluationSet, read_items, resolve
from curation.decontaminate.shared import load_index
from curation.decontaminate.step import Decontaminate
from curation.recipe import Recipe, parse_recipe

QUESTION = "この川を最初に渡った橋はどれでしょうか"
RECORDS = [
    {"id": "a", "q": QUESTION, "choices": [{"text": "木の橋"}, {"text": "石の橋"}], "n": 7},
    {"id": "b", "q": "この山へ最初に登った人は誰でしょうか", "choices": None, "n": None},
]
LINES = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in RECORDS).encode()


def recipe_of(folder: Path, options: str, languages: str = "[ja]") -> Recipe:
    text = (
        "version: 1\ndatasets:\n  web:\n    languages: "
        f"{languages}\n    steps:\n      - step: decontaminate\n        options: {options}\n"
    )
    return parse_recipe(text, file="r.yaml", folder=folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "e.jsonl").write_bytes(LINES)
    (tmp_path / "e.txt").write_text(f"{QUESTION}\n", "utf-8")
    (tmp_path / "empty.jsonl").write_bytes(b"\n")
    (tmp_path / "short.txt").write_text("短い\n", "utf-8")
    (tmp_path / "broken.jsonl").write_bytes(LINES + b"{'q': 1}\n")
    (tmp_path / "list.jsonl").write_bytes(b"[1]\n")
    (tmp_path / "object.jsonl").write_bytes(b'{"q": {"text": "x"}}\n')
    (tmp_path / "page.html").write_text("<p>")
    (tmp_path / "latin.txt").write_bytes(b"ok\ncaf\xe9\n")
    return tmp_path


SET = "{name: s, path: e.jsonl, fields: [q]}"


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (f"{{sets: [{SET}]}}", "r.yaml:7:18: datasets.web.steps[0].options: the key 'action'"),
        ("{action: drop}", "r.yaml:7:18: datasets.web.steps[0].options: the key 'sets' is missing"),
        (f"{{action: dorp, sets: [{SET}]}}", "r.yaml:7:27: datasets.web.steps[0].options.action"),
        ("{action: drop, sets: []}", "options.sets: name at least one evaluation set"),
        (f"{{action: drop, sets: [{SET}], ngram: 3}}", "options.ngram: unknown key"),
        (f"{{action: drop, sets: [{SET}], unit: word}}", "did you mean 'words'?"),
        (f"{{action: drop, sets: [{SET}], n: 7}}", "a whole number from 8 to 100, found 7"),
        (f"{{action: drop, sets: [{SET}], unit: words, n: 14}}", "from 8 to 13, found 14"),
        (f"{{action: drop, sets: [{SET}], shortest: 21}}", "from 1 to 20, found 21"),
        (f"{{action: drop, sets: [{SET}], whole_below: 9}}", "from 20 to 10000, found 9"),
        (f"{{action: drop, sets: [{SET}, {SET}]}}", "a second evaluation set named 's'"),
        ("{action: drop, sets: [{name: s, path: no.jsonl}]}", "r.yaml:7:56: datasets.web.steps[0]"),
        ("{action: drop, sets: [{name: s, path: no.jsonl}]}", "no.jsonl: there is no such file"),
        ("{action: drop, sets: [{name: s, path: e.jsonl}]}", "say under `fields` which of"),
        ("{action: drop, sets: [{name: s, path: e.txt, fields: [q]}]}", "text file have no fields"),
        ("{action: drop, sets: [{name: S-1, path: e.txt}]}", "found 'S-1'"),
        ("{action: drop, sets: [{name: s, path: e.txt, licence: x}]}", "did you mean 'license'?"),
        ("{action: drop, sets: [{name: s, path: e.txt, license: mine}]}", "is no SPDX expression"),
        ("{action: drop, sets: [{name: s, path: page.html}]}", "read from jsonl, parquet, text"),
        (
            "{action: drop, sets: [{name: s, path: e.jsonl, fields: [Q]}]}",
            "no record has the field",
        ),
        ("{action: drop, sets: [{name: s, path: e.jsonl, fields: ['q +']}]}", "joined by '+'"),
        ("{action: drop, sets: [{name: s, path: empty.jsonl, fields: [q]}]}", "holds no item"),
        ("{action: drop, sets: [{name: s, path: short.txt}]}", "none of its 1 texts can be looked"),
        ("{action: drop, sets: [{name: s, path: broken.jsonl, fields: [q]}]}", "broken.jsonl:3: "),
        ("{action: drop, sets: [{name: s, path: list.jsonl, fields: [q]}]}", "no object but list"),
        ("{action: drop, sets: [{name: s, path: object.jsonl, fields: [q]}]}", "no text but dict"),
        (
            "{action: drop, sets: [{name: s, path: latin.txt}]}",
            "latin.txt:2: not UTF-8 at column 4",
        ),
    ],
)
def test_faults_are_named_with_their_place(folder: Path, options: str, wanted: str) -> None:
    with pytest.raises(InvalidDocument) as caught:
        recipe_of(folder, options)
    assert wanted in str(caught.value)


def test_a_cut_needs_the_share_from_which_it_cuts(folder: Path) -> None:
    text = (
        "version: 1\ndatasets: {web: {steps: [{step: decontaminate, options: {action: cut, "
        f"sets: [{SET}], unit: characters}}, rules: {{hits: {{max: 3, source: this test}}}}}}]"
        "}}\n"
    )
    with pytest.raises(InvalidDocument, match="action cut needs a rule on item_share"):
        parse_recipe(text, folder=folder)


def test_the_unit_follows_the_languages_of_the_dataset(folder: Path) -> None:
    for languages, unit in (("[ja]", "characters"), ("[en, zh]", "characters"), ("[en]", "words")):
        options = f"{{action: drop, shortest: 1, sets: [{SET}]}}"
        (dataset,) = recipe_of(folder, options, languages).datasets
        assert dataset.steps[0].settings["unit"] == unit  # type: ignore[attr-defined]
    text = (
        f"version: 1\ndatasets: {{web: {{steps: [{{step: decontaminate, options: {options}}}]}}}}\n"
    )
    (dataset,) = parse_recipe(text, folder=folder).datasets
    assert dataset.steps[0].settings["unit"] == "characters"  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["e.jsonl", "e.jsonl.gz", "e.jsonl.zst", "e.parquet"])
def test_all_formats_give_the_same_items(folder: Path, name: str) -> None:
    path = folder / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(LINES))
    elif name.endswith(".zst"):
        path.write_bytes(zstandard.compress(LINES))
    elif name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(RECORDS), path)
    fields = ("q", "q + choices.text", "n")
    one, other = read_items(EvaluationSet("s", str(path), fields, "id").pinned())
    assert (one.name, other.name) == ("a", "b")
    assert one.texts == (QUESTION, f"{QUESTION}\n木の橋\n石の橋", "7")
    assert other.texts == (RECORDS[1]["q"], None, None)


def test_a_dotted_name_walks_through_objects_and_lists() -> None:
    record = {"a": {"b": [{"c": 1}, {"d": 2}, {"c": 3}]}, "a.b": "whole"}
    assert resolve(record, "a.b") == "whole"
    assert resolve({"a": record["a"]}, "a.b.c") == [1, 3]
    assert resolve(record, "a.x") is None
    assert resolve({"a": 5}, "a.x") is None


def test_files_and_sets_are_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = EvaluationSet("s", str(folder / "e.jsonl"), ("q",))
    monkeypatch.setattr(index, "MAX_UNITS", 30)
    with pytest.raises(UsageError, match="have 37 characters or words; 30 are read"):
        Decontaminate(sets=[source], action="drop", common=11)
    monkeypatch.setattr(sets, "MAX_BYTES", 40)
    with pytest.raises(UsageError, match="at most 40 bytes"):
        Decontaminate(sets=[source], action="drop", common=12)
    table = folder / "e.parquet"
    pq.write_table(pa.Table.from_pylist(RECORDS), table)
    with pytest.raises(UsageError, match="at most 40 bytes"):
        Decontaminate(sets=[EvaluationSet("s", str(table), ("q",))], action="drop")


def test_a_file_that_changes_behind_the_step_is_not_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(INDEXES, raising=False)
    step = Decontaminate(sets=[EvaluationSet("s", str(folder / "e.txt"))], action="drop")
    load_index.cache_clear()  # another process
    (folder / "e.txt").write_text("昨日の夜に降った雪はもう残っていません\n", "utf-8")
    with pytest.raises(Failed, match="changed since the recipe was read"):
        step.score(pa.array([QUESTION], pa.large_string()), {})


def test_a_command_builds_an_index_once_and_maps_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = EvaluationSet("s", str(folder / "e.jsonl"), ("q",))
    texts = pa.array([f"問題です。{QUESTION}の答えは何か", "別の文"], pa.large_string())

    def scores() -> list[list[object]]:
        load_index.cache_clear()  # another process
        step = Decontaminate(sets=[source], action="drop", common=13)
        return [values.to_pylist() for values in step.score(texts, {}).scores.values()]

    monkeypatch.delenv(INDEXES, raising=False)
    own = scores()
    assert own[0][0] > 0  # type: ignore[operator]
    monkeypatch.setenv(INDEXES, str(folder / "indexes"))
    assert scores() == own
    monkeypatch.setattr(shared, "read_index", None)  # it is there
    assert scores() == own
    monkeypatch.undo()
    monkeypatch.setenv(INDEXES, str(folder / "e.jsonl"))  # no folder can be made there
    assert scores() == own
