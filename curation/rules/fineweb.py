"""FineWeb's own rules as datatrove's FineWebQualityFilter decides them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curation.kernels import gopher as k
from curation.kernels.buffers import utf8_view
from curation.kernels.classes import character_table
from curation.rules.base import RuleStep, fraction, integer, ratio
from curation.steps import Rule, Scored
from curation.words.languages import words_of


@cache
def _terminal() -> npt.NDArray[np.uint8]:
    """uint8[0x110000], 1 at what ends a line for FineWeb: datatrove's own set."""
    from datatrove.utils.text import TERMINAL_PUNCTUATION

    return character_table(TERMINAL_PUNCTUATION)


class FineWeb(RuleStep):
    """Ends of lines, short lines, repeated lines, lines by words (arXiv 2406.17557, section 3.6).

    `language` as in `Repetition`; `short` is the length up to which a line counts as short.
    """

    default_name = "fineweb"
    options: ClassVar[dict[str, type]] = {"language": str, "short": int}
    statistics = (
        integer("lines", "lines", "lines that are not white space"),
        fraction("line_punct_ratio", "lines that end with terminal punctuation"),
        fraction("short_line_ratio", "lines of at most `short` characters"),
        fraction("char_dup_ratio", "characters of repeated lines, of all but newlines"),
        fraction("list_ratio", "newlines by words", "ratio"),
    )

    def __init__(
        self,
        *,
        language: str = "en",
        short: int = 30,
        rules: Sequence[Rule] = (),
        name: str | None = None,
    ) -> None:
        super().__init__(rules=rules, name=name)
        self.language = language
        self.short = short
        self.settings = {"language": language, "short": short}

    def score(self, text: pa.Array, columns: Mapping[str, pa.Array]) -> Scored:
        found = k.fineweb_statistics(*utf8_view(text), _terminal(), self.short)
        words = words_of(self.language).split(text)
        lines = found[:, k.FULL_LINES]
        return Scored(
            self.arrays(
                [
                    lines,
                    ratio(found[:, k.ENDED_LINES], lines),
                    ratio(found[:, k.SHORT_LINES], lines),
                    ratio(found[:, k.REPEATED_CHARACTERS], found[:, k.TEXT_CHARACTERS]),
                    ratio(found[:, k.BREAKS], np.diff(words.ptr)),
                ]
            )
        )
