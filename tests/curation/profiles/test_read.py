import re
from pathlib import Path

import pytest

from curation.base.errors import InvalidDocument, NotFound
from curation.language import PREFIX_CHARACTERS
from curation.normalise import Normalise
from curation.profiles import load_profile, profile_names, read_profile
from curation.recipe import parse_recipe

# A paper, a file of a peer at a commit or release, or the table of our own in docs/rules.md.
CITATION = re.compile(
    r"arXiv \d{4}\.\d{5}\) (section|table) \S"
    r"|(swallow-corpus 2d035073|datatrove 0\.10\.1|HojiChar 0\.18\.1) \w+\.py"
    r"|llm-jp-corpus v1 \(9815fc53\) scripts/\w+\.py \w"
    r"|huggingface/fineweb-2 d0defb24\)"
    r"|^awase docs/rules\.md, Thresholds of our own: \S"
)


@pytest.mark.parametrize("name", profile_names())
def test_every_shipped_profile_loads_and_every_threshold_has_a_source(name):
    profile = read_profile(name)
    assert profile.name == name
    # what follows a publication says what of it is left out
    assert "part of this" in profile.description or name.endswith("-default")
    for step in profile.steps:
        reasons = [rule.reason for rule in step.rules]
        assert len(set(reasons)) == len(reasons), step.name
        assert {rule.statistic for rule in step.rules} <= {s.name for s in step.statistics}
        for rule in step.rules:
            assert CITATION.search(rule.source), f"{step.name}.{rule.reason}: {rule.source}"
        bounds = any(
            re.fullmatch(r"[\d.]+", str(value)) and value is not True
            for value in step.settings.values()
        )
        if bounds or step.rewrites:
            assert CITATION.search(step.source), f"{step.name}: {step.source!r}"


def test_every_threshold_of_our_own_is_in_the_table_of_the_documentation():
    text = (Path(__file__).parents[3] / "docs" / "rules.md").read_text("utf-8")
    table = text.partition("## Thresholds of our own")[2].partition("\n## ")[0]
    steps = [Normalise(), *(s for name in profile_names() for s in read_profile(name).steps)]
    for step in steps:
        for rule in step.rules:
            if rule.source.startswith("awase "):
                bound = f"| `{step.name}.{rule.reason}` | {rule.op} {rule.threshold} |"
                assert bound in table, bound
        if step.source.startswith("awase "):
            assert f"| `{step.name}` |" in table, step.name


@pytest.mark.parametrize("name", profile_names())
def test_the_language_of_whole_texts_is_judged_where_the_peer_does_so(name):
    recipe = f"version: 1\ndatasets: {{d: {{profile: {name}}}}}\n"
    whole = not name.endswith("-default")
    assert parse_recipe(recipe).language.prefix == (None if whole else PREFIX_CHARACTERS)
    assert parse_recipe(recipe + "language: {prefix: 70}\n").language.prefix == 70


def test_an_unknown_profile_names_the_nearest():
    with pytest.raises(NotFound, match=r"no profile 'ja-defualt'; did you mean 'ja-default'\?"):
        load_profile("ja-defualt")


def write(tmp_path, text):
    path = tmp_path / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_of_ones_own_keeps_the_order_of_its_rules(tmp_path):
    path = write(
        tmp_path,
        "version: 1\nname: own\nsteps:\n"
        "  - step: lines\n    name: first_lines\n    options: {short: 7}\n    rules:\n"
        "      b: {statistic: lines, min: 3, source: mine}\n"
        "      a: {statistic: short_fraction, under: 4e-1, source: mine, annotate: true}\n",
    )
    (step,) = load_profile(path)
    assert step.name == "first_lines"
    assert [(r.reason, r.op, r.threshold, r.annotate) for r in step.rules] == [
        ("b", "<", 3, False),
        ("a", ">=", 0.4, True),
    ]
    assert step.settings == {"short": 7}


def test_all_faults_are_found_in_one_go_with_their_places(tmp_path):
    path = write(
        tmp_path,
        "version: 1\nname: own\nsteps:\n"
        "  - step: liens\n"
        "  - step: lines\n    rules:\n"
        "      short_fractoin: {max: 0.5, source: mine}\n"
        "      lines: {max: 1, min: 2, source: mine}\n"
        "      longest_characters: {max: 9}\n"
        "    option: {short: 7}\n",
    )
    with pytest.raises(InvalidDocument) as caught:
        load_profile(path)
    text = str(caught.value)
    assert "own.yaml:4:11: steps[0].step: there is no step 'liens'; did you mean 'lines'?" in text
    assert "there is no statistic 'short_fractoin'; did you mean 'short_fraction'?" in text
    assert "give exactly one of max, min, under, over, is; found 2" in text
    assert "the key 'source' is missing" in text
    assert "unknown key; did you mean 'options'?" in text


def test_two_steps_of_one_name_are_refused(tmp_path):
    path = write(tmp_path, "version: 1\nname: own\nsteps: [{step: lines}, {step: lines}]\n")
    with pytest.raises(InvalidDocument, match="a second step named 'lines'"):
        load_profile(path)
