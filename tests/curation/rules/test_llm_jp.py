import zlib

import pyarrow as pa
import pytest
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


@pytest.mark.parametrize(("profile", "length"), [("llm-jp-v1", 250), ("llm-jp-v1-strict", 80)])
def test_sentence_length_is_hojichars(profile, length):
    (step,) = [step for step in load_profile(profile) if step.name == "hojichar"]
    scores = step.score(array(*TEXTS), {}).scores
    peer = filters.DiscardRareKuten(max_average_sentence_length=length)
    (rule,) = [rule for rule in step.rules if rule.reason == "sentence_length"]
    expected = [peer.apply(Document(text)).is_rejected for text in TEXTS]
    assert rule.failed(scores).tolist() == expected
    assert 0 < sum(expected) < len(expected)


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
