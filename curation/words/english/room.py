"""Room for the memo, the vocabulary and the work arrays: tables that grow by doubling."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from curation.words.english import memo as m
from curation.words.english import vocabulary as v
from curation.words.english.chunk import SPARE
from curation.words.english.tables import Tables, hash_text


def scratch(n: int) -> tuple[npt.NDArray[Any], ...]:
    """Work arrays of `chunk.split_chunk` for a chunk of n code points."""
    room = 2 * n + SPARE
    return (
        np.zeros(n + SPARE, np.int32),
        np.zeros(room, np.int64),
        np.zeros(room, np.int64),
        np.zeros(room, np.int64),
        np.zeros(room, np.int64),
        np.zeros(room, np.uint64),
        np.zeros((n + 1024, 3), np.int64),
    )


def larger(array: npt.NDArray[Any], n: int) -> npt.NDArray[Any]:
    """The array with at least n rows, zeros after those it had."""
    if len(array) >= n:
        return array
    grown = np.zeros((max(n, 2 * len(array)), *array.shape[1:]), array.dtype)
    grown[: len(array)] = array
    return grown


def larger_table(
    key: npt.NDArray[np.uint64], ids: npt.NDArray[np.int32], places: int
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int32]]:
    """The open-addressing table with at least so many places."""
    if len(key) >= places:
        return key, ids
    size = len(key)
    while size < places + places // 2:
        size *= 2
    new_key, new_ids = np.zeros(size, np.uint64), np.zeros(size, np.int32)
    m.rehash(key, ids, new_key, new_ids)
    return new_key, new_ids


SMALLEST = 1 << 17  # chunks and words that there is room for at first


class Room:
    """The memo of chunks, the words they have, and how many there are (`count`)."""

    def __init__(self, tables: Tables, *, chunks: int = 0) -> None:
        """Empty tables, as a new process has them; they need not grow for so many chunks."""
        self.tables = tables
        size = SMALLEST
        while size < chunks + 4:
            size *= 2
        self.memo = m.Memo(
            np.zeros(2 * size, np.uint64),
            np.zeros(2 * size, np.int32),
            np.zeros(size + 1, np.int64),
            np.zeros(2 * size, np.int32),
            np.zeros(size + 1, np.int64),
            np.zeros(8 * size, np.uint8),
            np.zeros(size, np.uint8),
            np.zeros(size, np.uint64),
            np.zeros(size, np.uint64),
        )
        self.vocabulary = v.Vocabulary(
            np.zeros(2 * size, np.uint64),
            np.zeros(2 * size, np.int32),
            np.zeros((size, 4), np.uint64),
            np.zeros(size + 1, np.int64),
            np.zeros(8 * size, np.uint8),
        )
        self.count = np.zeros(6, np.int64)
        self.scratch = scratch(1 << 12)

    @property
    def nbytes(self) -> int:
        """Bytes of both tables, used or not."""
        return sum(array.nbytes for array in (*self.memo, *self.vocabulary))

    def grow(self, *, chunks: int, words: int, chunk_words: int, size: int) -> None:
        """Make room in every table for so many more, of `size` bytes; arrays in use elsewhere stay
        as they are."""
        memo, vocabulary, count = self.memo, self.vocabulary, self.count
        chunks += int(count[v.CHUNKS]) + 4
        words += int(count[v.WORDS]) + 4
        chunk_words += int(count[v.CHUNK_WORDS]) + 4
        self.memo = m.Memo(
            *larger_table(memo.key, memo.id, 2 * chunks),
            larger(memo.ptr, chunks + 1),
            larger(memo.words, chunk_words),
            larger(memo.start, chunks + 1),
            larger(memo.text, size + int(count[v.CHUNK_BYTES])),
            *(larger(array, chunks) for array in memo[6:]),
        )
        self.vocabulary = v.Vocabulary(
            *larger_table(vocabulary.key, vocabulary.id, 2 * words),
            larger(vocabulary.features, words),
            larger(vocabulary.ptr, words + 1),
            larger(vocabulary.text, size + int(count[v.WORD_BYTES])),
        )

    def number(self, word: str) -> int:
        """The number of a word that did not come from the kernel."""
        self.grow(chunks=1, words=1, chunk_words=1, size=4 * len(word))
        if len(word) > len(self.scratch[0]):
            self.scratch = scratch(2 * len(word))
        points = self.scratch[0]
        points[: len(word)] = [ord(character) for character in word]
        return int(
            v.number(
                points,
                0,
                len(word),
                np.uint64(hash_text(word)),
                self.tables.flags,
                self.vocabulary,
                self.count,
            )
        )

    def add_chunk(self, numbers: list[int], data: bytes) -> int:
        """The id of a new chunk of these bytes and words; b"" where none will be looked up."""
        self.grow(chunks=1, words=1, chunk_words=len(numbers), size=len(data))
        memo, count = self.memo, self.count
        d, o = int(count[v.CHUNKS]), int(count[v.CHUNK_WORDS])
        memo.words[o : o + len(numbers)] = numbers
        memo.ptr[d + 1] = o + len(numbers)
        begin = int(count[v.CHUNK_BYTES])
        memo.text[begin : begin + len(data)] = np.frombuffer(data, np.uint8)
        memo.start[d + 1] = begin + len(data)
        count[v.CHUNKS] += 1
        count[v.CHUNK_WORDS] += len(numbers)
        count[v.CHUNK_BYTES] += len(data)
        return d
