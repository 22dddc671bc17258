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
from curation.kernels.buffers import Bytes, Offsets, same_memory, utf8_view
from curation.kernels.word_table import cut_as, fill_slots, number_words
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
        self._morphemes = self._tokenizer.tokenize("")  # filled anew by each call
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
            return self._numbered(words)

    def split(self, texts: pa.Array) -> WordBatch:
        """Words of every text; the last texts are remembered, as several steps ask for them."""
        with self._lock:
            for known, batch in self._recent:
                if same_memory(known, texts):
                    return batch
            if self._known > self._limit:
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
        self._known = 0
        self._features = np.zeros((1 << 14, 4), np.uint64)
        self._word_ptr = np.zeros((1 << 14) + 1, np.int64)
        self._text = np.zeros(1 << 17, np.uint8)
        self._slots = np.full(1 << 15, -1, np.int32)
        self._numbered(self._reserved)

    def _split(self, texts: pa.Array) -> WordBatch:
        strings = [text or "" for text in texts.to_pylist()]
        joined = [self._joined(text) for text in strings]
        data, offsets = utf8_view(texts)
        begin, end, ptr, other = cut_as(data, offsets, *_arrays(joined))
        if other.any():  # a surface is not what stands in the text: take what the surfaces spell
            for row in np.flatnonzero(other).tolist():
                words = self.words(strings[row])
                strings[row], joined[row] = "".join(words), " ".join(words)
            data, offsets = _arrays(strings)
            begin, end, ptr, _ = cut_as(data, offsets, *_arrays(joined))
        ids = self._ids(data, begin, end)
        return WordBatch(ids, ptr, self._features, self._word_ptr, self._text)

    def _joined(self, text: str) -> str:
        """The surfaces of one text with a space between two: one string instead of 100,000."""
        found = []
        for part in parts(text):
            self._tokenizer.tokenize(part, out=self._morphemes)
            found.append(str(self._morphemes))
        return " ".join(found)

    def _numbered(self, words: Sequence[str]) -> npt.NDArray[np.int32]:
        """Ids of these words, known or new."""
        data, offsets = _arrays(words)
        return self._ids(data, offsets[:-1], offsets[1:])

    def _ids(self, data: Bytes, begin: Offsets, end: Offsets) -> npt.NDArray[np.int32]:
        """Ids of the words data[begin[k]:end[k]]; the tables grow until all are in."""
        before = self._known
        ids = np.empty(len(begin), np.int32)
        at = 0
        while True:
            at, self._known = number_words(
                data, begin, end, at, ids, self._slots, self._known, self._word_ptr, self._text
            )
            if at == len(begin):
                break
            used = int(self._word_ptr[self._known])
            self._word_ptr = larger(self._word_ptr, 2 * self._known + 2)
            self._text = larger(self._text, 2 * used + int(end[at] - begin[at]))
            self._slots = np.full(2 * len(self._slots), -1, np.int32)
            fill_slots(self._slots, self._known, self._word_ptr, self._text)
        self._features = larger(self._features, self._known)
        _describe_all(
            self._text,
            self._word_ptr[before : self._known + 1],
            word_flags(),
            self._features[before : self._known],
        )
        return ids


def _arrays(strings: Sequence[str]) -> tuple[Bytes, Offsets]:
    """Strings as bytes uint8 and offsets int64[strings + 1]."""
    return utf8_view(pa.array(strings, pa.large_string()))


@cache
def japanese_words() -> JapaneseWords:
    """The tokenizer of this process (about 1 s to load its dictionary)."""
    return JapaneseWords()
