"""Many phrases looked for at once: a double-array trie over UTF-8, matched as `re` matches `a|b|c`.

From left to right, at each place the first phrase of the list that fits wins, and the search goes
on behind it: what `re.findall` gives for an alternation in the order of the list.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from awase_client.engine.jit import njit
from curation.kernels.utf8 import count_chars, decode, strip_left

# base, check int32[states]: the double array; rank int32[states]: index of the phrase that ends in
# a state, -1 where none does; bounded uint8[phrases]: 1 where katakana may stand on neither side.
# What may match, asked before the trie: first uint8[65536] by a character's low 16 bits, pair and
# triple uint8[65536] by a hash of two and three characters: 1 where a phrase begins so, 3 where one
# is that, 0 where none does.
Trie = namedtuple("Trie", "base check rank bounded first pair triple")

_KATAKANA_FIRST, _KATAKANA_LAST, _LONG_VOWEL = 0x30A1, 0x30F4, 0x30FC


def build_trie(phrases: Sequence[str], *, bound_katakana: bool) -> Trie:
    """The trie of phrases, earlier ones first; with `bound_katakana` phrases of katakana alone
    (ァ to ヴ and ー) come after all others, and match only where no katakana stands beside them, as
    in HojiChar's expression for `ignore_confused=True`."""
    if bound_katakana:
        phrases = sorted(phrases, key=lambda phrase: all(map(_is_katakana, phrase)))
    children, ends = _tree(phrases)
    base, check, rank = [0], [0], [ends[0]]
    free = 1  # no place before it is empty
    start = 1  # where the search for a place of several children begins
    work = [(0, 0)]
    while work:
        node, state = work.pop()
        rank[state] = ends[node]
        keys = sorted(children[node])
        if not keys:
            base[state] = -1
            continue
        offset = max(1, (free if len(keys) == 1 else start) - keys[0])
        tries = 0
        while True:
            tries += 1
            if tries == 16:  # crowded: take new places, single children fill the holes
                offset = max(offset, len(check) - keys[0])
            missing = offset + keys[-1] + 1 - len(check)
            if missing > 0:
                base += [0] * missing
                check += [-1] * missing
                rank += [-1] * missing
            if all(check[offset + key] < 0 for key in keys):
                break
            offset += 1
        base[state] = offset
        for key in keys:
            check[offset + key] = state
            work.append((children[node][key], offset + key))
        while free < len(check) and check[free] >= 0:
            free += 1
        if len(keys) > 1:
            start = max(free, offset + keys[0])
    bounded = np.array(
        [bound_katakana and all(map(_is_katakana, phrase)) for phrase in phrases], np.uint8
    )
    beyond = [-1] * 256  # a look-up from any state stays within the arrays
    return Trie(
        np.array(base + beyond, np.int32),
        np.array(check + beyond, np.int32),
        np.array(rank + beyond, np.int32),
        bounded,
        *_beginnings(phrases),
    )


def _beginnings(phrases: Sequence[str]) -> list[npt.NDArray[np.uint8]]:
    """`first`, `pair` and `triple` of a trie."""
    tables = [np.zeros(1 << 16, np.uint8) for _ in range(3)]
    for phrase in phrases:
        h = 0
        for length, (table, character) in enumerate(zip(tables, phrase, strict=False), start=1):
            h = _join(h, ord(character))
            table[h & 0xFFFF] |= 3 if len(phrase) == length else 1
    return tables


@njit(inline="always", cache=True)  # cached, as Python calls it too
def _join(h, code):  # type: ignore[no-untyped-def]
    """The hash of some characters, followed by one more."""
    return h * 31 + code


def _tree(phrases: Sequence[str]) -> tuple[list[dict[int, int]], list[int]]:
    """Children of each node by byte, and the index of the first phrase that ends there, or -1."""
    children: list[dict[int, int]] = [{}]
    ends = [-1]
    for index, phrase in enumerate(phrases):
        node = 0
        for byte in phrase.encode():
            child = children[node].get(byte)
            if child is None:
                child = children[node][byte] = len(children)
                children.append({})
                ends.append(-1)
            node = child
        if ends[node] < 0:
            ends[node] = index
    return children, ends


