"""Each known trap of published Japanese rules: there in the compat profile, gone in the default."""

import numpy as np
import pyarrow as pa
import pytest

from curation.profiles import load_profile
from curation.rules.hojichar import WordHits


def failed(profile, text):
    """Every reason for which the profile would drop the text."""
    array = pa.array([text], pa.large_string())
    reasons = set()
    for step in load_profile(profile):
        scored = step.score(array, {})
        reasons |= {rule.reason for rule in step.rules if rule.failed(scored.scores)[0]}
    return reasons


def statistic(profile, step_name, name, text):
    (step,) = [step for step in load_profile(profile) if step.name == step_name]
    return step.score(pa.array([text], pa.large_string()), {}).scores[name][0].as_py()


def prose(sentences=40):
    return "\n".join(
        f"これは{k}番目の文で、読みやすい長さと異なる内容（{k * k}）を持つように"
        f"{chr(0x4E00 + 37 * k)}書かれている。"
        for k in range(sentences)
    )


def test_prose_is_kept_by_both():
    assert failed("ja-default", prose()) == set()


def test_the_long_vowel_mark_is_no_japanese_letter_in_swallow():
    text = "コンピューター・ソフト"
    assert statistic("swallow-v1", "swallow", "num_japanese_letters", text) == 8
    assert statistic("ja-default", "characters", "japanese", text) == 10


def test_a_kanji_above_the_basic_plane_is_no_japanese_letter_in_swallow():
    assert statistic("swallow-v1", "swallow", "num_japanese_letters", "𠮟") == 0
    assert statistic("ja-default", "characters", "japanese", "𠮟") == 1


def test_swallow_cuts_sentences_within_quotes():
    text = "「はい。そうです。」と言った。"
    assert statistic("swallow-v1", "swallow", "avg_sentence_length", text) == len(text) / 3
    assert statistic("ja-default", "japanese", "avg_sentence_length", text) == len(text)


def test_an_unmatched_quote_does_not_swallow_the_line():
    text = "「はい。そうです。と言った。"
    assert statistic("ja-default", "japanese", "max_sentence_length", text) == 5


def test_full_width_brackets_and_runs_of_ends_stay_in_one_sentence():
    text = "次の文（注。これは注です。）です。本当？！はい。"
    assert statistic("ja-default", "japanese", "max_sentence_length", text) == 17
    assert statistic("ja-default", "japanese", "avg_sentence_length", text) == len(text) / 3


def test_a_full_width_point_within_a_number_ends_nothing():
    text = "円周率は３．１４と習いました．そうです．"
    assert statistic("ja-default", "japanese", "avg_sentence_length", text) == len(text) / 2


def test_blank_lines_are_duplicate_paragraphs_in_swallow():
    lines = prose(20).split("\n")
    assert statistic("swallow-v1", "swallow", "duplicate_paragraph_fraction", "\n".join(lines)) == 0
    blank = "\n\n".join(lines)
    found = statistic("swallow-v1", "swallow", "duplicate_paragraph_fraction", blank)
    assert found == pytest.approx(18 / 39)
    assert "duplicate_paragraph_fraction" in failed("swallow-v1", blank)
    assert statistic("ja-default", "japanese", "duplicate_paragraph_fraction", blank) == 0.0


def test_swallow_counts_kinds_of_repeated_ngrams_not_their_occurrences():
    text = "あいうえおかきくけこ" * 2
    assert statistic("swallow-v1", "swallow", "duplicate_10gram_character_fraction", text) == 0.1


def test_an_empty_text_fails_for_its_length_and_raises_nothing():
    assert "too_short" in failed("swallow-v1", "")
    assert "too_short" in failed("ja-default", "")


@pytest.mark.parametrize("word", ["アスパラガス", "リュックサック"])
def test_hojichar_finds_words_within_katakana_words(word):
    assert "DiscardAdultContentJa" in failed("hojichar-ja", word)
    assert "adult_words" not in failed("ja-default", prose() + word)


def test_one_hit_rejects_in_hojichar_alone():
    words = WordHits()
    text = prose() + "\n<TEST_STRING_OF_ADULT_KEYWORD>"
    assert words.score(pa.array([text], pa.large_string()), {}).scores["hits"][0].as_py() == 1
    assert "DiscardAdultContentJa" in failed("hojichar-ja", text)
    assert "adult_words" not in failed("ja-default", text)


def test_fifteen_hyphens_are_a_message_board_in_hojichar():
    text = prose() + "\n" + "\n".join(f"- 項目その{k}についての短い説明。" for k in range(15))
    assert "DiscardBBSComments" in failed("hojichar-ja", text)
    assert failed("ja-default", text) == set()


def test_kana_must_come_first_in_hojichar():
    lead = "第一章総則目的定義適用範囲責任者会議記録" * 3
    assert "AcceptJapanese" in failed("hojichar-ja", lead + prose())
    assert "few_japanese" not in failed("ja-default", lead + prose())
    chinese = "我们今天去学校学习中文和历史" * 40
    assert "AcceptJapanese" not in failed("hojichar-ja", "の" + chinese)
    assert "few_hiragana" in failed("ja-default", "の" + chinese)


def rewritten(profile, text):
    """The text as the profile leaves it."""
    array = pa.array([text], pa.large_string())
    for step in load_profile(profile):
        scored = step.score(array, {})
        array = array if scored.text is None else scored.text
    return array[0].as_py()


def test_swallow_settles_a_point_behind_a_half_width_digit():
    text = prose() + "\n円周率は3．14と習いました．" * 41
    assert "3。14と習いました。" in rewritten("swallow-v1", text)
    assert "3．14と習いました。" in rewritten("ja-default", text)


def test_swallow_overlooks_marks_behind_the_long_vowel_mark():
    text = "データー，𠮟，ｺｰﾋｰ，"
    assert rewritten("swallow-v1", text) == text
    assert rewritten("ja-default", text) == "データー、𠮟、ｺｰﾋｰ、"


def test_swallow_cuts_real_lines_for_a_short_word_and_all_that_follows():
    text = prose() + "\n検索サイト\nこの行は本文です。"
    assert rewritten("swallow-v1", text) == prose()
    assert rewritten("ja-default", text) == text


def test_swallow_may_cut_a_whole_short_text():
    text = "ログイン記事\nこの記事は短い。"
    assert rewritten("swallow-v1", text) == ""
    assert rewritten("ja-default", text) == text


def test_hojichar_removes_the_first_sentence_for_a_footer():
    body = "".join(f"これは{k}番目の本文です。" for k in range(5))
    text = body + "検索"
    assert rewritten("hojichar-ja", text) == text.removeprefix("これは0番目の本文です。")
    page = prose() + "\nサイトマップ"
    assert rewritten("ja-default", page) == prose()


def test_every_rule_can_be_annotate_only():
    for step in load_profile("ja-default"):
        scored = step.score(pa.array([""], pa.large_string()), {})
        for rule in step.rules:
            assert rule.failed(scored.scores).dtype == np.bool_
