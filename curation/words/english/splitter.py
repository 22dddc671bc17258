"""What rules call: the English words of a batch of documents, with a memo that lives in a process.

    words = english_words()               one a process, built on first use (about 2 s)
    batch = words.split(texts)            word ids by document, features by word id

Exact: the words are those of `spacy.blank("en")`, token for token, white space tokens left out
(tests/curation/words/test_english.py compares them on made and random text).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curation.kernels.buffers import Bytes, Offsets, same_memory, utf8_view
from curation.words.batch import WordBatch
from curation.words.english import memo as m
from curation.words.english.room import Room, scratch
from curation.words.english.tables import Tables, read_tables
from curation.words.english.vocabulary import (
    CHUNK_BYTES,
    CHUNK_WORDS,
    CHUNKS,
    DECLINED,
    WORD_BYTES,
    WORDS,
)

# A batch that starts with more chunks or words than this starts with an empty memo, as does one
# that starts with more than 4 times this of words in chunks, or 64 times this of bytes (32 MiB).
MEMO_ENTRIES = 1 << 19
_WORDS_PER_CHUNK = 4
_BYTES_PER_CHUNK = 64
# A batch with more than this share of new chunks has an empty memo from a quarter of these on: so
# tables hold one batch of hostile text, not two.
_NEW = 0.75
_SMALL = 4
_WINDOWS = 50_000
_WINDOW_BYTES = 500


@dataclass(frozen=True, slots=True)
class Chunks:
    """Chunks of a batch: chunk q has id found[q] and bytes starts[q]:ends[q] of `data`.

    Document d has chunks ptr[d]:ptr[d + 1]; the words of id x are words[word_ptr[x]:word_ptr[x+1]].
    """

    data: Bytes
    offsets: Offsets
    found: npt.NDArray[np.int32]
    ptr: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    word_ptr: npt.NDArray[np.int64]
    words: npt.NDArray[np.int32]
    features: npt.NDArray[np.uint64]
    spelled_ptr: npt.NDArray[np.int64]  # as `WordBatch.word_ptr`
    spelled: npt.NDArray[np.uint8]

    def batch(self) -> WordBatch:
        """The words alone, in one array."""
        ptr = np.zeros(len(self.ptr), np.int64)
        ids = m.flatten(self.found, self.ptr, self.word_ptr, self.words, ptr)
        return WordBatch(ids, ptr, self.features, self.spelled_ptr, self.spelled)


class EnglishWords:
    """The splitter of one process; `split` may be called from several threads, one at a time."""

    def __init__(self, *, memo_entries: int = MEMO_ENTRIES, kernels: bool = True) -> None:
        """`memo_entries=0` starts every batch with an empty memo; `kernels=False` asks spaCy for
        every chunk: both give the same words, slower (for tests)."""
        import spacy

        self._nlp = spacy.blank("en")
        self._nlp.add_pipe("sentencizer")
        self._tokenizer: Any = self._nlp.tokenizer
        self.tables: Tables = read_tables(self._nlp)
        self._limit = memo_entries
        self._kernels = kernels
        self._reserved: list[str] = []
        self._lock = threading.Lock()
        self._recent: list[tuple[pa.Array, Chunks, WordBatch]] = []
        self._windows: dict[tuple[str, str, str], list[str]] = {}
        self.asked = 0  # how often spaCy was asked
        self.looked_up = self.missed = 0  # chunks of all texts so far, and those not in the memo
        self._room = Room(self.tables)
        self._reset()

    def reserve(self, words: Sequence[str]) -> npt.NDArray[np.int32]:
        """Ids of these words, which stay theirs for the life of the process."""
        with self._lock:
            new = [word for word in dict.fromkeys(words) if word not in self._reserved]
            if new:
                self._reserved += new
                self._reset()
            return np.array([self._reserved.index(word) for word in words], np.int32)

    def split(self, texts: pa.Array) -> WordBatch:
        """Words of every text; the last texts are remembered, as several steps ask for them."""
        return self._split(texts)[1]

    def chunks(self, texts: pa.Array) -> Chunks:
        """As `split`, with the white space between chunks still to be seen."""
        return self._split(texts)[0]

    def places(self, text: str) -> list[tuple[int, int]]:
        """First and past last character of the words of one text, as spaCy has them."""
        chunks, batch = self._split(pa.array([text], pa.large_string()))
        found = _places(chunks, batch)
        if found is not None:
            return found
        with self._lock:
            return [(a, z) for a, z in self._spans(text) if not text[a:z].isspace()]

    def forget_texts(self) -> None:
        """Forget the last texts, not the memo: the same texts are then split anew."""
        with self._lock:
            self._recent.clear()

    def forget(self) -> None:
        """Empty the memo, as a new process has it."""
        with self._lock:
            self._reset()

    def _split(self, texts: pa.Array) -> tuple[Chunks, WordBatch]:
        with self._lock:
            recent = self._remembered(texts)
            if recent is not None:
                return recent
            if self._holds(self._limit):
                self._reset()
            chunks = self._find(texts)
            batch = chunks.batch()
            self._recent = [*self._recent[-1:], (texts, chunks, batch)]
            return chunks, batch

    def _remembered(self, texts: pa.Array) -> tuple[Chunks, WordBatch] | None:
        # apart from `_split`, whose frame would hold the old tables while new ones are filled
        for known, chunks, batch in self._recent:
            if same_memory(known, texts):
                return chunks, batch
        return None

    def _holds(self, limit: int) -> bool:
        """Does the memo hold more than so many entries, or words and bytes of as many?"""
        count = self._room.count
        return bool(
            max(count[CHUNKS], count[WORDS]) > limit
            or count[CHUNK_WORDS] > _WORDS_PER_CHUNK * limit
            or max(count[CHUNK_BYTES], count[WORD_BYTES]) > _BYTES_PER_CHUNK * limit
        )

    def _reset(self, *, chunks: int = 0) -> None:
        self._recent.clear()
        self._windows.clear()
        del self._room  # the old tables go before the new ones are made
        self._room = Room(self.tables, chunks=chunks)
        self._declined = np.zeros(1 << 12, np.int64)
        for word in self._reserved:
            self._room.number(word)

    def _find(self, texts: pa.Array) -> Chunks:
        data, offsets = utf8_view(texts)
        most = int(offsets[-1] - offsets[0]) // 2 + len(offsets) + 2
        keys = np.empty(most, np.uint64)
        starts, ends = np.empty(most, np.int64), np.empty(most, np.int64)
        ptr = np.zeros(len(offsets), np.int64)
        n = m.find_chunks(data, offsets, keys, starts, ends, ptr)
        starts, ends = starts[:n].copy(), ends[:n].copy()  # kept: not with the room that is left
        keys = keys[:n]
        found = np.empty(n, np.int32)
        missing = np.empty(n, np.int64)
        new = m.look_up(data, starts, ends, keys, self._room.memo, found, missing)
        if new > _NEW * n and self._holds(self._limit // _SMALL):
            self._reset(chunks=int(self._room.count[CHUNKS]))
            new = m.look_up(data, starts, ends, keys, self._room.memo, found, missing)
        missing = missing[:new]
        self.looked_up += n
        self.missed += len(missing)
        if len(missing):
            self._resolve(data, starts, ends, keys, missing, found)
        self._check_borders(data, found, ptr, starts, ends)
        memo, vocabulary = self._room.memo, self._room.vocabulary
        return Chunks(
            data,
            offsets,
            found,
            ptr,
            starts,
            ends,
            memo.ptr,
            memo.words,
            vocabulary.features,
            vocabulary.ptr,
            vocabulary.text,
        )

    def _resolve(
        self,
        data: Bytes,
        starts: Offsets,
        ends: Offsets,
        keys: npt.NDArray[np.uint64],
        missing: npt.NDArray[np.int64],
        found: npt.NDArray[np.int32],
    ) -> None:
        longest = int((ends[missing] - starts[missing]).max())
        room, count = self._room, self._room.count
        if longest > len(room.scratch[0]):
            room.scratch = scratch(2 * longest)
        left: list[int] = [] if self._kernels else missing.tolist()
        at = 0 if self._kernels else len(missing)
        while at < len(missing):
            count[DECLINED] = 0
            at = m.resolve(
                data,
                starts,
                ends,
                keys,
                missing,
                found,
                at,
                self.tables,
                room.memo,
                room.vocabulary,
                count,
                self._declined,
                room.scratch,
            )
            left += self._declined[: count[DECLINED]].tolist()
            if at < len(missing):
                more = int(ends[missing[at]] - starts[missing[at]]) + 8
                room.grow(
                    chunks=max(1024, int(count[CHUNKS])),
                    words=max(more, int(count[WORDS])),
                    chunk_words=max(more, int(count[CHUNK_WORDS])),
                    size=max(more, int(count[CHUNK_BYTES])),
                )
        for i in left:  # chunks that only spaCy can split
            place = (keys[i], data, starts[i], ends[i])
            p = int(m.place_of(room.memo, *place))
            if not room.memo.key[p]:
                chunk = bytes(data[starts[i] : ends[i]])
                numbers = [room.number(word) for word in self._ask(chunk.decode())]
                d = room.add_chunk(numbers, chunk)
                room.memo.sensitive[d] = 2
                p = int(m.place_of(room.memo, *place))
                room.memo.key[p] = keys[i]
                room.memo.id[p] = d
            found[i] = room.memo.id[p]

    def _check_borders(
        self,
        data: Bytes,
        found: npt.NDArray[np.int32],
        ptr: Offsets,
        starts: Offsets,
        ends: Offsets,
    ) -> None:
        """Ask spaCy where its matcher could have crossed into the next chunk (1 in 500,000)."""
        out = np.empty((1024, 2), np.int64)
        arguments = (data, found, ptr, starts, ends, self.tables.pair_key, self._room.memo)
        n = m.borders(*arguments, out)
        if n > len(out):
            out = np.empty((n, 2), np.int64)
            m.borders(*arguments, out)
        reach = self.tables.pattern_longest
        changed: dict[int, int] = {}
        for d, q in out[:n].tolist():
            low = max(q - reach, int(ptr[d]))
            high = min(q + reach + 1, int(ptr[d + 1]))
            words = self._in_window(
                bytes(data[starts[low] : starts[q]]).decode(),
                bytes(data[starts[q] : ends[q]]).decode(),
                bytes(data[ends[q] : ends[high - 1]]).decode(),
            )
            numbers = [self._room.number(word) for word in words]
            memo = self._room.memo
            x = int(found[q])
            if numbers != memo.words[memo.ptr[x] : memo.ptr[x + 1]].tolist():
                changed[q] = self._room.add_chunk(numbers, b"")
        for q, x in changed.items():
            found[q] = x

    def _spans(self, text: str) -> list[tuple[int, int]]:
        """spaCy's tokens of a text, as borders in characters."""
        self.asked += 1
        # Inside a memory zone spaCy fails on its own attribute's name: ask for a word of its shape.
        text = text.replace("IS_ALPHA", "IS_ALPHB")
        with self._tokenizer.vocab.memory_zone():
            return [(token.idx, token.idx + len(token)) for token in self._tokenizer(text)]

    def _ask(self, chunk: str) -> list[str]:
        spans = self._spans(chunk)
        return [word for begin, end in spans if (word := chunk[begin:end].strip())]

    def _in_window(self, left: str, chunk: str, right: str) -> list[str]:
        key = (left, chunk, right)
        words = self._windows.get(key)
        if words is None:
            text = left + chunk + right
            begin = len(left)
            end = begin + len(chunk)
            words = [text[a:z] for a, z in self._spans(text) if begin <= a < end]
            if len(self._windows) >= _WINDOWS:
                self._windows.clear()
            if len(left) + len(chunk) + len(right) < _WINDOW_BYTES:
                self._windows[key] = words
        return words


