import random
import zlib

import pyarrow as pa
import pytest
import regex
from hojichar import Document
from hojichar import document_filters as filters

from curation.profiles import load_profile
from curation.rules.llm_jp import Address, Compression, Extract
from tests.curation.made_text import japanese_documents

TEXTS = japanese_documents(count=200, seed=5)


def array(*texts):
    return pa.array(texts, pa.large_string())


def failed(profile, text):
    reasons = set()
    for step in load_profile(profile):
        scored = step.score(array(text), {})
        reasons |= {rule.reason for rule in step.rules if rule.failed(scored.scores)[0]}
    return reasons


def test_addresses_are_taken_by_their_last_label():
    urls = [
        "https://example.co.jp/a",
        "http://example.DE",
        "https://ja.wikipedia.org/wiki/x",
        "no address",
        "http://[broken",
        None,
    ]
    scores = Address().score(array(*"abcdef"), {"url": pa.array(urls)}).scores
    assert scores["taken"].to_pylist() == [True, False, False, False, False, None]
    assert Address().score(array("a"), {}).scores["taken"].to_pylist() == [None]


def test_compression_is_zlibs_at_level_nine():
    ratios = Compression().score(array(*TEXTS), {}).scores["ratio"].to_pylist()
    for text, ratio in zip(TEXTS, ratios, strict=True):
        data = text.encode()
        assert ratio == (len(zlib.compress(data, level=9)) / len(data) if data else None)


class Peer:
    """filter_data.py of llm-jp-corpus 9815fc53 for ja_cc: HojiChar's filters in its order."""

    def __init__(self, strict, folder):
        allowed, length, self.lowest = (2, 80, 0.375) if strict else (3, 250, 0.30)
        self.lead = filters.AcceptJapanese()
        self.ads = filters.DiscardAds(max_allowed_num=10)
        self.lists = []
        for name, lacks in LACKS.items():
            listed = (filters.BASE_PATH / f"dict/{name}_keywords_ja.txt").read_text("utf-8")
            words = [word for word in listed.split("\n") if word not in lacks]
            assert len(words) == len(listed.split("\n")) - len(lacks)
            path = folder / f"{name}.txt"
            path.write_text("\n".join(words), "utf-8")
            peer = filters.NgWordsFilterJa(path, ignore_confused=True)
            self.lists.append((name, peer.keyword_pat, allowed))
        self.kuten = filters.DiscardRareKuten(max_average_sentence_length=length)

    def rejected(self, text):
        """The first reason, None where the text is kept."""
        if not text.strip() or self.lead.apply(Document(text)).is_rejected:
            return "not_japanese"
        if self.ads.apply(Document(text)).is_rejected:
            return "ads"
        for name, words, allowed in self.lists:
            if len(words.findall(text)) > allowed:
                return f"{name}_content"
        if self.kuten.apply(Document(text)).is_rejected:
            return "sentence_length"
        data = text.encode()
        ratio = len(zlib.compress(data, level=9)) / len(data)
        if not self.lowest <= ratio <= 0.70:
            return "compression_low" if ratio < self.lowest else "compression_high"
        return None if self.rewritten(text).strip() else "empty"

    @staticmethod
    def rewritten(text):
        kept = [x for x in text.split("\n") if regex.search(r"[\p{Hiragana}\p{Katakana}ー]", x)]
        kept = [regex.sub(r"https?://[\w/:%#\$&\?\(\)~\.=\+\-]+", "", x) for x in kept]
        return "".join(regex.sub(r"[\u0000-\u007F]{100,}", "", x) for x in kept)


# What HojiChar 0.18.1's lists have and those of llm-jp-corpus 9815fc53 (scripts/dict) have not.
LACKS = {
    "adult": ("AV", "R18", "SM", "jk", "ちつ", "モザイク", "乞食", "援助", "露出"),
    "discrimination": (),
    "violence": ("叩く", "死"),
}


