from __future__ import annotations

import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.normalise import SWITCHES, Normalise, mend


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("ｶﾞｷﾞｸﾞ ﾊﾟﾝ｡｢ﾃｽﾄ｣", "ガギグ パン。「テスト」"),
        ("カﾞ ｱﾟ ﾞ", "ガ ア\u309a ゛"),
        ("１２３ＡＢＣｘ", "123ABCx"),
        ("（！）～〜：", "（！）～〜："),
        ("①㈱㎡Ⅲ½…", "①㈱㎡Ⅲ½…"),
        ("\u3000字下げ", " 字下げ"),
        ("a\r\nb\rc\x85d\u2028e", "a\nb\nc\nd\ne"),
        ("a\x00\x07\ufeffb\tc\n", "ab\tc\n"),
        ("か\u3099き\u309a", "がき\u309a"),
        ("café", "café"),
    ],
)
def test_each_rule_changes_what_it_says_and_nothing_else(text: str, wanted: str) -> None:
    assert Normalise().text(text) == wanted


def test_utf8_read_as_latin1_is_mended_and_japanese_quotes_stay() -> None:
    broken = "日本語のテキスト".encode().decode("latin-1")
    assert mend(broken) == "日本語のテキスト"
    assert Normalise().text("“引用”と‘引用’とﬁ") == "“引用”と‘引用’とﬁ"


@pytest.mark.parametrize("rule", SWITCHES)
def test_each_rule_can_be_switched_off(rule: str) -> None:
    samples = {
        "newlines": "a\r\nb",
        "controls": "a\x07b",
        "mojibake": "日本".encode().decode("latin-1") + "語",
        "halfwidth_kana": "ｶﾅ",
        "fullwidth_ascii": "Ａ１",
        "ideographic_space": "あ\u3000い",
        "nfc": "か\u3099",
    }
    text = samples[rule]
    assert Normalise().text(text) != text
    off = frozenset((rule, "controls")) if rule == "newlines" else frozenset((rule,))
    kept = Normalise(off).text(text)
    assert kept == text or rule in ("mojibake",)
    if rule == "mojibake":  # its bytes read as controls are still controls
        assert "日" not in kept


def test_an_unknown_switch_is_refused() -> None:
    with pytest.raises(ValueError, match="no rule 'tilde'"):
        Normalise(frozenset(["tilde"]))


def test_mojibake_and_replacement_characters_are_measured() -> None:
    scored = Normalise().score(pa.array(["縺ゅ＞縺", "あ\ufffd", ""], pa.large_string()), {})
    assert scored.scores["mojibake"].to_pylist() == [0.5, 0.0, 0.0]
    assert scored.scores["replacement"].to_pylist() == [0.0, 0.5, 0.0]


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_normalising_twice_changes_nothing_and_keeps_tildes_and_marks(text: str) -> None:
    step = Normalise(frozenset(["mojibake"]))
    once = step.text(text)
    assert step.text(once) == once
    for sign in "~〜～":
        assert once.count(sign) == text.count(sign)


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=30), min_size=1, max_size=5))
def test_a_batch_gives_what_its_documents_give(texts: list[str]) -> None:
    step = Normalise()
    scored = step.score(pa.array(texts, pa.large_string()), {})
    found = texts if scored.text is None else scored.text.to_pylist()
    assert found == [step.text(text) for text in texts]


JAPANESE = st.text(
    st.sampled_from("~〜～かガｶﾊﾞパﾟ゛゜\u3099\u309a\uff9e\uff9f\u3000Ａ１ーｰ\r\n\u200b漢a")
    | st.characters(codec="utf-8"),
    max_size=40,
)


@given(JAPANESE, st.sets(st.sampled_from(SWITCHES)))
def test_no_tilde_and_no_voiced_mark_is_lost_whatever_is_switched_off(
    text: str, off: set[str]
) -> None:
    found = Normalise(frozenset({"mojibake", *off})).text(text)
    for sign in "~〜～":
        assert found.count(sign) == text.count(sign)
    before, after = (unicodedata.normalize("NFKD", each) for each in (text, found))
    for mark in "\u3099\u309a":
        assert after.count(mark) == before.count(mark)


@given(JAPANESE)
def test_the_letters_that_nfkc_would_find_are_the_same(text: str) -> None:
    """Widths change and controls go; no rule replaces one letter by another."""
    found = Normalise(frozenset({"mojibake"})).text(text)

    def letters(each: str) -> list[str]:
        return [c for c in unicodedata.normalize("NFKD", each) if c.isalnum()]

    assert sorted(letters(found)) == sorted(letters(text))
