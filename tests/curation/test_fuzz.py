"""No text makes readers, normalisation, language, rules, masking or keys fail or slow down."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.base.store import Store
from curation.dedup.datatrove import DatatroveMinHash
from curation.dedup.keys import exact, matching_keys
from curation.dedup.minhash import MinHash
from curation.language import Language
from curation.normalise import Normalise
from curation.profiles import load_profile, profile_names
from curation.readers import BadRecords, ReadOptions, reader_of
from curation.readers.survey import pieces, survey

PROFILES = {name: load_profile(name) for name in profile_names()}
ODD = st.sampled_from(
    "\0\x0b\x1c\x85\u2028\u200d\u0301\u0327\u3099\uff9e\ufeff\ufffd\U000e0041\U0010ffff"
    "\ufdfa\u0378\u202e\u05d0\U000e0fff'’.…。「」{[@０1-（"
)
TEXTS = st.lists(st.text(st.characters(codec="utf-8") | ODD, max_size=60), max_size=4)
SURROGATES = st.lists(
    st.text(st.characters() | st.sampled_from("\ud800\udbff\udc00\udfff"), max_size=30), max_size=4
)


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


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(TEXTS)
def test_any_texts_pass_every_profile_and_get_their_keys(texts):
    for steps in PROFILES.values():
        text, _ = run([Normalise(), Language(), *steps], texts)
        high, low = exact(matching_keys(text))
        assert len(high) == len(low) == len(texts)


@pytest.mark.parametrize("name", profile_names())
def test_an_empty_batch_passes(name):
    text, _ = run(PROFILES[name], [])
    assert len(text) == 0


def read(path: Path, tmp_path: Path) -> list[str]:
    [item] = survey(
        Store(tmp_path / "s"),
        [path],
        format=None,
        task_bytes=1 << 25,
        max_expansion=10,
        workers=1,
    )
    bad = BadRecords(10**6)
    return [
        text
        for piece in pieces([item])
        for batch in reader_of(item)(item, piece, ReadOptions(), bad)
        for text in batch.text.to_pylist()
    ]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=SURROGATES)
def test_lone_surrogates_in_json_are_read_as_replacement_characters(texts, tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in [*texts, "end"]))
    found = read(path, tmp_path)
    wanted = [
        "".join("\ufffd" if 0xD800 <= ord(c) < 0xE000 else c for c in json.loads(json.dumps(t)))
        for t in texts
    ]
    assert found == [*wanted, "end"]
    run([Normalise(), Language(), *PROFILES["ja-default"]], found)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data, tmp_path):
    for name in ("in.jsonl", "in.txt"):
        path = tmp_path / name
        path.write_bytes(data + b"\n")
        for text in read(path, tmp_path):
            text.encode()


UNITS = {
    "one long line": "あいうえお漢字kana1234。",
    "a letter": "a",
    "a kana": "あ",
    "katakana": "カ",
    "words of a list": "アス",
    "。": "。",
    "no spaces": "aB3-x.y",
    "combining marks": "e\u0301\u3099\u0327",
    "one mark": "\u0301",
    "marks out of order": "\u0301\u0327",
    "half-width marks": "ﾞ",
    "half-width marks out of order": "ﾞ\u0327",
    "half-width kana": "ｶﾞ",
    "dakuten": "か\u3099",
    "joined emoji": "👨\u200d",
    "right to left": "\u202eא",
    "unassigned": "\u0378\U000e0fff",
    "mojibake": "æ\u0097¥",
    "NUL": "\0",
    "blank lines": "\n",
    "line ends": "\r\n",
    "spaces": " ",
    "wide spaces": "\u3000",
    "repeated words": "the cat sat ",
    "brackets": "「（[",
    "opening brackets": "(",
    "closing brackets": "」）]",
    "digits": "1",
    "numbers": "1-2 ",
    "addresses": "@a.",
    "mail": "a@b.jp ",
    "at in brackets": "(at)",
    "phones": "03-1234-",
    "free phones": "0120-",
    "wide phones": "０３ー",
    "from abroad": "+81",
    "My Number": "マイナンバー1234 5678 ",
    "urls": "http://a.b/c?d=e&",
    "dots": "...… ",
    "apostrophes": "don't'",
    "citations": "[1]",
    "braces": "{",
    "footers": "ログイン\n",
    "marks to settle": "あ．い，",
    "astral": "🙂𠮟",
}


def steps_of_all_profiles() -> dict[str, Callable[[pa.Array], object]]:
    """Every step of every profile once, and what runs before and after them."""
    found: dict[str, Callable[[pa.Array], object]] = {
        "normalise": lambda text: Normalise().score(text, {}),
        "language": lambda text: Language(prefix=None).score(text, {}),
        "keys": lambda text: exact(matching_keys(text)),
    }
    for minhash in (MinHash(unit="words"), MinHash(unit="characters"), DatatroveMinHash()):
        unit = getattr(minhash, "unit", "datatrove")
        found[f"bands of {unit}"] = lambda text, m=minhash: m.bands_of(text, matching_keys(text))
    seen: set[str] = set()
    for name, steps in PROFILES.items():
        for step in steps:
            kind = f"{type(step).__name__} {step.settings}"
            if kind not in seen:
                seen.add(kind)
                found[f"{name} {step.name}"] = lambda text, s=step: s.score(text, {})
    return found


STEPS = steps_of_all_profiles()


def seconds(step: Callable[[pa.Array], object], unit: str, size: int) -> float:
    text = pa.array([unit * max(1, size // len(unit.encode()))], pa.large_string())
    started = time.process_time()
    step(text)
    return time.process_time() - started


def assert_linear(name: str, sizes: tuple[int, int], floor: float, most: float = 2.6) -> None:
    """Twice the text takes at most `most` times the time; under `floor` seconds nothing is said.

    A ratio over it is measured again: the clock of a busy machine errs on one side."""
    step = STEPS[name]
    step(pa.array(["warm あ up.\n"], pa.large_string()))
    slow = {}
    for label, unit in UNITS.items():
        for _ in range(4):
            first, second = (seconds(step, unit, size) for size in sizes)
            if second <= max(floor, most * first):
                break
        else:
            slow[label] = (round(first, 3), round(second, 3))
    assert not slow


# SudachiPy joins numbers in time quadratic in a part of 40,000 bytes, as datatrove cuts texts:
# at 40 kB of digits and dashes 1.3 s. Past one part its time is linear.
QUICK = [name for name in STEPS if not name.startswith("fineweb2-jpn ")]


@pytest.mark.parametrize("name", QUICK)
def test_time_is_linear_in_the_length_of_a_text(name):
    assert_linear(name, (30_000, 60_000), floor=0.1)


@pytest.mark.faults
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", STEPS)
def test_time_is_linear_up_to_a_line_of_two_megabytes(name):
    quick = name in QUICK
    assert_linear(name, (1_000_000, 2_000_000) if quick else (80_000, 160_000), floor=0.2)


@pytest.mark.faults
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", profile_names())
def test_a_line_of_ten_megabytes_passes_from_json_to_its_key(name, tmp_path):
    path = tmp_path / "long.jsonl"
    units = ["あいうえお漢字。", "a@b.jp 03-1234-5678 \ud800", "\u0301\u0327", "\0", "カ"]
    lines = [
        {"text": unit * (10_000_000 // len(unit.encode("utf-8", "replace")))} for unit in units
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    texts = read(path, tmp_path)
    assert len(texts) == len(units)
    text, _ = run([Normalise(), Language(), *PROFILES[name]], texts)
    assert len(exact(matching_keys(text))[0]) == len(units)
