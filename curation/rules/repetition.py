"""Gopher's repetition rules as datatrove's GopherRepetitionFilter decides them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import pyarrow as pa

from curation.kernels import gopher as k
from curation.kernels.buffers import utf8_view
from curation.kernels.ngrams import DUPLICATE, TOP, ngram_statistics
from curation.rules.base import RuleStep, fraction, integer, ratio
from curation.steps import Rule, Scored
from curation.words.batch import powers
from curation.words.languages import words_of


class Repetition(RuleStep):
    """Repeated paragraphs, lines and word n-grams (arXiv 2112.11446, table A1).

    `language` says whose words: en (spaCy's) or ja (SudachiPy's), as datatrove takes them.
    """

    default_name = "repetition"
    options: ClassVar[dict[str, type]] = {"language": str}
    statistics = (
        integer("characters", "characters", "length of the text"),
        fraction("dup_para_frac", "paragraphs that an earlier one equals"),
        fraction("dup_para_char_frac", "their characters, of the text"),
        fraction("dup_line_frac", "lines that an earlier one equals"),
        fraction("dup_line_char_frac", "their characters, of the text"),
        *(
            fraction(f"top_{n}_gram", f"characters of the most frequent {n}-gram, of the text")
            for n in TOP
        ),
        *(
            fraction(f"duplicated_{n}_n_grams", f"characters in duplicate {n}-grams, of the text")
            for n in DUPLICATE
        ),
    )

    def __init__(
        self, *, language: str = "en", rules: Sequence[Rule] = (), name: str | None = None
    ) -> None:
        super().__init__(rules=rules, name=name)
        self.language = language
        self.settings = {"language": language}

    def score(self, text: pa.Array, columns: Mapping[str, pa.Array]) -> Scored:
        found = k.repetition_statistics(*utf8_view(text))
        words = words_of(self.language).split(text)
        grams = ngram_statistics(
            words.ids, words.ptr, words.features, words.word_ptr, words.text, powers()
        )
        characters = found[:, k.CHARACTERS]
        tops = [
            np.where(grams[:, q] < 0, np.nan, ratio(grams[:, q], characters))
            for q in range(len(TOP))
        ]
        return Scored(
            self.arrays(
                [
                    characters,
                    ratio(found[:, k.SAME_PARAGRAPHS], found[:, k.PARAGRAPHS]),
                    ratio(found[:, k.SAME_PARAGRAPH_CHARACTERS], characters),
                    ratio(found[:, k.SAME_LINES], found[:, k.LINES]),
                    ratio(found[:, k.SAME_LINE_CHARACTERS], characters),
                    *tops,
                    *(ratio(grams[:, len(TOP) + q], characters) for q in range(len(DUPLICATE))),
                ]
            )
        )
