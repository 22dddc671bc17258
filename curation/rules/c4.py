"""C4's rules as datatrove's C4QualityFilter decides them, the rewritten text included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curation.kernels import c4 as k
from curation.kernels.buffers import Bytes, Offsets, from_utf8, utf8_view
from curation.kernels.classes import decimal_digits
from curation.rules.base import RuleStep, flag, integer
from curation.steps import Rule, Scored
from curation.words.english.splitter import english_words


class C4(RuleStep):
    """Lines removed and pages refused as in C4 (arXiv 1910.10683, section 2.2), English only.

    Lines go that hold a word of over `max_word_length` characters, do not end with terminal
    punctuation (if `terminal_punctuation`), have under `min_words` words, speak of javascript or
    of a policy; citation marks go from the others. The text is rewritten where no rule of this
    step that drops fails, and left as it was elsewhere.
    """

    default_name = "c4"
    rewrites = True
    options: ClassVar[dict[str, type]] = {
        "terminal_punctuation": bool,
        "citations": bool,
        "javascript": bool,
        "policy": bool,
        "lorem_ipsum": bool,
        "curly_bracket": bool,
        "min_words": int,
        "max_word_length": int,
    }
    statistics = (
        integer("lines", "lines", "lines of the text"),
        integer("kept_lines", "lines", "lines that stay"),
        integer("long_word_lines", "lines", "lines removed for a word that is too long"),
        integer("unended_lines", "lines", "lines removed for their end"),
        integer("short_lines", "lines", "lines removed for too few words"),
        integer("lorem_ipsum_lines", "lines", 'lines with "lorem ipsum"'),
        integer("javascript_lines", "lines", 'lines removed for "javascript"'),
        integer("curly_bracket_lines", "lines", "lines with {"),
        integer("policy_lines", "lines", "lines removed for a policy"),
        flag("lorem_ipsum_first", '"lorem ipsum" comes before any {'),
        integer("sentences", "sentences", "sentences of the lines that stay"),
    )

    def __init__(
        self,
        *,
        terminal_punctuation: bool = True,
        citations: bool = True,
        javascript: bool = True,
        policy: bool = True,
        lorem_ipsum: bool = True,
        curly_bracket: bool = True,
        min_words: int = 3,
        max_word_length: int = 1000,
        rules: Sequence[Rule] = (),
        name: str | None = None,
    ) -> None:
        super().__init__(rules=rules, name=name)
        looked_for = k.LOREM * lorem_ipsum | k.JAVASCRIPT * javascript | k.POLICY * policy
        self._kernel = (
            citations,
            terminal_punctuation,
            min_words,
            max_word_length,
            looked_for,
            curly_bracket,
        )
        self.settings = {
            "terminal_punctuation": terminal_punctuation,
            "citations": citations,
            "javascript": javascript,
            "policy": policy,
            "lorem_ipsum": lorem_ipsum,
            "curly_bracket": curly_bracket,
            "min_words": min_words,
            "max_word_length": max_word_length,
        }

    def score(self, text: pa.Array, columns: Mapping[str, pa.Array]) -> Scored:
        data, offsets = utf8_view(text)
        cleaned = np.empty(int(offsets[-1] - offsets[0]) + 1, np.uint8)
        ends = np.zeros(len(offsets), np.int64)
        line_ptr = np.zeros(len(offsets), np.int64)
        counts, lines = k.clean_lines(
            data, offsets, decimal_digits(), self._kernel, cleaned, ends, line_ptr
        )
        sentences = self._sentences(cleaned, ends, lines, line_ptr)
        columns_ = [counts[:, q] for q in range(k.LOREM_FIRST)]
        scores = self.arrays([*columns_, counts[:, k.LOREM_FIRST] != 0, sentences])
        rewritten = np.ones(len(text), np.bool_)
        for rule in self.rules:
            if not rule.annotate:
                rewritten &= ~rule.failed(scores)
        return Scored(scores, _choose(data, offsets, cleaned, ends, rewritten))

    def _sentences(
        self, cleaned: Bytes, ends: Offsets, lines: Offsets, line_ptr: Offsets
    ) -> npt.NDArray[np.int64]:
        kept = from_utf8(cleaned, ends)
        chunks = english_words().chunks(kept)
        counted: npt.NDArray[np.int64] = k.count_sentences(
            chunks.data,
            lines,
            line_ptr,
            chunks.ptr,
            chunks.starts,
            chunks.ends,
            chunks.found,
            chunks.word_ptr,
            chunks.words,
            chunks.features,
        )
        return counted


def _choose(
    data: Bytes,
    offsets: Offsets,
    cleaned: Bytes,
    ends: Offsets,
    rewritten: npt.NDArray[np.bool_],
) -> pa.LargeStringArray:
    out = np.empty(int(offsets[-1] - offsets[0]) + 1, np.uint8)
    out_offsets = np.zeros(len(offsets), np.int64)
    cleaned.flags.writeable = False
    ends.flags.writeable = False
    k.choose(data, offsets, cleaned, ends, rewritten, out, out_offsets)
    return from_utf8(out, out_offsets)
