"""Gopher's quality rules as datatrove's GopherQualityFilter decides them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import pyarrow as pa

from curation.base.errors import UsageError
from curation.kernels import gopher as k
from curation.kernels import word_counts as w
from curation.kernels.buffers import utf8_view
from curation.rules.base import RuleStep, fraction, integer, ratio
from curation.steps import Rule, Scored
from curation.words.languages import words_of

# Gopher (arXiv 2112.11446) section A1.1: "at least two of the following English words".
GOPHER_STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")


class Quality(RuleStep):
    """Number and length of words, marks, bullets, letters and stop words (arXiv 2112.11446, A1.1).

    `language` as in `Repetition`; `stop_words` are those of which some must occur.
    """

    default_name = "quality"
    options: ClassVar[dict[str, type]] = {"language": str, "stop_words": list}
    statistics = (
        integer("words", "words", "words that are not punctuation alone"),
        fraction("word_characters", "mean length of these words", "characters"),
        fraction("hash_ratio", "# by words", "ratio"),
        fraction("ellipsis_ratio", "ellipses by words", "ratio"),
        fraction("bullet_fraction", "lines that start with - or •"),
        fraction("ellipsis_fraction", "lines that end with an ellipsis"),
        fraction("alpha_fraction", "words with a letter, of all words"),
        integer("stop_words", "words", "how many of the stop words occur"),
    )

    def __init__(
        self,
        *,
        language: str = "en",
        stop_words: Sequence[str] = GOPHER_STOP_WORDS,
        rules: Sequence[Rule] = (),
        name: str | None = None,
    ) -> None:
        super().__init__(rules=rules, name=name)
        if len(set(stop_words)) > w.MAX_STOP_WORDS:
            raise UsageError(
                f"step {self.name}: {len(set(stop_words))} stop words; at most {w.MAX_STOP_WORDS}"
            )
        self.language = language
        self.stop_words = sorted(set(stop_words))
        self.settings = {"language": language, "stop_words": self.stop_words}

    def score(self, text: pa.Array, columns: Mapping[str, pa.Array]) -> Scored:
        splitter = words_of(self.language)
        stop = splitter.reserve(self.stop_words)
        words = splitter.split(text)
        counts = w.word_statistics(words.ids, words.ptr, words.features, stop)
        marks = k.mark_statistics(*utf8_view(text))
        every = counts[:, w.WORDS]
        proper = counts[:, w.PROPER_WORDS]
        lines = marks[:, k.SPLIT_LINES]
        return Scored(
            self.arrays(
                [
                    proper,
                    ratio(counts[:, w.PROPER_CHARACTERS], proper),
                    ratio(marks[:, k.HASHES], every),
                    ratio(marks[:, k.ELLIPSES], every),
                    ratio(marks[:, k.BULLETS], lines),
                    ratio(marks[:, k.ENDING_ELLIPSES], lines),
                    ratio(counts[:, w.ALPHABETIC_WORDS], every),
                    counts[:, w.STOP_WORDS],
                ]
            )
        )
