"""How much of a text is which kind of character: needs no words and no language."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from curation.kernels import classes as c
from curation.kernels.buffers import utf8_view
from curation.rules.base import RuleStep, fraction, integer, ratio
from curation.steps import Scored


class Characters(RuleStep):
    """Counts and shares of character classes; Japanese characters counted as a reader would.

    ー counts with the kana, half-width kana and kanji of the supplementary planes are Japanese
    (Swallow's published code leaves these out: step `swallow` has that version).
    """

    default_name = "characters"
    statistics = (
        integer("characters", "characters", "length of the text"),
        integer("japanese", "characters", "kana, ー, kanji and Japanese punctuation"),
        fraction("japanese_fraction", "Japanese characters of all but white space"),
        fraction("hiragana_fraction", "hiragana of the Japanese characters"),
        fraction("katakana_fraction", "katakana and ー of the Japanese characters"),
        fraction("kanji_fraction", "kanji of the Japanese characters"),
        fraction("letter_fraction", "letters of any script of all but white space"),
        fraction("digit_fraction", "digits of all but white space"),
        fraction("symbol_fraction", "punctuation and symbols of all but white space"),
        integer("control", "characters", "control characters other than white space"),
        fraction("replacement_fraction", "U+FFFD of all characters: broken decoding"),
    )

    def score(self, text: pa.Array, columns: Mapping[str, pa.Array]) -> Scored:
        counts = c.count_classes(*utf8_view(text), c.japanese_classes())
        total = counts.sum(axis=1)
        black = total - counts[:, c.SPACE] - counts[:, c.NEWLINE]
        katakana = counts[:, c.KATAKANA] + counts[:, c.LONG_VOWEL]
        letters = counts[:, [c.HIRAGANA, c.KATAKANA, c.LONG_VOWEL, c.KANJI]].sum(axis=1)
        marks = counts[:, c.KUTEN] + counts[:, c.TOTEN]
        japanese = letters + marks
        every_letter = letters + counts[:, c.LATIN] + counts[:, c.LETTER]
        return Scored(
            self.arrays(
                [
                    total,
                    japanese,
                    ratio(japanese, black),
                    ratio(counts[:, c.HIRAGANA], japanese),
                    ratio(katakana, japanese),
                    ratio(counts[:, c.KANJI], japanese),
                    ratio(every_letter, black),
                    ratio(counts[:, c.DIGIT], black),
                    ratio(counts[:, c.PUNCTUATION] + counts[:, c.SYMBOL] + marks, black),
                    counts[:, c.CONTROL],
                    ratio(counts[:, c.REPLACEMENT], np.maximum(total, 1)),
                ]
            )
        )
