"""HojiChar 0.18.1's document filters, decision for decision, and lists of words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from curation.base.errors import UsageError
from curation.kernels import hojichar as k
from curation.kernels.buffers import utf8_view
from curation.kernels.classes import decimal_digits
from curation.kernels.phrases import Trie, build_trie, count_phrases
from curation.rules.base import RuleStep, fraction, integer, ratio
from curation.steps import Rule, Scored
from curation.wordlists import word_list


class HojiChar(RuleStep):
    """What HojiChar's filters without word lists measure, on the text as it stands."""

    default_name = "hojichar"
    statistics = (
        integer("characters", "characters", "length of the text"),
        integer("kana_in_lead", "characters", "kana (ぁ-ん, ァ-ン) in the first 50 characters"),
        fraction("kuten_ratio", "。 by characters", "ratio"),
        integer("comments", "matches", "dates, コメント, 投稿, hyphens and other marks of a board"),
        fraction("repeated_grams", "occurrences of the most frequent 5-grams of characters"),
        integer("longest_run", "characters", "longest run of one character"),
        fraction("ending_ellipses", "lines with a line end that end with an ellipsis"),
        fraction("short_lines", "lines, blank ones too, of at most 10 characters"),
    )

    def score(self, text: pa.Array, columns: Mapping[str, pa.Array]) -> Scored:
        found = k.hojichar_statistics(*utf8_view(text), decimal_digits())
        breaks = found[:, k.BREAKS]
        return Scored(
            self.arrays(
                [
                    found[:, k.CHARACTERS],
                    found[:, k.KANA_IN_LEAD],
                    ratio(found[:, k.KUTEN], found[:, k.CHARACTERS]),
                    found[:, k.COMMENTS],
                    ratio(found[:, k.TOP_GRAMS], found[:, k.GRAMS]),
                    found[:, k.LONGEST_RUN],
                    ratio(found[:, k.ENDING_ELLIPSES], np.maximum(breaks, 1)),
                    ratio(found[:, k.SHORT_LINES], breaks + 1),
                ]
            )
        )


@cache
def _trie(words: tuple[str, ...], bounded: bool) -> Trie:
    return build_trie(words, bound_katakana=bounded)


class WordHits(RuleStep):
    """Occurrences of the words of a list, each behind the one before, as `re.findall` finds them.

    `list` is a file or a list of the installed HojiChar (`curation.wordlists`). With
    `katakana_boundaries` a word of katakana counts only where no katakana stands beside it, so that
    アス is not found in アスパラガス. `without` names words of the list that are left out.
    """

    default_name = "word_hits"
    options: ClassVar[dict[str, type]] = {
        "list": str,
        "katakana_boundaries": bool,
        "without": list,
    }
    statistics = (
        integer("hits", "matches", "occurrences of the words"),
        fraction("hits_per_1000", "occurrences by 1,000 characters", "1/1000 characters"),
        fraction("share", "characters of the occurrences, of all"),
    )

    def __init__(
        self,
        *,
        list: str = "hojichar:adult_keywords_ja",
        katakana_boundaries: bool = True,
        without: Sequence[str] = (),
        rules: Sequence[Rule] = (),
        name: str | None = None,
    ) -> None:
        super().__init__(rules=rules, name=name)
        found = word_list(list)
        if unknown := sorted(set(without) - set(found.words)):
            raise UsageError(f"step {self.name}: the list {list} has no word {unknown[0]!r}")
        self.words = tuple(word for word in found.words if word not in without)
        self.settings: dict[str, Any] = {
            "list": found.digest,
            "license": found.license,
            "katakana_boundaries": katakana_boundaries,
            **({"without": sorted(without)} if without else {}),
        }

    def score(self, text: pa.Array, columns: Mapping[str, pa.Array]) -> Scored:
        found = count_phrases(
            *utf8_view(text), _trie(self.words, self.settings["katakana_boundaries"])
        )
        return Scored(
            self.arrays(
                [
                    found[:, 0],
                    ratio(1000 * found[:, 0], found[:, 2]),
                    ratio(found[:, 1], found[:, 2]),
                ]
            )
        )
