"""The traps of published rules: a row each, with the quirk in the profile and its fix in a default.

Sections are those of the design notes on Japanese rules (japanese.md §1 and §9). `published` is what
the compat profile makes of the text, `fixed` what the default makes of it: a statistic's value, the
reasons for which it would be dropped, or the text as it ends.
"""

# ruff: noqa: E501  (a row a trap)

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import pyarrow as pa
import pytest

from curation.profiles import load_profile

steps_of = cache(load_profile)


@dataclass(frozen=True)
class Trap:
    id: str
    section: str
    text: str
    profile: str
    published: Any
    fixed: Any
    ask: tuple[str, str] | None = None  # (step.statistic in the profile, in the default)
    reason: tuple[str, str] | None = None  # (rule in the profile, in the default)
    rewritten: bool = False
    default: str = "ja-default"
    url: str | None = None


def passed(profile: str, text: str, url: str | None = None) -> tuple[dict[str, Any], set[str], str]:
    """(scores, reasons that drop, the text as it ends)"""
    array = pa.array([text], pa.large_string())
    scores, reasons = {}, set()
    columns = {"url": pa.array([url], pa.string())}
    for step in steps_of(profile):
        scored = step.score(array, columns)
        scores |= {f"{step.name}.{name}": v[0].as_py() for name, v in scored.scores.items()}
        reasons |= {
            f"{step.name}.{rule.reason}"
            for rule in step.rules
            if not rule.annotate and rule.failed(scored.scores)[0]
        }
        array = array if scored.text is None else scored.text
    return scores, reasons, array[0].as_py()


def prose(sentences: int = 40) -> str:
    return "\n".join(
        f"これは{k}番目の文で、読みやすい長さと異なる内容（{k * k}）を持つように"
        f"{chr(0x4E00 + 37 * k)}書かれている。"
        for k in range(sentences)
    )


ENGLISH = """The river rises in the hills and runs past nine old towns to the sea.
Every spring the farmers of that valley open their gates and let the water in.
My grandmother used to say that you have to listen before you speak.
Nobody could remember when the bridge was built, or who had paid for it.
With the first snow come the foxes, looking for mice behind our barn.
To bake good bread, be patient: dough needs time more than strength.
She wrote three letters, burned two of them and posted the shortest.
Trains leave at noon for the coast; a ticket costs less on weekdays.
What the committee decided was printed in small type on page seven.
If rain falls tomorrow, we will read indoors and mend the broken kite."""
SWALLOW_LETTERS = ("swallow.num_japanese_letters", "characters.japanese")
SWALLOW_MEAN = ("swallow.avg_sentence_length", "japanese.avg_sentence_length")
PARAGRAPHS = ("swallow.duplicate_paragraph_fraction", "japanese.duplicate_paragraph_fraction")
QUOTED = "「はい。そうです。」と言った。"
BODY = "".join(f"これは{k}番目の本文です。" for k in range(5))
LINES = prose(20).split("\n")
HYPHENS = prose() + "\n" + "\n".join(f"- 項目その{k}についての短い説明。" for k in range(15))
NUMERALS = (
    prose() + "\n" + "\n".join(f"{n}{k}の項目を説明する。" for k in range(3) for n in "①②③④⑤⑥")
)
KANJI_LEAD = "第一章総則目的定義適用範囲責任者会議記録" * 3
CHINESE = "の" + "我们今天去学校学习中文和历史" * 40
HIT = "<TEST_STRING_OF_ADULT_KEYWORD>"
COMPACT = "短い文で終わる。\n漢字\nかなの行 https://example.jp/a?b=c です"

