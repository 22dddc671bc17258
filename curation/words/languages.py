"""The word splitter of a language, one a process."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curation.words.batch import WordBatch

LANGUAGES = ("en", "ja")


class Words(Protocol):
    """What rules need of a splitter: words of a batch, and numbers that stay a word's own."""

    def split(self, texts: pa.Array) -> WordBatch: ...

    def reserve(self, words: list[str]) -> npt.NDArray[np.int32]: ...

    def places(self, text: str) -> list[tuple[int, int]]:
        """First and past last character of the words of one text; slow, for a report's examples."""


def words_of(language: str) -> Words:
    """The splitter of `en` or `ja`; ValueError for any other language."""
    if language == "en":
        from curation.words.english.splitter import english_words

        return english_words()
    if language == "ja":
        from curation.words.japanese import japanese_words

        return japanese_words()
    raise ValueError(f"no words are split for language {language!r}; there are {LANGUAGES}")
