from __future__ import annotations

import json
import os
import re
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from curation.base.errors import InvalidDocument
from curation.recipe import parse_recipe, read_recipe
from curation.recipe.schema import recipe_schema

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "pipelines" / "recipes").glob("*.yaml"))
SHIPPED += sorted((ROOT / "examples").glob("*/recipe.yaml"))
LEAST = "version: 1\ndatasets:\n  web: {}\n"


def problems(text: str) -> str:
    with pytest.raises(InvalidDocument) as caught:
        parse_recipe(text, file="r.yaml")
    return str(caught.value)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_shipped_recipes_are_read_and_fit_the_schema(path: Path) -> None:
    assert read_recipe(path).datasets
    jsonschema.validate(YAML(typ="safe").load(path.read_text()), recipe_schema())


HOLDING = "version: 1\n{}\ndatasets: {{a: {{languages: [ja]}}}}\n"
STEPS = "version: 1\ndatasets: {{a: {{steps: [{}]}}}}\n"


@pytest.mark.parametrize(
    ("recipe", "right"),
    [
        *((HOLDING.format(f"output: {{shard_bytes: {size}}}"), True) for size in (
            "512MB", "512mb", "64 MiB", "1.5GB", "512", "'512'", "1e6", "7b")),
        *((HOLDING.format(f"output: {{shard_bytes: {size}}}"), False) for size in (
            "512  MB", "1e6KB", "1/2KB", "+5MB", ".5MB", "1TB", "0", "-1", "9" * 20, "M", "''")),
        *((HOLDING.format(f"input: {{{line}}}"), True) for line in (
            "hub: {dataset: a/b}", "hub: {dataset: a/b, split: test}", "max_expansion: 1000000")),
        *((HOLDING.format(f"input: {{{line}}}"), False) for line in (
            "format: jsonl, hub: {dataset: a/b}", "format: jsonl, datatrove: CSVReader",
            "hub: {dataset: a/b, split: ''}", "hub: {dataset: a/b, split: 'train[:5]'}",
            "columns: {url: string}", "max_bad_records: 99999999999", "max_expansion: 9999999")),
        *((STEPS.format(step), True) for step in (
            "{step: lines}",
            "{step: lines, rules: {a: {statistic: short_fraction, max: 1, source: b}}}")),
        *((STEPS.format(step), False) for step in (
            "{step: line}", "{step: lines, foo: 1}", "{step: lines, name: A}",
            "{step: lines, rules: {short_fraction: {max: 0.5}}}",
            "{step: lines, rules: {short_fraction: {max: 0.5, source: ' '}}}",
            "{step: lines, rules: {short_fraction: {max: 0.5, min: 0, source: b}}}")),
    ],
)  # fmt: skip
def test_the_schema_and_the_reader_agree(recipe: str, right: bool) -> None:
    validator = jsonschema.Draft202012Validator(recipe_schema())
    assert validator.is_valid(YAML(typ="safe").load(recipe)) is right
    try:
        parse_recipe(recipe)
    except InvalidDocument:
        assert not right
    else:
        assert right


def test_a_size_beyond_any_number_is_refused_at_once() -> None:
    assert "expected a size" in problems(HOLDING.format("output: {shard_bytes: 1e999999999}"))


def test_the_schema_on_disk_is_the_one_of_the_code() -> None:
    stored = (ROOT / "schemas" / "recipe.schema.json").read_text()
    assert stored == json.dumps(recipe_schema(), indent=2, ensure_ascii=False) + "\n"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"version: 1\nname: caf\xe9\n", "r.yaml:2:10: byte 0xe9 is not UTF-8"),
        (b"\x7fELF\x02\x01\x01" + bytes(9), "U+007F may not stand in YAML"),
        (b"", "the document is empty"),
        (b"version: 1\n  name: x: y\n", "r.yaml:2"),
    ],
)
def test_a_file_that_is_no_yaml_is_told_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("r.yaml").write_bytes(data)
    with pytest.raises(InvalidDocument) as caught:
        read_recipe("r.yaml")
    assert said in str(caught.value)
    assert len(caught.value.problems) == 1


def test_a_recipe_is_read_once_as_from_a_pipe(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    os.write(write_end, LEAST.encode())
    os.close(write_end)
    try:
        assert read_recipe(f"/dev/fd/{read_end}").text == LEAST
    finally:
        os.close(read_end)


def test_the_fingerprint_follows_what_decides_the_result_and_nothing_else() -> None:
    base = parse_recipe(LEAST).fingerprint
    assert parse_recipe("# a comment\n" + LEAST + "description: more words\n").fingerprint == base
    for change in ("normalise: false\n", "output: {shard_bytes: 1MB}\n", "language: {prefix: 9}\n"):
        assert parse_recipe(LEAST + change).fingerprint != base


def test_the_recipe_of_the_documentation_is_one(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "curation.md").read_text("utf-8")
    block, chat, evaluation = re.findall(r"```yaml\n(.*?)```", text, re.S)
    recipe = parse_recipe(block)
    assert [dataset.name for dataset in recipe.datasets] == ["web-ja", "web-en"]
    assert recipe.normalise is not None
    assert recipe.normalise.off == {"ideographic_space"}
    read = parse_recipe(f"version: 1\n{chat}datasets: {{sft: {{}}}}\n").input.read
    assert read.chat is not None
    assert [role.name for role in read.chat.roles] == ["system", "user", "assistant"]
    (tmp_path / "eval").mkdir()
    item = {"q_id": 1, "question": "日本でいちばん長い川はどれでしょう"} | {
        f"choice{k}": f"{k}番の川" for k in range(5)
    }
    (tmp_path / "eval" / "jcommonsenseqa.jsonl").write_text(json.dumps(item))
    (tmp_path / "eval" / "wmt20.ja.txt").write_text("昨日の雨で川の水が増えました。\n", "utf-8")
    jsonschema.validate(YAML(typ="safe").load(evaluation), recipe_schema())
    (web,) = parse_recipe(evaluation, folder=tmp_path).datasets
    assert web.steps[-1].settings["unit"] == "characters"
    assert [item["coverage"]["whole"] for item in web.steps[-1].settings["sets"]] == [2, 1]


def test_rules_of_every_kind_of_step_can_be_counted_only() -> None:
    text = (
        "version: 1\ninput: {chat: true}\ndatasets:\n  sft:\n    profile: ja-default\n"
        "    annotate: [chat.no_loss, lines.bullets]\n"
    )
    (dataset,) = parse_recipe(text).datasets
    counted = {f"{s.name}.{r.reason}" for s in dataset.steps for r in s.rules if r.annotate}
    assert counted == {"chat.no_loss", "lines.bullets"}
