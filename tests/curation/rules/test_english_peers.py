"""datatrove 0.10.1 and these steps give the same decision, first reason and text."""

import random

import numpy as np
import pyarrow as pa
import pytest
from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)

from curation.profiles import load_profile
from curation.rules.c4 import C4
from tests.curation.made_text import english_documents

DOCUMENTS = english_documents(count=500, seed=1)
# Each of these is one rule's smallest case.
MINIMAL = [
    'Foo.  [1] bar baz.\nHe said.  "\nfoo bar baz.[1]  [2]\n Foo. \u3000 !  x. y. z.',
    "a b cooKie policy.\nThe terms of use say. JAVASCRİPT is none. Java script is none too.",
    "Lorem ipsum dolor sit.\nA { comes later.",
    "A { comes first.\nLorem ipsum dolor sit.",
    "x-a. x-e.g. (e.g.) and a. m. U. S. A. x-a. m.",
    "can not cannot can not cannot can not cannot can not cannot can not cannot",
    "a\n\n\n\nb\n\na\n\n\na\r\rb",
    "\n\n a \n\n a \n\n",
    "- a\n-b\n•c\n\x1c- d\x85 -e",
]


def decisions(step, text, scores):
    found = [True] * len(text)
    for rule in reversed(step.rules):
        for row in np.flatnonzero(rule.failed(scores)):
            found[row] = (False, rule.reason)
    return found


def peer(filter_, text):
    document = Document(text=text, id="x")
    return filter_.filter(document), document.text


@pytest.mark.parametrize(
    ("profile", "index", "filter_"),
    [
        ("gopher", 0, GopherRepetitionFilter()),
        ("gopher", 1, GopherQualityFilter()),
        ("fineweb", 3, FineWebQualityFilter()),
    ],
    ids=["repetition", "quality", "fineweb"],
)
def test_decisions_and_reasons_are_the_peers(profile, index, filter_):
    texts = [text for text in DOCUMENTS + MINIMAL if text.strip() or index == 0]
    step = load_profile(profile)[index]
    scored = step.score(pa.array(texts, pa.large_string()), {})
    found = decisions(step, texts, scored.scores)
    expected = [peer(filter_, text)[0] for text in texts]
    assert len({str(decision) for decision in expected}) > 3
    assert [
        (text, mine, theirs)
        for text, mine, theirs in zip(texts, found, expected, strict=True)
        if mine != theirs
    ] == []


@pytest.mark.parametrize(
    ("options", "peers"),
    [
        ({}, {}),
        (
            {"terminal_punctuation": False, "curly_bracket": False},
            {"filter_no_terminal_punct": False, "filter_curly_bracket": False},
        ),
        (
            {"citations": False, "min_words": 1, "max_word_length": 9, "javascript": False},
            {
                "remove_citations": False,
                "min_words_per_line": 1,
                "max_word_length": 9,
                "filter_javascript": False,
            },
        ),
        (
            {"policy": False, "lorem_ipsum": False, "terminal_punctuation": False},
            {
                "filter_policy": False,
                "filter_lorem_ipsum": False,
                "filter_no_terminal_punct": False,
            },
        ),
    ],
    ids=["defaults", "open", "short-words", "few-rules"],
)
def test_c4_decides_and_rewrites_as_the_peer(options, peers):
    texts = DOCUMENTS + MINIMAL
    step = C4(rules=load_profile("c4")[0].rules, **options)
    scored = step.score(pa.array(texts, pa.large_string()), {})
    found = list(zip(decisions(step, texts, scored.scores), scored.text.to_pylist(), strict=True))
    filter_ = C4QualityFilter(**peers)
    assert [
        (text, mine, theirs)
        for text, mine in zip(texts, found, strict=True)
        if mine != (theirs := peer(filter_, text))
    ] == []


def test_every_document_has_every_score_whatever_it_fails():
    texts = [text for text in DOCUMENTS if text.strip()]
    array = pa.array(texts, pa.large_string())
    for step in load_profile("fineweb"):
        scored = step.score(array, {})
        for statistic in step.statistics:
            missing = scored.scores[statistic.name].null_count
            assert not missing or statistic.name.startswith(("top_", "word_characters"))
        array = array if scored.text is None else scored.text
    assert len(array) == len(texts)


def test_a_batch_cut_differently_gives_the_same_rows():
    array = pa.array(DOCUMENTS, pa.large_string())
    cuts = sorted(random.Random(3).sample(range(1, len(array)), 7))
    for step in load_profile("fineweb"):
        whole = step.score(array, {})
        parts = [
            step.score(array[low:high], {})
            for low, high in zip([0, *cuts], [*cuts, len(array)], strict=True)
        ]
        for name, values in whole.scores.items():
            joined = pa.concat_arrays([part.scores[name] for part in parts])
            assert joined.equals(values), (step.name, name)
        if whole.text is not None:
            assert pa.concat_arrays([part.text for part in parts]).equals(whole.text)
