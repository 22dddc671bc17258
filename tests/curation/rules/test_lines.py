import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.rules.lines import SENTENCE_ENDS, Lines


def scores(text, **options):
    found = Lines(**options).score(pa.array([text], pa.large_string()), {})
    return {name: values[0].as_py() for name, values in found.scores.items()}


def test_blank_lines_are_not_duplicates_of_each_other():
    paragraphs = "\n\n".join(f"段落{i}の文。" for i in range(20))
    assert scores(paragraphs)["duplicate_fraction"] == 0.0


def test_a_line_is_a_duplicate_whatever_white_space_surrounds_it():
    found = scores("くり返す行\n　くり返す行　\n別の行")
    assert found["duplicate_fraction"] == pytest.approx(1 / 3)
    assert found["duplicate_character_fraction"] == pytest.approx(5 / 13)


def test_items_of_a_list_are_not_words_with_a_hyphen():
    found = scores("- one\n• two\n-option takes a value\n* three\n**bold** text")
    assert found["bullet_fraction"] == pytest.approx(3 / 5)


def test_a_text_without_lines_has_no_shares():
    for text in ("", " \n\u3000\r\n"):
        found = scores(text)
        assert found["lines"] == 0
        assert found["short_fraction"] is None


TEXTS = st.text(st.sampled_from("ab。…. \u3000\n\r\x0b\x85\u2028-") | st.characters(codec="utf-8"))


@given(TEXTS, st.integers(0, 12))
def test_statistics_agree_with_the_plain_definition(text, short):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    seen = set()
    again = [line for line in lines if line in seen or seen.add(line)]
    found = scores(text, short=short)
    assert found["lines"] == len(lines)
    if lines:
        n = len(lines)
        assert found["longest_characters"] == max(map(len, lines))
        assert found["short_fraction"] == sum(len(line) <= short for line in lines) / n
        assert found["duplicate_fraction"] == len(again) / n
        assert found["ellipsis_fraction"] == sum(line.endswith(("...", "…")) for line in lines) / n
        assert found["ended_fraction"] == sum(line[-1] in SENTENCE_ENDS for line in lines) / n
