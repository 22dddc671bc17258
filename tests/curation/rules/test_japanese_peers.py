"""HojiChar 0.18.1, datatrove 0.10.1 and Swallow v1's definition decide as these steps do."""

import collections
import itertools
import random
import re

import numpy as np
import pyarrow as pa
import pytest
from datatrove.data import Document as TroveDocument
from hojichar import Document
from hojichar import document_filters as filters

from benchmarks._peers import datatrove_chain
from curation.kernels.buffers import utf8_view
from curation.kernels.phrases import build_trie, count_phrases
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


def test_hits_are_those_of_re_whatever_the_words():
    """Words of one to five characters of few kinds, so that many begin alike or hold one another;
    the peer's expression written anew, as it matches nothing at all without katakana."""
    draw = random.Random(5)
    kana = re.compile(r"[ァ-ヴー]+")
    for _ in range(60):
        kinds = draw.sample("アスかな漢字aS.死𠮟𝔸ーヵ", 6)
        words = {"".join(draw.choices(kinds, k=draw.randint(1, 5))) for _ in range(12)}
        texts = ["".join(draw.choices(kinds, k=draw.randint(0, 60))) for _ in range(40)]
        for bounded in (False, True):
            bound = [w for w in sorted(words) if bounded and kana.fullmatch(w)]
            parts = [re.escape(w) for w in sorted(words) if w not in bound]
            if bound:
                inner = "|".join(map(re.escape, bound))
                parts.append(rf"(?<![ァ-ヴー])(?:{inner})(?![ァ-ヴー])")
            wanted = [re.findall("|".join(parts), text) for text in texts]
            trie = build_trie(sorted(words), bound_katakana=bounded)
            found = count_phrases(*utf8_view(pa.array(texts, pa.large_string())), trie)
            rows = [[len(hits), len("".join(hits))] for hits in wanted]
            assert found.tolist() == [[*row, len(t)] for row, t in zip(rows, texts, strict=True)]


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


def published_lines(text):
    """The sentences of every line, as quality.py of swallow-corpus cuts them."""
    return [re.findall(r"[^。．！？!?]+[。．！？!?]?", line) for line in text.split("\n")]


ENDS, OPEN, CLOSE = "。．！？!?…", "「『【〈《（(“", "」』】〉》）)”"


def readers_lines(text):
    """The sentences of every line that is not blank, as a reader cuts them, in plain Python."""
    return [readers_sentences(line) for line in map(str.strip, text.split("\n")) if line]


def readers_sentences(line):
    depths = list(itertools.accumulate((c in OPEN) - (c in CLOSE) for c in line))
    balanced = min(depths) >= 0 and depths[-1] == 0
    found = []
    i = 0
    while i < len(line):
        if line[i].isspace():
            i += 1
            continue
        start = i
        depth = 0
        while i < len(line):
            c = line[i]
            before = line[i - 1] if i else "\n"
            depth += balanced * ((c in OPEN) - (c in CLOSE))
            i += 1
            within = c == "．" and (before <= "\u3000" or "０" <= before <= "ｚ")
            if c in ENDS and not depth and not within:
                while i < len(line) and line[i] in ENDS + CLOSE:
                    i += 1
                break
        found.append(line[start:i])
    return found


def statistics(text, lines):
    """Those of arXiv 2404.17733 as its published code defines them, in plain Python."""
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


DRAW = random.Random(2)
MARKS = [
    "".join(DRAW.choices("あ漢ー1１ .．。！?…・、「」（）\n\n　", k=k % 40)) for k in range(3000)
]


WEIGHTS = [
    (0, 1, 0, 1, 0, 0, 0),
    (1, 9, 9, 9, 9, 0, 0),
    (1, 1, 1, 1, 1, 1, 1),
    (9, 1, 0, 9, 0, 1, 1),
]


@pytest.mark.parametrize(
    ("step", "lines"),
    [(load_profile("swallow-v1")[0], published_lines), (Japanese(), readers_lines)],
    ids=["published", "a-readers"],
)
def test_statistics_are_those_of_plain_python(step, lines):
    """Long texts of little but ends and line ends fill the tables for sentences and lines."""
    full = ["".join(DRAW.choices("a。！\n．」 ", weights, k=4000)) for weights in WEIGHTS]
    texts = TEXTS + MARKS + full
    scores = step.score(pa.array(texts, pa.large_string()), {}).scores
    for row, text in enumerate(texts):
        expected = statistics(text, lines(text))
        assert {name: scores[name][row].as_py() for name in expected} == expected, text
    assert set(scores) == set(statistics("あ", [["あ"]]))


def test_few_lengths_give_the_numbers_of_all():
    array = pa.array(TEXTS, pa.large_string())
    every = Japanese(published=True).score(array, {}).scores
    few = Japanese(published=True, every_length=False).score(array, {}).scores
    counted = [
        name
        for name in every
        if "gram_" not in name or any(f"_{n}gram" in name for n in FEW_LENGTHS)
    ]
    assert list(few) == counted
    assert len(counted) < len(every)
    for name in counted:
        assert few[name].equals(every[name])