def web_pages():
    """Pages on which every rule bites first somewhere: hits, few 。, repetition, noise."""
    draw = random.Random(8)
    kinds = ("ADULT", "DISCRIMINATION", "VIOLENCE")
    hits = [f"<TEST_STRING_OF_{kind}_KEYWORD>" for kind in kinds]
    hits += ["営業時間", "①", "■", *(word for words in LACKS.values() for word in words)]
    pages = []
    for text in TEXTS * 3:
        body = "".join(
            f"{draw.choice('春夏秋冬朝昼夜')}の{chr(draw.randrange(0x4E00, 0x9000))}は"
            f"{chr(draw.randrange(0x4E00, 0x9000))}{draw.choice('をがにで')}見る"
            + draw.choice(("。", "。", "、", "、"))
            * draw.choice((1, 1, 0))
            for _ in range(draw.choice((3, 20, 80)))
        )
        body += "".join(draw.choices(hits, k=draw.choice((0, 0, 3, 12))))
        body *= draw.choice((1, 1, 1, 12))
        pages.append(draw.choice((body, body, text, text + "\n" + body, "x" * 60 + body)))
    return pages


@pytest.mark.parametrize("profile", ["llm-jp-v1", "llm-jp-v1-strict"])
def test_decisions_first_reasons_and_texts_are_the_peers(profile, tmp_path):
    texts = web_pages()
    wanted = list(map(Peer(profile.endswith("strict"), tmp_path).rejected, texts))
    found = [None] * len(texts)
    steps = load_profile(profile)
    for step in reversed(steps):
        scored = step.score(array(*texts), {})
        for rule in reversed(step.rules):
            for row in rule.failed(scored.scores).nonzero()[0]:
                found[row] = rule.reason
    assert found == wanted
    assert set(wanted) == {rule.reason for step in steps for rule in step.rules} - {"domain"} - {
        "empty"  # who has kana in the lead keeps that line
    } | {None}
    assert [step.name for step in steps if step.rewrites] == [steps[-1].name]
    assert steps[-1].score(array(*texts), {}).text.to_pylist() == list(map(Peer.rewritten, texts))


def test_sentence_length_is_asked_behind_the_lists():
    text = "とても長い文が続き、" * 40 + "<TEST_STRING_OF_ADULT_KEYWORD>" * 4
    for profile in ("llm-jp-v1", "llm-jp-v1-strict"):
        reasons = [
            rule.reason
            for step in load_profile(profile)
            for rule in step.rules
            if rule.failed(step.score(array(text), {}).scores)[0]
        ]
        assert reasons[:2] == ["adult_content", "sentence_length"]


def test_strict_rejects_what_the_plain_profile_keeps():
    text = "<TEST_STRING_OF_ADULT_KEYWORD>" * 3
    assert "adult_content" not in failed("llm-jp-v1", text)
    assert "adult_content" in failed("llm-jp-v1-strict", text)
    assert "adult_content" in failed("llm-jp-v1", text * 2)


def test_lines_are_joined_without_a_newline_in_the_published_profile_alone():
    text = "一行目です。\nno kana here\n漢字\n二行目 https://example.jp/a?b=c です" + "x" * 120
    joined = Extract(joined=True).score(array(text), {}).text[0].as_py()
    assert joined == "一行目です。二行目  です"
    apart = Extract(joined=False).score(array(text), {}).text[0].as_py()
    assert apart == "一行目です。\n二行目  です"


def test_an_address_ends_where_the_peers_expression_ends():
    # `regex`, which llm-jp-corpus uses, has no ① or ½ among its word characters; `re` has
    text = "図は https://example.jp/図a①②に、https://example.jp/½ です。"
    assert Extract(joined=True).score(array(text), {}).text[0].as_py() == "図は ①②に、½ です。"


def test_a_text_without_kana_ends_empty():
    scored = Extract(joined=True).score(array("abc\n漢字", "かな"), {})
    assert scored.scores["empty"].to_pylist() == [True, False]
