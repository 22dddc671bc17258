from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from curation.normalise import Normalise
from curation.pii import PersonalData
from curation.profiles import load_profile, profile_names
from curation.rules.c4 import C4
from curation.rules.characters import Characters
from curation.rules.fineweb import FineWeb
from curation.rules.hojichar import HojiChar, WordHits
from curation.rules.japanese import Japanese
from curation.rules.lines import Lines
from curation.rules.quality import Quality
from curation.rules.repetition import Repetition
from curation.steps import Rule
from pipelines.report.marks import _FINDERS, marks


def marked(
    text: str, step: object, statistic: str, op: str = ">", threshold: float = 0
) -> list[str]:
    rule = Rule("r", statistic, op, threshold, "this test")  # type: ignore[arg-type]
    return [text[left:right] for left, right in marks(text, step, rule)]  # type: ignore[arg-type]


SAME = "同じ行です。\n別の行です。\n  同じ行です。 \n\n別の行です。"
CASES = [
    (Normalise(), "mojibake", ">=", "正しい縺ゅ縺字", ["縺", "縺"]),
    (Characters(), "symbol_fraction", ">", "値は★★と!?だ", ["★★", "!?"]),
    (Characters(), "digit_fraction", ">", "昭和12年３月", ["12", "３"]),
    (Characters(), "katakana_fraction", ">", "猫とコンピューターの話", ["コンピューター"]),
    (Characters(), "japanese_fraction", "<", "これは English です", ["English"]),
    (Characters(), "control", ">", "a\x07b\n", ["\x07"]),
    (Lines(), "duplicate_fraction", ">", SAME, ["同じ行です。", "別の行です。"]),
    (Lines(short=3), "short_fraction", ">", "短い\nこれは短くない\n猫", ["短い", "猫"]),
    (Lines(), "bullet_fraction", ">", "・一つ目\n本文です\n- 二つ目", ["・一つ目", "- 二つ目"]),
    (Lines(), "ellipsis_fraction", ">", "つづく…\nおわり。\nand...", ["つづく…", "and..."]),
    (Lines(), "ended_fraction", "<", "終わる。\n終わらない", ["終わらない"]),
    (Lines(), "longest_characters", ">", "短い\nこれが一番長い行\n猫", ["これが一番長い行"]),
    (Repetition(), "dup_para_frac", ">", "one\n\ntwo\n\none", ["one"]),
    (Repetition(), "dup_line_frac", ">", "one\ntwo\none", ["one"]),
    (Repetition(), "top_2_gram", ">", "big dog. big dog. red cat.", ["big dog", "big dog"]),
    (
        Repetition(),
        "top_3_gram",
        ">",
        "Good advice is rare.",
        ["Good advice is"],
    ),  # once, the first
    (Repetition(), "duplicated_5_n_grams", ">", "p q r s t u, p q r s t", ["p q r s t"]),
    (Repetition(language="ja"), "top_2_gram", ">", "猫が猫が鳴く", ["猫が猫が"]),
    (Quality(), "hash_ratio", ">", "a ## b #", ["##", "#"]),
    (Quality(), "ellipsis_ratio", ">", "a... b… c", ["...", "…"]),
    (Quality(), "bullet_fraction", ">", "- a\nb\n• c", ["- a", "• c"]),
    (Quality(), "alpha_fraction", "<", "word 12 + end", ["12", "+"]),
    (C4(), "unended_lines", ">", "This line has an end.\nThis one has none", ["This one has none"]),
    (
        C4(),
        "javascript_lines",
        ">",
        "Please enable javascript now.\nIt is fine so.",
        ["Please enable javascript now."],
    ),
    (
        C4(),
        "policy_lines",
        ">",
        "Read our privacy policy here.\nIt is fine so.",
        ["Read our privacy policy here."],
    ),
    (C4(), "short_lines", ">", "Too short.\nThis line is long enough.", ["Too short."]),
    (C4(), "sentences", "<", "Menu\nThis line is long enough.", ["Menu"]),
    (C4(), "lorem_ipsum_first", "==", "So Lorem Ipsum dolor", ["Lorem Ipsum"]),
    (C4(), "curly_bracket_lines", ">", "x { y }", ["{", "}"]),
    (FineWeb(), "line_punct_ratio", "<", "It ends.\nIt does not", ["It does not"]),
    (FineWeb(short=5), "short_line_ratio", ">", "four\nmore than five", ["four"]),
    (FineWeb(), "list_ratio", ">", "one\ntwo\n\nthree", ["\n", "\n\n"]),
    (FineWeb(), "char_dup_ratio", ">", "one\ntwo\none", ["one"]),
    (Japanese(), "duplicate_paragraph_fraction", ">", SAME, ["同じ行です。", "別の行です。"]),
    (
        Japanese(published=True),
        "duplicate_paragraph_fraction",
        ">",
        "猫\n\n犬\n\n鳥\n鳥",
        ["\n", "鳥"],
    ),
    (Japanese(), "duplicate_sentence_fraction", ">", "猫だ。犬だ。猫だ。", ["猫だ。"]),
    (Japanese(), "top_3gram_character_fraction", ">", "あいうxあいうy", ["あいう", "あいう"]),
    (
        Japanese(),
        "duplicate_5gram_character_fraction",
        ">",
        "一二三四五、一二三四五。",
        ["一二三四五"],
    ),
    (
        Japanese(),
        "max_sentence_length",
        ">",
        "短い。これはとても長い文です。",
        ["これはとても長い文です。"],
    ),
    (Japanese(), "ellipsis_fraction", ">", "まだ…\nつづく", ["…"]),
    (HojiChar(), "comments", ">", "投稿日 2024年1月2日 (月)", ["投稿", "2024年1月2日", "(月)"]),
    (HojiChar(), "longest_run", ">", "あああい", ["あああ"]),
    (HojiChar(), "short_lines", ">", "短い\nこれは十文字よりも長い行です", ["短い"]),
    (HojiChar(), "ending_ellipses", ">", "つづく…\nおわり", ["つづく…"]),
    (PersonalData(), "emails", ">", "宛先は email@example.com です", ["email@example.com"]),
    (PersonalData(), "phones", ">", "電話は03-XXXX-XXXXへ", ["03-XXXX-XXXX"]),
]