TRAPS = [
    # --- Swallow v1, §1.1
    Trap("long-vowel-is-not-japanese", "1.1", "コンピューター・ソフト", "swallow-v1", 8, 10, ask=SWALLOW_LETTERS),
    Trap("half-width-kana-is-not-japanese", "1.1", "ｺﾝﾋﾟﾕｰﾀ", "swallow-v1", 0, 7, ask=SWALLOW_LETTERS),
    Trap("sip-kanji-is-not-counted", "1.1", "𠮟る𠮷野", "swallow-v1", 2, 4, ask=SWALLOW_LETTERS),
    Trap("product-names-are-punished", "1.1", "ーーーーーーーー" * 30, "swallow-v1", 0.0, 1.0, ask=("swallow.japanese_fraction", "characters.japanese_fraction")),
    Trap("white-space-counts-against-japanese", "1.1", "日本語" + "　" * 9, "swallow-v1", 0.25, 1.0, ask=("swallow.japanese_fraction", "characters.japanese_fraction")),
    Trap("sentences-are-cut-within-quotes", "1.1", QUOTED, "swallow-v1", 5.0, 15.0, ask=SWALLOW_MEAN),
    Trap("the-second-of-two-ends-is-lost", "2.4", "本当？！はい。", "swallow-v1", 3.0, 3.5, ask=SWALLOW_MEAN),
    Trap("full-width-brackets-are-cut", "2.4", "次の文（注。これは注です。）です。", "swallow-v1", 17 / 3, 17.0, ask=SWALLOW_MEAN),
    Trap("a-point-within-a-number-ends-a-sentence", "2.4", "円周率は３．１４です．", "swallow-v1", 5.5, 11.0, ask=SWALLOW_MEAN),
    Trap("blank-lines-are-duplicates", "1.1", "\n\n".join(LINES), "swallow-v1", 18 / 39, 0.0, ask=PARAGRAPHS),
    Trap("blank-lines-reject", "1.1", "\n\n".join(LINES), "swallow-v1", True, False, reason=("swallow.duplicate_paragraph_fraction", "japanese.duplicate_paragraph_fraction")),
    Trap("one-repeated-line-of-two-is-half", "1.1", "同じ行です。\n同じ行です。", "swallow-v1", 0.5, 0.5, ask=PARAGRAPHS),
    Trap("ngrams-by-kinds-not-occurrences", "1.1", "あいうえおかきくけこ" * 2, "swallow-v1", 0.1, 0.1, ask=("swallow.duplicate_10gram_character_fraction", "japanese.duplicate_10gram_character_fraction")),
    Trap("empty-text-raises", "1.1", "", "swallow-v1", True, True, reason=("swallow.too_short", "characters.too_short")),
    Trap("marks-behind-the-long-vowel-are-overlooked", "1.1", "データー，𠮟，ｺｰﾋｰ，", "swallow-v1", "データー，𠮟，ｺｰﾋｰ，", "データー、𠮟、ｺｰﾋｰ、", rewritten=True),
    Trap("a-point-behind-a-half-width-digit-is-settled", "1.1", "値は3．14です．", "swallow-v1", "値は3。14です。", "値は3．14です。", rewritten=True),
    Trap("full-width-digits-keep-their-point", "1.1", "値は３．１４です．", "swallow-v1", "値は３．１４です。", "値は３．１４です。", rewritten=True),
    Trap("a-short-general-word-cuts-a-real-line", "1.1", prose() + "\n検索サイト\nこの行は本文です。", "swallow-v1", prose(), prose() + "\n検索サイト\nこの行は本文です。", rewritten=True),
    Trap("a-footer-word-cuts-a-whole-text", "1.1", "ログイン記事\nこの記事は短い。", "swallow-v1", "", "ログイン記事\nこの記事は短い。", rewritten=True),
    # --- llm-jp-corpus v1, §1.3
    Trap("lines-are-joined-without-a-newline", "1.3", COMPACT, "llm-jp-v1", "短い文で終わる。かなの行  です", COMPACT, rewritten=True),
    Trap("lines-without-kana-go", "1.3", "かな\n漢字", "llm-jp-v1-strict", "かな", "かな\n漢字", rewritten=True),
    Trap("eleven-circled-numbers-reject", "1.3", prose() + "①" * 11, "llm-jp-v1", True, False, reason=("ads.ads", "advertisement.advertisement_words")),
    Trap("few-full-stops-reject", "1.3", prose().replace("。", "、") + "！", "llm-jp-v1", True, False, reason=("kuten.sentence_length", "-")),
    Trap("a-host-outside-the-list-rejects", "1.3", prose(), "llm-jp-v1", True, False, reason=("address.domain", "-"), url="https://example.de/a"),
    Trap("wikipedia-rejects", "1.3", prose(), "llm-jp-v1", True, False, reason=("address.domain", "-"), url="https://ja.wikipedia.org/wiki/x"),
    Trap("kanji-leads-reject", "1.3", KANJI_LEAD + prose(), "llm-jp-v1", True, False, reason=("hojichar.not_japanese", "characters.few_japanese")),
    Trap("four-hits-reject-however-long", "1.3", prose(400) + HIT * 4, "llm-jp-v1", True, False, reason=("adult.adult_content", "adult.adult_words")),
    Trap("three-hits-reject-when-strict", "1.3", prose(400) + HIT * 3, "llm-jp-v1-strict", True, False, reason=("adult.adult_content", "adult.adult_words")),
    Trap("long-sentences-reject-when-strict", "1.3", ("文" * 60 + "を書いた" + "漢" * 30 + "。") * 3, "llm-jp-v1-strict", True, True, reason=("kuten.sentence_length", "japanese.long_sentences")),
    Trap("varied-short-texts-compress-badly", "1.3", "短い文です。", "llm-jp-v1", True, True, reason=("compression.compression_high", "characters.too_short")),
    # --- HojiChar 0.18.1, §1.5
    Trap("asu-is-found-in-asparagus", "1.5", prose() + "アスパラガス", "hojichar-ja", True, False, reason=("adult.DiscardAdultContentJa", "adult.adult_words")),
    Trap("sakku-is-found-in-rucksack", "1.5", prose() + "リュックサック", "hojichar-ja", True, False, reason=("adult.DiscardAdultContentJa", "adult.adult_words")),
    Trap("one-hit-rejects", "1.5", prose() + HIT, "hojichar-ja", True, False, reason=("adult.DiscardAdultContentJa", "adult.adult_words")),
    Trap("to-insert-is-adult", "1.5", "行を挿入する。" * 3 + prose(), "hojichar-ja", True, False, reason=("adult.DiscardAdultContentJa", "adult.adult_words")),
    Trap("fifteen-hyphens-are-a-board", "1.5", HYPHENS, "hojichar-ja", True, False, reason=("hojichar.DiscardBBSComments", "-")),
    Trap("circled-numbers-are-advertisements", "1.5", NUMERALS, "hojichar-ja", True, False, reason=("ads.DiscardAds", "advertisement.advertisement_words")),
    Trap("squares-are-advertisements", "1.5", prose() + "\n" + "\n".join(f"■ 項目その{k}についての短い説明。" for k in range(15)), "hojichar-ja", True, False, reason=("ads.DiscardAds", "advertisement.advertisement_words")),
    Trap("death-is-violence", "1.5", prose() + "彼は死を恐れなかった。", "hojichar-ja", True, False, reason=("violence.DiscardViolenceContentJa", "violence.violence_words")),
    Trap("death-is-no-violence-to-llm-jp", "1.3", prose() + "彼は死を恐れなかった。" * 4, "llm-jp-v1", False, False, reason=("violence.violence_content", "violence.violence_words")),
    Trap("kanji-lead-is-not-japanese", "1.5", KANJI_LEAD + prose(), "hojichar-ja", True, False, reason=("hojichar.AcceptJapanese", "characters.few_japanese")),
    Trap("chinese-with-one-no-is-japanese", "1.5", CHINESE, "hojichar-ja", False, True, reason=("hojichar.AcceptJapanese", "characters.few_hiragana")),
    Trap("a-footer-removes-the-first-sentence", "1.5", BODY + "検索", "hojichar-ja", BODY.removeprefix("これは0番目の本文です。") + "検索", BODY + "検索", rewritten=True),
    Trap("a-true-footer-is-kept", "1.5", prose() + "\nサイトマップ", "hojichar-ja", prose() + "\nサイトマップ", prose(), rewritten=True),
    Trap("blank-lines-are-short-lines", "1.5", "\n\n".join(LINES), "hojichar-ja", 19 / 39, 0.0, ask=("hojichar.short_lines", "lines.short_fraction")),
    # --- FineWeb-2, §1.6
    Trap("words-come-from-a-tokenizer", "1.6", "\n".join(["これは行です。"] * 5), "fineweb2-jpn", True, False, reason=("quality.gopher_short_doc", "-")),
    Trap("lists-of-short-lines-reject", "1.6", "\n".join(f"{k}番。" for k in range(30)), "fineweb2-jpn", True, True, reason=("fineweb.list_ratio", "lines.short_lines")),
    # --- English: what en-default mends
    Trap("a-curly-bracket-drops-a-page", "gopher, c4", ENGLISH + "\nThe struct begins with a { in C.", "c4", True, False, reason=("c4.curly_bracket", "c4.curly_bracket"), default="en-default"),
    Trap("a-curly-bracket-drops-a-page-of-fineweb", "gopher, c4", ENGLISH + "\nThe struct begins with a { in C.", "fineweb", True, False, reason=("c4.curly_bracket", "c4.curly_bracket"), default="en-default"),
    Trap("lines-without-a-full-stop-go", "gopher, c4", ENGLISH + "\nA title without an end", "c4", ENGLISH, ENGLISH + "\nA title without an end", rewritten=True, default="en-default"),
    Trap("broken-decoding-stays", "2.3", ENGLISH + "\ufffd" * 9, "gopher", False, True, reason=("-", "characters.broken_decoding"), default="en-default"),
    Trap("personal-data-stays", "3", ENGLISH + "\nWrite to taro@example.co.jp today.", "gopher", ENGLISH + "\nWrite to taro@example.co.jp today.", ENGLISH + "\nWrite to email@example.com today.", rewritten=True, default="en-default"),
]  # fmt: skip


