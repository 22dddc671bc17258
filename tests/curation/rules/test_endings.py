"""Marks settled and footers cut: as Swallow v1 and HojiChar do, and as the defaults do."""

import random
import re

import pyarrow as pa
import pytest
from hojichar import Document, document_filters, tokenization

from curation.rules.endings import (
    PUBLISHED_FOOTER,
    Footer,
    HeaderFooter,
    Punctuation,
    settle,
)
from tests.curation.made_text import japanese_documents

TEXTS = japanese_documents(count=300, seed=9)
MARKS = "あア漢ー」𠮟ｱ3３aＡ^ \n、。，．，．"
DRAW = random.Random(4)
MIXED = ["".join(DRAW.choices(MARKS, k=DRAW.randint(0, 25))) for _ in range(2000)]


def score(step, texts):
    """(texts as they end, scores)"""
    array = pa.array(texts, pa.large_string())
    scored = step.score(array, {})
    text = array if scored.text is None else scored.text
    scored_lists = {name: values.to_pylist() for name, values in scored.scores.items()}
    return text.to_pylist(), scored_lists


def published_marks(text):
    """What Swallow v1 says it does, character by character."""
    japanese = re.compile("[）」』］〕】〉》ぁ-ゖァ-ヺ々〇〻㐀-\u9fff\uf900-\ufaff]")
    for usual, other in ("、，", "。．"):
        ends = [text[k] for k in range(1, len(text)) if japanese.fullmatch(text[k - 1])]
        if ends.count(other) > ends.count(usual):
            new = ""
            for k, c in enumerate(text):
                run = k
                while run and text[run - 1] == other:
                    run -= 1
                blocked = (
                    run == 0
                    or text[run - 1] in "０１２３４５６７８９^"
                    or ("Ａ" <= text[run - 1] <= "Ｚ" or "ａ" <= text[run - 1] <= "ｚ")
                )
                new += usual if c == other and not (blocked and k == run) else c
            text = new
    return text


def test_marks_are_settled_as_published():
    assert [settle(text, published=True)[0] for text in MIXED] == list(map(published_marks, MIXED))
    found, scores = score(Punctuation(published=True), MIXED)
    assert found == list(map(published_marks, MIXED))
    assert 100 < sum(scores["toten"]) < len(MIXED)
    assert 100 < sum(scores["kuten"]) < len(MIXED)


@pytest.mark.parametrize("published", [True, False])
@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("この文章の句点，読点を修正します．", "この文章の句点、読点を修正します。"),
        ("読点、読点、はい．そう，です．", "読点、読点、はい。そう，です。"),
        ("値は３．１４です．Ｈｉ，と言った．", "値は３．１４です。Ｈｉ，と言った。"),
        ("英語, and 。", "英語, and 。"),
        ("待って．．．", "待って。。。"),
    ],
)
def test_the_mark_in_the_majority_is_settled(text, wanted, published):
    assert settle(text, published=published)[0] == wanted


def published_footer(text, words):
    """What Swallow v1 says it does: of the last 10 lines, the first covered by more than 0.3."""
    lines = text.split("\n")
    for at in range(max(0, len(lines) - 10), len(lines)):
        rest = lines[at]
        for word in sorted(words, key=len, reverse=True):
            rest = rest.replace(word, "")
        if lines[at] and (len(lines[at]) - len(rest)) / len(lines[at]) > 0.3:
            return "\n".join(lines[:at])
    return text


def pages():
    draw = random.Random(3)
    words = [*PUBLISHED_FOOTER, "記記事事", "株式会社", " | ", "について", "\n", "\n"]
    return [
        body + "\n" * draw.randint(0, 2) + "".join(draw.choices(words, k=draw.randint(0, 14)))
        for body in TEXTS
    ]


def test_footers_are_cut_as_published():
    found, scores = score(Footer(published=True), pages())
    assert found == [published_footer(text, PUBLISHED_FOOTER) for text in pages()]
    assert 30 < sum(n > 0 for n in scores["removed"]) < 290
    assert sum(scores["removed"]) == sum(map(len, pages())) - sum(map(len, found))


def test_a_list_of_ones_own_is_used_and_known_by_its_digest(tmp_path):
    path = tmp_path / "footers.txt"
    path.write_text("次回予告\n", encoding="utf-8")
    step = Footer(list=str(path))
    assert score(step, ["本文です。\n次回予告"])[0] == ["本文です。"]
    assert step.settings["words"].startswith("sha256:")
    assert score(Footer(), ["本文です。\n次回予告"])[0] == ["本文です。\n次回予告"]


BODY = "これは本文の一行目です。\nこれは本文の二行目です。"


@pytest.mark.parametrize(
    "footer",
    [
        "\nプライバシーポリシー｜利用規約｜お問い合わせ",
        "\n\n会社概要 サイトマップ\n\nCopyright © All Rights Reserved.\n",
        "\n" * 30 + "ログイン\n" + "\n" * 30,
    ],
)
def test_footer_lines_go_from_the_end_upwards(footer):
    assert Footer().trim(BODY + footer) == BODY
    assert score(Footer(), [BODY + footer, BODY])[0] == [BODY, BODY]


@pytest.mark.parametrize(
    "text",
    ["", "\n", "ログイン", "サイトマップ\n会社概要\n", BODY, "ログイン\n" + BODY],
)
def test_a_text_of_nothing_else_and_lines_within_stay(text):
    assert Footer().trim(text) == text
    assert score(Footer(), [text])[0] == [text]


def hojichar(text):
    document = Document(text)
    for step in (
        tokenization.SentenceTokenizer(),
        document_filters.HeaderFooterTagsRemover(),
        tokenization.MergeTokens(),
    ):
        document = step.apply(document)
    return document.text


@pytest.mark.filterwarnings("ignore:':DeprecationWarning")  # HojiChar's own
def test_header_and_footer_sentences_go_as_in_hojichar():
    draw = random.Random(6)
    starts = ["検索", "タグ", "前の記事", "価格は", "本文", "", "記事一覧", "。"]
    made = [
        "。".join(draw.choices(starts, k=draw.randint(0, 9))) + draw.choice(("", "。", "。。"))
        for _ in range(1500)
    ]
    found, scores = score(HeaderFooter(), [*TEXTS, *made])
    assert found == [hojichar(text) for text in [*TEXTS, *made]]
    assert sum(n > 0 for n in scores["removed"]) > 500