def _is_katakana(character: str) -> bool:
    code = ord(character)
    return _KATAKANA_FIRST <= code <= _KATAKANA_LAST or code == _LONG_VOWEL


@njit(inline="always")
def _katakana_at(b, i):  # type: ignore[no-untyped-def]
    """Is the three-byte character at i ァ to ヴ or ー?"""
    if b[i] != 0xE3:
        return False
    code = 0x3000 | ((np.int64(b[i + 1]) & 63) << 6) | (np.int64(b[i + 2]) & 63)
    return _KATAKANA_FIRST <= code <= _KATAKANA_LAST or code == _LONG_VOWEL


@njit(nogil=True)
def _match(b, s, i, e, trie):  # type: ignore[no-untyped-def]
    """End of the phrase that matches at i within the text b[s:e], else -1."""
    state = 0
    best = -1
    end = -1
    j = i
    while j < e:
        offset = trie.base[state]
        if offset < 0:
            break
        target = offset + b[j]
        if trie.check[target] != state:
            break
        state = target
        j += 1
        rank = trie.rank[state]
        if rank < 0 or (best >= 0 and rank > best):
            continue
        if trie.bounded[rank]:
            if j < e and _katakana_at(b, j):
                continue
            if i - s >= 3 and (b[i - 3] & 0xF0) == 0xE0 and _katakana_at(b, i - 3):
                continue
        best = rank
        end = j
    return end


@njit(nogil=True, cache=True)
def count_phrases(b, offsets, trie):  # type: ignore[no-untyped-def]
    """int64[texts, 3]: matches of each text, their characters, and all of its characters."""
    texts = len(offsets) - 1
    out = np.zeros((texts, 3), np.int64)
    for d in range(texts):
        s = offsets[d]
        e = offsets[d + 1]
        i = s
        code, width = decode(b, i) if i < e else (0, 1)
        while i < e:
            j = i + width
            second, more = decode(b, j) if j < e else (0, 1)
            # a third of all characters begin some phrase: no branch before the second is known
            first = trie.first[code & 0xFFFF]
            h = _join(code, second)
            pair = trie.pair[h & 0xFFFF]
            if (first >> 1) | (first & pair):
                k = j + more
                third, _ = decode(b, k) if k < e else (0, 1)
                end = -1
                if (first | pair) & 2 or trie.triple[_join(h, third) & 0xFFFF]:
                    end = _match(b, s, i, e, trie)
                if end >= 0:
                    length = count_chars(b, i, end)
                    out[d, 0] += 1
                    out[d, 1] += length
                    out[d, 2] += length
                    i = end
                    code, width = decode(b, i) if i < e else (0, 1)
                    continue
            out[d, 2] += 1
            i = j
            code = second
            width = more
    return out


@njit(nogil=True, cache=True)
def contains_phrase(b, spans, trie):  # type: ignore[no-untyped-def]
    """bool[m]: does b[spans[k, 0]:spans[k, 1]] hold a phrase?"""
    out = np.zeros(len(spans), np.bool_)
    for k in range(len(spans)):
        s = spans[k, 0]
        e = spans[k, 1]
        i = s
        while i < e and not out[k]:
            code, width = decode(b, i)
            if trie.first[code & 0xFFFF]:
                out[k] = _match(b, s, i, e, trie) >= 0
            i += width
    return out


@njit(nogil=True, cache=True)
def tail_lines(b, offsets, most, blank):  # type: ignore[no-untyped-def]
    """(int64[m, 2] first byte and past the last byte, int64[m] text) of the last `most` lines of
    each text, those of white space among them only if `blank`; lines end at newlines alone."""
    texts = len(offsets) - 1
    out = np.empty((texts * most, 2), np.int64)
    rows = np.empty(texts * most, np.int64)
    n = 0
    for d in range(texts):
        s = offsets[d]
        e = offsets[d + 1]
        found = 0
        i = e
        while found < most and i >= s:
            if i == s or b[i - 1] == 10:
                if blank or strip_left(b, i, e) < e:
                    out[n, 0] = i
                    out[n, 1] = e
                    rows[n] = d
                    n += 1
                    found += 1
                e = i - 1
            i -= 1
    return out[:n].copy(), rows[:n].copy()
