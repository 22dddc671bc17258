"""HojiChar 0.18.1, datatrove 0.10.1 and Swallow v1's definition decide as these steps do."""

import collections
import re

import numpy as np
import pyarrow as pa
import pytest
from datatrove.data import Document as TroveDocument
from hojichar import Document
from hojichar import document_filters as filters

from benchmarks._peers import datatrove_chain
from curation.profiles import load_profile
from curation.rules.hojichar import WordHits
from curation.rules.japanese import FEW_LENGTHS, Japanese
from tests.curation.made_text import japanese_documents

TEXTS = japanese_documents(count=300, seed=1)


@pytest.mark.parametrize("step", load_profile("hojichar-ja"), ids=lambda step: step.name)
def test_hojichar_rejects_the_same_documents(step):
    scored = step.score(pa.array(TEXTS, pa.large_string()), {})
    for rule in step.rules:
        peer = getattr(filters, rule.reason)()
        expected = [peer.apply(Document(text)).is_rejected for text in TEXTS]
        differ = [
            text
            for text, mine, theirs in zip(TEXTS, rule.failed(scored.scores), expected, strict=True)
            if mine != theirs
        ]
        assert differ == [], rule.reason
        hits = step.name in ("violence", "ads", "discrimination")
        assert hits or 0 < sum(expected) < len(expected), rule.reason


@pytest.mark.parametrize("bounded", [False, True])
@pytest.mark.parametrize(
    "name", ["adult_keywords_ja", "discrimination_keywords_ja", "advertisement_keywords_ja"]
)
def test_hits_are_what_the_expression_finds(name, bounded):
    path = filters.BASE_PATH / f"dict/{name}.txt"
    peer = filters.NgWordsFilterJa(path, ignore_confused=bounded)
    words = [word.strip() for word in path.read_text(encoding="utf-8").split("\n") if word.strip()]
    texts = [*TEXTS, "".join(words), "ア".join(words[::3]), " ".join(words[::2]), "ー".join(words)]
    step = WordHits(list=f"hojichar:{name}", katakana_boundaries=bounded)
    found = step.score(pa.array(texts, pa.large_string()), {}).scores["hits"].to_pylist()
    if bounded and not any(re.fullmatch(r"[ァ-ヴー]+", word) for word in words):
        return  # the peer's expression then matches the empty string everywhere
    assert found == [len(peer.keyword_pat.findall(text)) for text in texts]
    assert sum(found) > 100


@pytest.mark.filterwarnings("ignore:Dictionary.create:DeprecationWarning")  # datatrove calls it
def test_fineweb2_decides_as_datatrove():
    texts = [text for text in TEXTS[:160] if text.strip()]
    array = pa.array(texts, pa.large_string())
    steps = load_profile("fineweb2-jpn")
    for step, peer in zip(steps, datatrove_chain(language=None, japanese=True), strict=True):
        scored = step.score(array, {})
        found = [True] * len(texts)
        for rule in reversed(step.rules):
            for row in np.flatnonzero(rule.failed(scored.scores)):
                found[row] = (False, rule.reason)
        expected = [peer.filter(TroveDocument(text=text, id="x")) for text in texts]
        assert found == expected
        assert len(set(map(str, expected))) > 2


def swallow(text):
    """The statistics of arXiv 2404.17733 as the published code defines them, in plain Python."""
    lines = [re.findall(r"[^。．！？!?]+[。．！？!?]?", line) for line in text.split("\n")]
    sentences = [sentence for line in lines for sentence in line]

    def repeated(items):
        counts = collections.Counter(items)
        extra = {item: n - 1 for item, n in counts.items()}
        letters = sum(map(len, items))
        return (
            sum(extra.values()) / len(items) if items else 0.0,
            sum(len(item) * n for item, n in extra.items()) / letters if letters else 0.0,
        )

    def within(*ranges):
        return sum(any(a <= ord(c) <= z for a, z in ranges) for c in text)

    hiragana, katakana = within((0x3041, 0x3096)), within((0x30A1, 0x30FA))
    kanji = within((0x3400, 0x9FFF), (0xF900, 0xFAFF)) + sum(c in "々〇〻" for c in text)
    japanese = hiragana + katakana + kanji + sum(c in "、，。．！？" for c in text)
    found = {}
    joined = ["".join(line) for line in lines]
    (
        found["duplicate_paragraph_fraction"],
        found["duplicate_paragraph_fraction_in_character"],
    ) = repeated(joined)
    (
        found["duplicate_sentence_fraction"],
        found["duplicate_sentence_fraction_in_character"],
    ) = repeated(sentences)
    for n in range(2, 11):
        counts = collections.Counter(text[i : i + n] for i in range(len(text) - n + 1))
        if n < 5:
            top = counts.most_common(1)[0][1] / sum(counts.values()) if counts else None
            found[f"top_{n}gram_character_fraction"] = top
        else:
            twice = sum(1 for times in counts.values() if times > 1)
            found[f"duplicate_{n}gram_character_fraction"] = twice / len(counts) if counts else 0.0
    lengths = [len(sentence) for sentence in sentences]
    ellipses = sum(sentence.strip().endswith(("・", "…")) for sentence in sentences)
    found |= {
        "num_letters": len(text),
        "num_japanese_letters": japanese,
        "hiragana_fraction": hiragana / japanese if japanese else 0.0,
        "katakana_fraction": katakana / japanese if japanese else 0.0,
        "kanji_fraction": kanji / japanese if japanese else 0.0,
        "japanese_fraction": japanese / len(text) if text else 0.0,
        "avg_sentence_length": sum(lengths) / len(lengths) if lengths else 0.0,
        "max_sentence_length": max(lengths, default=0),
        "ellipsis_fraction": ellipses / len(lengths) if lengths else 0.0,
    }
    return found


def test_swallow_v1_has_the_published_statistics():
    step = load_profile("swallow-v1")[0]
    scores = step.score(pa.array(TEXTS, pa.large_string()), {}).scores
    for row, text in enumerate(TEXTS):
        expected = swallow(text)
        assert {name: scores[name][row].as_py() for name in expected} == expected, text
    assert set(scores) == set(swallow("あ"))


def test_few_lengths_give_the_numbers_of_all():
    array = pa.array(TEXTS, pa.large_string())
    every = Japanese(published=True).score(array, {}).scores
    few = Japanese(published=True, every_length=False).score(array, {}).scores
    for name, values in few.items():
        counted = "gram_" not in name or any(f"_{n}gram" in name for n in FEW_LENGTHS)
        assert values.equals(every[name]) if counted else values.null_count == len(TEXTS)
