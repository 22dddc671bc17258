"""Broken recipes: what is said, where, and what was probably meant; all of it, exactly."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.base.errors import InvalidDocument
from curation.base.store import Store
from curation.recipe import parse_recipe
from pipelines.curate import plan_run

DATASET = "version: 1\ndatasets:\n  web:\n    "


def broken() -> list[tuple[str, str, str]]:
    """(id, recipe, every message) of the file beside this one."""
    text = (Path(__file__).parent / "broken_recipes.txt").read_text("utf-8")
    blocks = [block.partition("\n") for block in text.split("### ")[1:]]
    pairs = [(name, *block.split("---\n")) for name, _, block in blocks]
    return [(name, recipe, wanted.rstrip("\n")) for name, recipe, wanted in pairs]


@pytest.mark.parametrize(("name", "text", "wanted"), broken())
def test_a_broken_recipe_is_answered_exactly(name: str, text: str, wanted: str) -> None:
    with pytest.raises(InvalidDocument) as caught:
        parse_recipe(text, file="r.yaml")
    assert str(caught.value) == wanted


def test_all_faults_are_found_in_one_go() -> None:
    text = """version: 3
outptu: {shard_bytes: 1MB}
normalise: {nfk: false}
language: {margin: 2}
datasets:
  Web: {min_score: 2, profile: none, dedup: {exakt: true}}
  b:
    languages: [jp, ja]
    steps:
      - {step: liens}
      - {step: lines, options: {shrot: 2}, rules: {lines: {max: 1}}}
    keep: "language.score >"
"""
    with pytest.raises(InvalidDocument) as caught:
        parse_recipe(text, file="r.yaml")
    lines = [int(line.split(":")[1]) for line in str(caught.value).split("\n")]
    assert lines == [1, 2, 3, 4, 6, 6, 6, 6, 8, 10, 11, 11, 12]


COLUMNS = [
    ("langage.score > 0.5", "unknown column 'langage.score'; did you mean 'language.score'?"),
    ("web.score > 0.5", "unknown column 'web.score'"),
    ("language.score == 'high'", "number"),
    ("license > 3", "string"),
]


@pytest.mark.parametrize(("keep", "wanted"), COLUMNS)
def test_a_condition_over_columns_that_will_not_be_there_is_refused_before_the_run(
    keep: str, wanted: str, tmp_path: Path
) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "a"}\n')
    recipe = tmp_path / "r.yaml"
    recipe.write_text(DATASET + f'keep: "{keep}"\n')
    with pytest.raises(InvalidDocument) as caught:
        plan_run(recipe, [tmp_path / "in.jsonl"], Store(tmp_path / "s"), workers=1)
    assert f"{recipe}:4:" in str(caught.value)
    assert wanted in str(caught.value)
    assert "keep" in str(caught.value)