def seen(trap: Trap, profile: str, side: int) -> Any:
    scores, reasons, text = passed(profile, trap.text, trap.url)
    if trap.rewritten:
        return text
    return scores[trap.ask[side]] if trap.ask else trap.reason[side] in reasons


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: f"{trap.section}-{trap.id}")
def test_the_profile_has_the_quirk_and_the_default_mends_it(trap):
    assert seen(trap, trap.profile, 0) == pytest.approx(trap.published) or (
        seen(trap, trap.profile, 0) == trap.published
    )
    found = seen(trap, trap.default, 1)
    assert found == trap.fixed or found == pytest.approx(trap.fixed)


def test_every_rule_of_a_trap_is_one():
    for trap in TRAPS:
        for profile, rule in zip((trap.profile, trap.default), trap.reason or (), strict=False):
            known = {f"{s.name}.{r.reason}" for s in steps_of(profile) for r in s.rules}
            mended = trap.default == "en-default" and rule == "c4.curly_bracket"
            assert rule == "-" or rule in known or mended, (trap.id, rule)


def test_every_compat_profile_has_a_trap():
    compat = {"gopher", "c4", "fineweb", "fineweb2-jpn", "swallow-v1", "hojichar-ja"}
    assert {trap.profile for trap in TRAPS} == compat | {"llm-jp-v1", "llm-jp-v1-strict"}


def test_plain_prose_is_kept_by_the_defaults():
    assert passed("ja-default", prose())[1] == set()
    assert passed("en-default", ENGLISH)[1] == set()


def test_an_unmatched_quote_does_not_take_the_rest_of_its_line():
    scores, _, _ = passed("ja-default", "「はい。そうです。と言った。")
    assert scores["japanese.max_sentence_length"] == 5