@pytest.mark.parametrize(
    ("step", "statistic", "op", "text", "wanted"),
    CASES,
    ids=[f"{type(case[0]).__name__}-{case[1]}" for case in CASES],
)
def test_the_part_is_marked(
    step: object, statistic: str, op: str, text: str, wanted: list[str]
) -> None:
    threshold = 8 if statistic == "max_sentence_length" else 0
    assert marked(text, step, statistic, op, threshold) == wanted


def test_listed_words_are_marked_as_they_are_counted(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("アス\n悪い言葉\n")
    step = WordHits(list=str(tmp_path / "list.txt"))
    text = "アスパラガスとアス、それに悪い言葉。"
    assert marked(text, step, "hits_per_1000") == ["アス", "悪い言葉"]
    assert step.score(pa.array([text], pa.large_string()), {}).scores["hits"].to_pylist() == [2]


# What no place in a text explains: something is missing, or it is the whole text.
NO_PLACE = {
    "characters": {"characters", "hiragana_fraction"},
    "lines": set(),
    "repetition": {"characters"},
    "quality": {"words", "stop_words"},
    "fineweb": {"lines"},
    "swallow": {"num_letters", "num_japanese_letters", "hiragana_fraction"},
    "japanese": set(),
    "hojichar": {"characters", "kuten_ratio"},
    "kuten": {"ratio"},
    "address": {"taken"},
    "extract": {"empty"},
}


def test_every_rule_that_ships_marks_its_part_or_is_known_to_have_none() -> None:
    for profile in profile_names():
        for step in load_profile(profile):
            for rule in step.rules:
                kind = type(step).__name__
                known = (kind, rule.statistic) in _FINDERS or (kind, "") in _FINDERS
                none = rule.statistic in NO_PLACE.get(step.name, ())
                assert known != none, f"{profile}: {step.name}.{rule.reason}"


def test_a_step_of_ones_own_says_where_it_bites() -> None:
    class Own(Characters):
        def marks(self, text: str, rule: Rule) -> list[tuple[int, int]]:
            return [(3, 5), (0, 1), (4, 6)]

    assert marked("abcdefg", Own(), "digit_fraction") == ["a", "def"]


def test_a_long_text_is_marked_in_bounded_time() -> None:
    text = "猫が鳴く。" * 400_000
    rule = Rule("r", "duplicate_5gram_character_fraction", ">", 0, "this test")
    found = marks(text, Japanese(), rule)
    assert found[-1][1] <= 50_000