def _places(chunks: Chunks, batch: WordBatch) -> list[tuple[int, int]] | None:
    """Where the words of the only text stand, in characters; None where the words of some chunk do
    not make up the chunk, as where one runs on into the next chunk."""
    counts = (chunks.word_ptr[1:] - chunks.word_ptr[:-1])[chunks.found]
    size = np.diff(batch.word_ptr)[batch.ids]
    last = np.cumsum(size)
    ends_at = np.cumsum(counts)
    held = np.diff(np.concatenate([[0], last])[np.concatenate([[0], ends_at])])
    if not np.array_equal(held, chunks.ends - chunks.starts):
        return None
    stops = last + np.repeat(chunks.ends - np.concatenate([[0], last])[ends_at], counts)
    first = int(chunks.offsets[0])
    data = chunks.data[first : int(chunks.offsets[-1])]
    characters = np.concatenate([[0], np.cumsum((data & 0xC0) != 0x80)])
    begins, stops = characters[stops - size - first], characters[stops - first]
    return list(zip(begins.tolist(), stops.tolist(), strict=True))


@cache
def english_words() -> EnglishWords:
    """The splitter of this process, checked against the installed spaCy when first asked for."""
    from curation.words.english.check import self_check

    words = EnglishWords()
    self_check(words)
    return words
