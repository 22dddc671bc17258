"""No text that Arrow admits makes normalisation, rules or masking fail, or slow out of line."""

import time

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.normalise import Normalise
from curation.profiles import load_profile, profile_names

PROFILES = {name: load_profile(name) for name in profile_names()}
ODD = st.sampled_from(
    "\0\x0b\x1c\x85\u2028\u200d\u0301\u3099\uff9e\ufeff\ufffd\U000e0041\U0010ffff\ufdfa'’.…。「」{["
)
TEXTS = st.lists(st.text(st.characters(codec="utf-8") | ODD, max_size=60), max_size=4)


def run(steps, texts):
    """Every step on the texts as the one before left them; the scores by column."""
    text = pa.array(texts, pa.large_string())
    found = {}
    for step in steps:
        scored = step.score(text, {})
        for rule in step.rules:
            assert len(rule.failed(scored.scores)) == len(texts)
        for statistic in step.statistics:
            values = scored.scores[statistic.name]
            assert len(values) == len(texts)
            assert values.type == statistic.dtype
            found[f"{step.name}.{statistic.name}"] = values
        if scored.text is not None:
            assert step.rewrites
            scored.text.validate(full=True)
            text = scored.text
    return text, found


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(TEXTS)
def test_any_texts_pass_every_profile(texts):
    for steps in PROFILES.values():
        run([Normalise(), *steps], texts)


@pytest.mark.parametrize("name", profile_names())
def test_an_empty_batch_passes(name):
    text, _ = run(PROFILES[name], [])
    assert len(text) == 0


UNITS = {
    "one long line": "あいうえお漢字kana1234。",
    "no spaces": "aB3-x.y",
    "combining marks": "e\u0301\u3099\u0327",
    "NUL": "\0",
    "blank lines": "\n",
    "repeated words": "the cat sat ",
    "brackets": "「（[",
    "digits": "1-2 ",
    "dots": "...… ",
    "astral": "🙂𠮟",
}


@pytest.mark.parametrize("name", ["en-default", "ja-default", "hojichar-ja", "swallow-v1"])
@pytest.mark.parametrize("unit", UNITS)
def test_time_is_linear_in_the_length_of_a_text(name, unit):
    steps = PROFILES[name]
    run(steps, [UNITS[unit] * 10])
    times = []
    for size in (60_000, 480_000):
        text = UNITS[unit] * (size // len(UNITS[unit].encode()))
        started = time.process_time()
        run(steps, [text])
        times.append(time.process_time() - started)
    assert times[1] < 24 * times[0] + 0.5  # 8 times the text; tables outgrow caches
