import pyarrow as pa
import pytest

from curation.rules.characters import Characters


def scores(text):
    found = Characters().score(pa.array([text], pa.large_string()), {})
    return {name: values[0].as_py() for name, values in found.scores.items()}


def test_the_long_vowel_mark_and_rare_kanji_count_as_japanese():
    assert scores("コンピューター")["japanese_fraction"] == 1.0
    assert scores("𠮟る")["kanji_fraction"] == 0.5
    assert scores("ｺﾝﾋﾟｭｰﾀｰ")["katakana_fraction"] == 1.0


def test_shares_leave_white_space_out():
    found = scores("あい うえ\n\n12ab。、")
    assert found["characters"] == 13
    assert found["japanese"] == 6
    assert found["japanese_fraction"] == pytest.approx(0.6)
    assert found["hiragana_fraction"] == pytest.approx(4 / 6)
    assert found["digit_fraction"] == pytest.approx(0.2)
    assert found["symbol_fraction"] == pytest.approx(0.2)


def test_an_empty_text_has_no_shares():
    found = scores("")
    assert found["characters"] == 0
    assert found["japanese_fraction"] is None
    assert found["replacement_fraction"] == 0.0


def test_broken_decoding_and_control_characters_are_counted():
    found = scores("文\ufffd字\x00\x1b\n")
    assert found["control"] == 2
    assert found["replacement_fraction"] == pytest.approx(1 / 6)
