"""Swallow v1's quality statistics, as published or as a reader would count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curation.kernels import japanese as k
from curation.kernels.buffers import utf8_view
from curation.rules.base import RuleStep, fraction, integer, ratio
from curation.steps import Rule, Scored
from curation.words.batch import powers

EVERY_LENGTH = (*k.TOP_LENGTHS, *k.KIND_LENGTHS)
FEW_LENGTHS = (3, 5, 10)


def _top(n: int) -> str:
    return f"top_{n}gram_character_fraction"


def _duplicates(n: int) -> str:
    return f"duplicate_{n}gram_character_fraction"


class Japanese(RuleStep):
    """Repetition, sentences and kana of Japanese text (Okazaki et al., arXiv 2404.17733).

    `published: true` gives the numbers of Swallow v1's quality.py: ー, ・ and kanji above U+FFFF
    are not Japanese, blank lines are paragraphs, quotes are cut at 。. `published: false` leaves
    blank lines out and minds quotes; its kana shares stay Swallow's, `characters` has the reader's.
    `every_length: false` counts n-grams of 3, 5 and 10 characters alone and has no statistics of
    the others: a fifth faster, as repetition seen at one length is seen at the next.
    """

    default_name = "japanese"
    options: ClassVar[dict[str, type]] = {"published": bool, "every_length": bool}
    statistics = (
        integer("num_letters", "characters", "length of the text"),
        integer("num_japanese_letters", "characters", "kana, kanji, 、，。．！？"),
        fraction("duplicate_paragraph_fraction", "lines that an earlier one equals"),
        fraction("duplicate_sentence_fraction", "sentences that an earlier one equals"),
        fraction("duplicate_paragraph_fraction_in_character", "their characters"),
        fraction("duplicate_sentence_fraction_in_character", "their characters"),
        *(fraction(_top(n), f"most frequent {n}-gram, of all {n}-grams") for n in k.TOP_LENGTHS),
        *(
            fraction(
                _duplicates(n),
                f"kinds of {n}-grams that occur twice, of all kinds",
            )
            for n in k.KIND_LENGTHS
        ),
        fraction("hiragana_fraction", "hiragana of the Japanese letters"),
        fraction("katakana_fraction", "katakana of the Japanese letters"),
        fraction("kanji_fraction", "kanji of the Japanese letters"),
        fraction("japanese_fraction", "Japanese letters of all characters"),
        fraction("avg_sentence_length", "mean length of a sentence", "characters"),
        integer("max_sentence_length", "characters", "length of the longest sentence"),
        fraction("ellipsis_fraction", "sentences that end with ・ or …"),
    )

    def __init__(
        self,
        *,
        published: bool = False,
        every_length: bool = True,
        rules: Sequence[Rule] = (),
        name: str | None = None,
    ) -> None:
        super().__init__(rules=rules, name=name)
        self.published = published
        self.lengths = np.array(EVERY_LENGTH if every_length else FEW_LENGTHS)
        self.settings = {"published": published, "every_length": every_length}
        left_out = {_top(n) for n in k.TOP_LENGTHS if n not in self.lengths}
        left_out |= {_duplicates(n) for n in k.KIND_LENGTHS if n not in self.lengths}
        self.statistics = tuple(s for s in type(self).statistics if s.name not in left_out)

    def score(self, text: pa.Array, columns: Mapping[str, pa.Array]) -> Scored:
        found = k.japanese_statistics(*utf8_view(text), powers(), self.published, self.lengths)
        letters = found[:, k.LETTERS]
        japanese = found[:, k.HIRAGANA : k.TOTEN + 1].sum(axis=1)
        sentences = found[:, k.SENTENCES]

        def share(part: int, whole: int) -> npt.NDArray[np.float64]:
            """One column by another, 0 where there is nothing, as Swallow v1 has it."""
            return np.nan_to_num(ratio(found[:, part], found[:, whole]))

        tops = []
        for q, n in enumerate(k.TOP_LENGTHS):
            if n in self.lengths:
                values = ratio(found[:, k.TOP + q], letters - n + 1)
                values[letters < n] = np.nan
                tops.append(values)
        kinds = [
            share(k.REPEATED + q, k.KINDS + q)
            for q, n in enumerate(k.KIND_LENGTHS)
            if n in self.lengths
        ]
        return Scored(
            self.arrays(
                [
                    letters,
                    japanese,
                    share(k.SAME_PARAGRAPHS, k.PARAGRAPHS),
                    share(k.SAME_SENTENCES, k.SENTENCES),
                    share(k.SAME_PARAGRAPH_LETTERS, k.PARAGRAPH_LETTERS),
                    share(k.SAME_SENTENCE_LETTERS, k.SENTENCE_LETTERS),
                    *tops,
                    *kinds,
                    *(
                        np.nan_to_num(ratio(found[:, kind], japanese))
                        for kind in (k.HIRAGANA, k.KATAKANA, k.KANJI)
                    ),
                    np.nan_to_num(ratio(japanese, letters)),
                    np.nan_to_num(ratio(found[:, k.SENTENCE_LETTERS], sentences)),
                    found[:, k.LONGEST_SENTENCE],
                    share(k.ELLIPSES, k.SENTENCES),
                ]
            )
        )
