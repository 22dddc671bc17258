"""What the lines of a text look like: needs no words; blank lines never count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curation.kernels import lines as k
from curation.kernels.buffers import utf8_view
from curation.kernels.classes import character_table
from curation.rules.base import RuleStep, fraction, integer, ratio
from curation.steps import Rule, Scored

# Ends of sentences in Japanese and English, closing quotes and brackets after them included.
SENTENCE_ENDS = "。．！？｡…!?.\"'」』）)”’"


@cache
def sentence_ends() -> npt.NDArray[np.uint8]:
    """uint8[0x110000], 1 at the characters of `SENTENCE_ENDS`."""
    return character_table(SENTENCE_ENDS)


class Lines(RuleStep):
    """Length, repetition, ends and beginnings of the lines that are not blank.

    `short` is the length in characters up to which a line counts as short.
    """

    default_name = "lines"
    options: ClassVar[dict[str, type]] = {"short": int}
    statistics = (
        integer("lines", "lines", "lines that are not blank"),
        fraction("mean_characters", "mean length of a line", "characters"),
        integer("longest_characters", "characters", "length of the longest line"),
        fraction("short_fraction", "lines of at most `short` characters"),
        fraction("duplicate_fraction", "lines that an earlier line equals"),
        fraction("duplicate_character_fraction", "characters in such lines"),
        fraction("bullet_fraction", "lines that start as an item of a list"),
        fraction("ellipsis_fraction", "lines that end with an ellipsis"),
        fraction("ended_fraction", "lines that end as a sentence does"),
    )

    def __init__(
        self, *, short: int = 10, rules: Sequence[Rule] = (), name: str | None = None
    ) -> None:
        super().__init__(rules=rules, name=name)
        self.short = short
        self.settings = {"short": short}

    def score(self, text: pa.Array, columns: Mapping[str, pa.Array]) -> Scored:
        found = k.line_statistics(*utf8_view(text), sentence_ends(), self.short)
        lines = found[:, k.LINES]
        return Scored(
            self.arrays(
                [
                    lines,
                    ratio(found[:, k.CHARACTERS], lines),
                    found[:, k.LONGEST],
                    ratio(found[:, k.SHORT], lines),
                    ratio(found[:, k.DUPLICATES], lines),
                    ratio(found[:, k.DUPLICATE_CHARACTERS], found[:, k.CHARACTERS]),
                    ratio(found[:, k.BULLETS], lines),
                    ratio(found[:, k.ELLIPSES], lines),
                    ratio(found[:, k.ENDED], lines),
                ]
            )
        )
