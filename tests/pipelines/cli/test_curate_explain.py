"""`awase curate --explain` on each shipped profile: every rule, its value, bound and source."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from curation.profiles import profile_names, read_profile
from pipelines.cli.main import run

FOLDER = Path(__file__).parents[3] / "curation" / "profiles"
# A line of each language, so that each profile gets a document of its own in one run.
LINES = {
    "ja": "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。",
    "en": "It was a bright cold day in April, and the clocks were striking thirteen.",
    "zh": "我们今天去学校学习中文和历史，老师说这个城市有很多有意思的地方。",
    "ko": "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
    "ru": "Все счастливые семьи похожи друг на друга, каждая несчастлива по-своему.",
    "de": "Als Gregor Samsa eines Morgens aus unruhigen Träumen erwachte, war er ein Käfer.",
    "fr": "Longtemps, je me suis couché de bonne heure, et mes yeux se fermaient si vite.",
    "es": "En un lugar de la Mancha, de cuyo nombre no quiero acordarme, vivía un hidalgo.",
    "it": "Nel mezzo del cammin di nostra vita mi ritrovai per una selva oscura e selvaggia.",
    "el": "Άνδρα μοι έννεπε Μούσα πολύτροπον, ο οποίος περιπλανήθηκε πάρα πολύ στη θάλασσα.",
}
assert len(LINES) == len(profile_names())


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One version a profile, named after it, with one document whose id is its name."""
    folder = tmp_path_factory.mktemp("explain")
    recipe = ["version: 1", "datasets:"]
    documents = []
    for name, (language, line) in zip(profile_names(), LINES.items(), strict=True):
        recipe.append(f"  {name}: {{languages: [{language}], profile: {name}}}")
        documents.append(json.dumps({"id": name, "text": line}))
    (folder / "recipe.yaml").write_text("\n".join(recipe))
    (folder / "in.jsonl").write_text("\n".join(documents))
    arguments = ["curate", str(folder / "recipe.yaml"), "--input", str(folder / "in.jsonl")]
    assert run(["--store", str(folder / "store"), *arguments, "--workers", "1"]) == 0
    return folder / "store"


def thresholds(name: str) -> dict[str, str]:
    """step.rule -> source, out of the YAML itself."""
    found = {}
    for step in YAML(typ="safe").load((FOLDER / f"{name}.yaml").read_text("utf-8"))["steps"]:
        for reason, rule in step.get("rules", {}).items():
            found[f"{step.get('name', step['step'])}.{reason}"] = rule["source"]
    return found


@pytest.mark.parametrize("name", profile_names())
def test_every_threshold_is_printed_with_its_source(
    name: str, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--store", str(store), "curate", "--explain", f"{name}@1", name]) == 0
    shown = capsys.readouterr().out
    sources = dict(re.findall(r"^\[(\d+)\] (.*)$", shown, re.M))
    rows = dict(re.findall(r"^ (\S+\.\S+) .*\[(\d+)\] *$", shown, re.M))
    for rule, source in thresholds(name).items():
        assert sources[rows[rule]] == source, rule
    for step in read_profile(name).steps:
        if step.source:
            assert step.source in sources.values()
    failed, total = map(int, re.findall(r"^rules: (\d+) of (\d+) failed$", shown, re.M)[0])
    assert len(re.findall(r" (?:failed|counted) +\[\d+\] *$", shown, re.M)) == failed
    assert len(re.findall(r" (?:failed|counted|passed) +\[\d+\] *$", shown, re.M)) == total


@pytest.mark.parametrize("name", profile_names())
def test_the_json_has_failed_and_passed_rules_with_values_and_sources(
    name: str, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["curate", "--explain", f"{name}@1", name, "--json"]
    assert run(["--store", str(store), *arguments]) == 0
    found = json.loads(capsys.readouterr().out)
    rules = {rule["reason"]: rule for rule in found["failed"] + found["passed"]}
    for reason, source in thresholds(name).items():
        assert rules[reason]["source"] == source
        statistic = rules[reason]["condition"].split()[0]
        assert rules[reason]["value"] == found["scores"][statistic]
    assert found["kept"] is (found["reason"] is None)


def test_an_unread_language_and_a_keep_condition_are_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "r.yaml").write_text(
        "version: 1\ndatasets:\n"
        "  ja: {languages: [ja], min_score: 0.5, keep: 'language.score > 2'}\n"
    )
    lines = [json.dumps({"id": key, "text": LINES[key]}) for key in ("ja", "fr")]
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    at = ["--store", str(tmp_path / "store"), "curate"]
    assert run([*at, str(tmp_path / "r.yaml"), "--input", str(tmp_path / "in.jsonl")]) == 0
    capsys.readouterr()
    assert run([*at, "--explain", "ja", "fr"]) == 0
    shown = capsys.readouterr().out
    assert "fit no dataset of the recipe (ja takes ja from 0.5); found fr 0." in shown
    assert run([*at, "--explain", "ja", "ja"]) == 0
    assert "keep condition is not true: language.score > 2" in capsys.readouterr().out
