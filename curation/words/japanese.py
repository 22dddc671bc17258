"""Japanese words as datatrove 0.10.1 takes them (SudachiPy, split mode A), without spaCy between.

datatrove cuts a text into parts of 40,000 bytes, has spaCy's Japanese tokenizer cut each, and
strips the tokens; spaCy takes SudachiPy's surfaces and spends 9 of 10 seconds on tags, lemmas and
readings that no rule reads. Here SudachiPy is called directly on the same parts. Calling it line by
line, or asking it for fewer fields, gives other words (measured: 271 and 98 of 315 documents
equal).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from awase_client.engine.jit import njit
from curation.kernels.buffers import same_memory
from curation.words.batch import WordBatch
from curation.words.english.room import larger
from curation.words.english.vocabulary import describe
from curation.words.flags import word_flags

PART_BYTES = 40_000
# A batch that starts with more words than this starts with an empty table.
TABLE_WORDS = 1 << 20


def parts(text: str) -> list[str]:
    """The text in parts as datatrove's `chunk_text_on_bytes(text, 40_000)` cuts it.

    Parts are guessed from the mean size of a character, shortened by ten characters while too
    long, and lengthened by ten while short; the guess carries over to the next part.
    """
    size = len(text.encode())
    if size < PART_BYTES:
        return [text] if text else []
    points = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    width = 1 + (points > 0x7F) + (points > 0x7FF) + (points > 0xFFFF).astype(np.int64)
    total = np.concatenate([[0], np.cumsum(width)])
    guess = int(max(PART_BYTES * (len(text) / size) - 10, 1))
    found = []
    at = 0
    while at < len(text):
        left = len(text) - at
        cut = min(guess, left)
        if total[at + cut] - total[at] > PART_BYTES:
            guess = max(guess - 10, 1)
            continue
        end = cut
        cut = guess
        while total[at + end] - total[at] < PART_BYTES and end < left:
            cut = end = min(left, cut + 10)
        if total[at + end] - total[at] > PART_BYTES:
            cut -= 10
        found.append(text[at : at + cut])
        at += cut
    return found


@njit(nogil=True, cache=True)
def _describe_all(text, ptr, flags, rows):  # type: ignore[no-untyped-def]
    """Rows of features of the words text[ptr[k]:ptr[k + 1]]."""
    for k in range(len(ptr) - 1):
        describe(text, ptr[k], ptr[k + 1], flags, rows[k])


class JapaneseWords:
    """The Sudachi tokenizer of one process and the numbers of the words it has met."""

    def __init__(self, *, table_words: int = TABLE_WORDS) -> None:
        from sudachipy import Dictionary, SplitMode

        self._tokenizer: Any = Dictionary().tokenizer(mode=SplitMode.A)
        self._limit = table_words
        self._reserved: list[str] = []
        self._lock = threading.Lock()
        self._recent: list[tuple[pa.Array, WordBatch]] = []
        self._reset()

    def reserve(self, words: Sequence[str]) -> npt.NDArray[np.int32]:
        """Ids of these words, which stay theirs for the life of the process."""
        with self._lock:
            new = [word for word in dict.fromkeys(words) if word not in self._reserved]
            if new:
                self._reserved += new
                self._reset()
            return np.array([self._numbers[word] for word in words], np.int32)

    def split(self, texts: pa.Array) -> WordBatch:
        """Words of every text; the last texts are remembered, as several steps ask for them."""
        with self._lock:
            for known, batch in self._recent:
                if same_memory(known, texts):
                    return batch
            if len(self._numbers) > self._limit:
                self._reset()
            batch = self._split(texts)
            self._recent = [*self._recent[-1:], (texts, batch)]
            return batch

    def forget_texts(self) -> None:
        """Forget the last texts: the same texts are then split anew."""
        with self._lock:
            self._recent.clear()

    def words(self, text: str) -> list[str]:
        """The words of one text, white space left out."""
        tokenize = self._tokenizer.tokenize
        surfaces = chain.from_iterable(
            (morpheme.surface() for morpheme in tokenize(part)) for part in parts(text)
        )
        return [word for surface in surfaces if (word := surface.strip())]

    def places(self, text: str) -> list[tuple[int, int]]:
        """First and past last character of the words of one text."""
        found, at = [], 0
        for word in self.words(text):
            at = text.index(word, at)
            found.append((at, at + len(word)))
            at += len(word)
        return found

    def _reset(self) -> None:
        self._recent = []
        self._numbers: dict[str, int] = {}
        self._features = np.zeros((1 << 14, 4), np.uint64)
        self._word_ptr = np.zeros((1 << 14) + 1, np.int64)
        self._text = np.zeros(1 << 17, np.uint8)
        for word in self._reserved:
            self._numbers.setdefault(word, len(self._numbers))
        self._describe(0)

    def _split(self, texts: pa.Array) -> WordBatch:
        numbers = self._numbers
        before = len(numbers)
        ptr = np.zeros(len(texts) + 1, np.int64)
        ids: list[npt.NDArray[np.int32]] = []
        for row, text in enumerate(texts.to_pylist()):
            words = self.words(text or "")
            found = [numbers.setdefault(word, len(numbers)) for word in words]
            ids.append(np.array(found, np.int32))
            ptr[row + 1] = ptr[row] + len(found)
        self._describe(before)
        joined = np.concatenate(ids) if ids else np.zeros(0, np.int32)
        return WordBatch(joined, ptr, self._features, self._word_ptr, self._text)

    def _describe(self, before: int) -> None:
        """Fill the rows of the words numbered from `before` on."""
        new = list(self._numbers)[before:]
        if not new:
            return
        after = len(self._numbers)
        if after > len(self._features):
            self._features = larger(self._features, 2 * after)
            self._word_ptr = larger(self._word_ptr, 2 * after + 1)
        spelled = [word.encode() for word in new]
        begin = int(self._word_ptr[before])
        ends = begin + np.cumsum([len(word) for word in spelled])
        self._word_ptr[before + 1 : after + 1] = ends
        self._text = larger(self._text, int(ends[-1]))
        self._text[begin : ends[-1]] = np.frombuffer(b"".join(spelled), np.uint8)
        _describe_all(
            self._text,
            self._word_ptr[before : after + 1],
            word_flags(),
            self._features[before:after],
        )


@cache
def japanese_words() -> JapaneseWords:
    """The tokenizer of this process (about 1 s to load its dictionary)."""
    return JapaneseWords()
