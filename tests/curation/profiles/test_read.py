import pytest

from curation.base.errors import InvalidDocument, NotFound
from curation.profiles import load_profile, profile_names, read_profile
from curation.steps import check_steps


@pytest.mark.parametrize("name", profile_names())
def test_every_shipped_profile_loads_and_every_threshold_has_a_source(name):
    profile = read_profile(name)
    assert profile.name == name
    assert profile.description
    check_steps(profile.steps)
    for step in profile.steps:
        for rule in step.rules:
            assert len(rule.source) > 10, f"{step.name}.{rule.reason}"


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
