"""A fastText classifier applied to a batch of texts: labels and scores of `fasttext`, bit for bit.

Transcribed from what fastText 0.9.2 computes (dictionary.cc getLine and computeSubwords, model.cc
computeHidden, loss.cc HierarchicalSoftmaxLoss::dfs). Float32 sums are taken in the same order, so
scores are equal in every bit; where the best two labels are equal, the caller asks fastText.
"""

from __future__ import annotations

import math
from collections import namedtuple

import numpy as np

from awase_client.engine.jit import njit
from curation.kernels.utf8 import space_len

DIMENSIONS = 16  # of lid.176; a constant, so that the sums become vector instructions
NONE, TIE = -1, -2  # instead of a label: a text without words, two best labels

# rows float32[words + n-grams, 16]. Words, then labels, as an open-addressing table of ids (-1
# empty) over their UTF-8 word_bytes[word_ptr[k]:word_ptr[k + 1]]; words rows sub_ids[sub_ptr[k]:
# sub_ptr[k + 1]] each. slots int32[buckets]: row of an n-gram's bucket, -1 where it was pruned;
# known uint64[buckets / 64]: the bits of those that were not. output float32[labels - 1, 16],
# children int32[2 * labels - 1, 2]: the tree of labels, -1 at its leaves. `end` is the row of </s>.
Model = namedtuple(
    "Model",
    "rows table word_bytes word_ptr words sub_ptr sub_ids slots known buckets shortest longest "
    "output children end",
)

_FNV = np.uint64(2166136261)
_PRIME = np.uint64(16777619)
_LOW = np.uint64(0xFFFFFFFF)
_SIGN = np.uint64(0xFFFFFF00)
_SEPARATORS = np.uint64(1 << 32 | 1 << 13 | 1 << 12 | 1 << 11 | 1 << 10 | 1 << 9 | 1)
_LABEL = np.frombuffer(b"__label__", np.uint8)
_END = np.frombuffer(b"</s>", np.uint8)


@njit(inline="always")
def _separator(c):  # type: ignore[no-untyped-def]
    return c <= 32 and (_SEPARATORS >> np.uint64(c)) & np.uint64(1) != np.uint64(0)


@njit(inline="always")
def _step(h, c):  # type: ignore[no-untyped-def]
    """FNV-1a over signed bytes, 32 bits."""
    x = np.uint64(c)
    return ((h ^ (x if c < 128 else x | _SIGN)) * _PRIME) & _LOW


@njit(inline="always")
def _equal(b, s, e, other, o, z):  # type: ignore[no-untyped-def]
    if e - s != z - o:
        return False
    k = 0
    while k < e - s and b[s + k] == other[o + k]:
        k += 1
    return k == e - s


@njit(inline="always")
def _find(b, s, e, h, table, word_bytes, word_ptr):  # type: ignore[no-untyped-def]
    """Id of the word b[s:e] with hash h, -1 where it is unknown; the place of the table."""
    mask = np.uint64(len(table) - 1)
    p = h & mask
    while table[p] >= 0:
        k = table[p]
        if _equal(b, s, e, word_bytes, word_ptr[k], word_ptr[k + 1]):
            break
        p = (p + np.uint64(1)) & mask
    return table[p], p


@njit(nogil=True, cache=True)
def fill_table(word_bytes, word_ptr, table):  # type: ignore[no-untyped-def]
    """Put all words into an empty table."""
    for k in range(len(word_ptr) - 1):
        h = _FNV
        for i in range(word_ptr[k], word_ptr[k + 1]):
            h = _step(h, word_bytes[i])
        _, p = _find(word_bytes, word_ptr[k], word_ptr[k + 1], h, table, word_bytes, word_ptr)
        table[p] = k


@njit(nogil=True)
def _subwords(b, s, e, slots, known, buckets, shortest, longest, word, ids, n):  # type: ignore[no-untyped-def]
    """Rows of the character n-grams of <b[s:e]> into ids[n:]; their new number."""
    size = e - s + 2
    word[0] = 60
    for k in range(e - s):
        word[k + 1] = b[s + k]
    word[size - 1] = 62
    magic = (np.uint64(1) << np.uint64(52)) // buckets
    for i in range(size):
        if (word[i] & 0xC0) == 0x80:
            continue
        h = _FNV
        j = i
        for k in range(1, longest + 1):
            if j >= size:
                break
            h = _step(h, word[j])
            j += 1
            while j < size and (word[j] & 0xC0) == 0x80:
                h = _step(h, word[j])
                j += 1
            if k < shortest or (k == 1 and (i == 0 or j == size)):
                continue
            bucket = h - ((h * magic) >> np.uint64(52)) * buckets  # h % buckets, or buckets more
            if bucket >= buckets:
                bucket -= buckets
            ids[n] = slots[bucket]
            n += (known[bucket >> np.uint64(6)] >> (bucket & np.uint64(63))) & np.uint64(1)
    return n


@njit(nogil=True, cache=True)
def word_rows(word_bytes, word_ptr, words, slots, known, buckets, shortest, longest):  # type: ignore[no-untyped-def]
    """(ptr int64[words + 1], ids int32): the rows of each word, its own first."""
    ptr = np.zeros(words + 1, np.int64)
    most = 0
    for k in range(words):
        most = max(most, word_ptr[k + 1] - word_ptr[k])
    word = np.empty(most + 2, np.uint8)
    ids = np.empty(longest * (len(word_bytes) + 2 * words) + words + 1, np.int32)
    n = np.int64(0)
    for k in range(words):
        ids[n] = k
        n += 1
        s = word_ptr[k]
        e = word_ptr[k + 1]
        if not _equal(word_bytes, s, e, _END, 0, 4):
            n = np.int64(
                _subwords(word_bytes, s, e, slots, known, buckets, shortest, longest, word, ids, n)
            )
        ptr[k + 1] = n
    return ptr, ids[:n].copy()


@njit(inline="always")
def _add(rows, r, hidden):  # type: ignore[no-untyped-def]
    for q in range(DIMENSIONS):
        hidden[q] += rows[r, q]


@njit(nogil=True)
def _hidden(b, i, e, M, word, ids, hidden):  # type: ignore[no-untyped-def]
    """Mean of the rows of the line b[i:e] into `hidden`; the number of rows."""
    hidden[:] = np.float32(0)
    n = np.int64(0)
    ended = False
    while i < e and not ended:
        if _separator(b[i]):
            i += 1
            continue
        s = i
        h = _FNV
        while i < e and not _separator(b[i]):
            h = _step(h, b[i])
            i += 1
        w, _ = _find(b, s, i, h, M.table, M.word_bytes, M.word_ptr)
        ended = _equal(b, s, i, _END, 0, 4)
        if 0 <= w < M.words:
            for k in range(M.sub_ptr[w], M.sub_ptr[w + 1]):
                _add(M.rows, M.sub_ids[k], hidden)
            n += M.sub_ptr[w + 1] - M.sub_ptr[w]
        elif w < 0 and not ended and not (i - s >= 9 and _equal(b, s, s + 9, _LABEL, 0, 9)):
            found = _subwords(
                b, s, i, M.slots, M.known, M.buckets, M.shortest, M.longest, word, ids, np.int64(0)
            )
            for k in range(found):
                _add(M.rows, ids[k], hidden)
            n += np.int64(found)
    if not ended and M.end >= 0:
        _add(M.rows, M.end, hidden)
        n += 1
    if n:
        share = np.float32(1.0 / n)
        for q in range(DIMENSIONS):
            hidden[q] *= share
    return n


@njit(inline="always")
def _log(x):  # type: ignore[no-untyped-def]
    return np.float32(math.log(np.float64(np.float32(x)) + 1e-5))


@njit(nogil=True)
def _best(hidden, output, children, nodes, scores):  # type: ignore[no-untyped-def]
    """(label, log score, log score of the second) down the tree; TIE where both are equal."""
    leaves = (len(children) + 1) // 2
    least = _log(0.0)
    lowest = np.float32(-np.inf)
    label = NONE
    first = lowest
    second = lowest
    nodes[0] = len(children) - 1
    scores[0] = np.float32(0)
    left = 1
    while left:
        left -= 1
        node = nodes[left]
        score = scores[left]
        if score < least or score < second:
            continue
        if children[node, 0] < 0:
            if score > first:
                second = first
                first = score
                label = node
            else:
                second = score
            continue
        f = np.float32(0)
        for q in range(DIMENSIONS):
            f += output[node - leaves, q] * hidden[q]
        f = np.float32(1.0 / np.float64(np.float32(1) + math.exp(-f)))
        nodes[left] = children[node, 1]
        scores[left] = score + _log(f)
        nodes[left + 1] = children[node, 0]
        scores[left + 1] = score + _log(1.0 - np.float64(f))
        left += 2
    if first == second and label != NONE:
        label = TIE
    return label, first, second


@njit(inline="always")
def _probability(log_score):  # type: ignore[no-untyped-def]
    return min(max(np.float64(math.exp(log_score)), 0.0), 1.0)


@njit(nogil=True)
def _judge(b, s, e, M, word, ids, hidden, nodes, scores):  # type: ignore[no-untyped-def]
    """(label, score, lead over the second) of the line b[s:e]."""
    i = s
    while i < e:
        w = space_len(b, i, e)
        if w == 0:
            break
        i += w
    if i >= e or _hidden(b, s, e, M, word, ids, hidden) == 0:
        return NONE, 0.0, 0.0
    label, first, second = _best(hidden, M.output, M.children, nodes, scores)
    if label < 0:
        return label, 0.0, 0.0
    score = _probability(first)
    return label, score, max(score - _probability(second), 0.0)


@njit(nogil=True, cache=True)
def identify(b, offsets, M, prefix, margin):  # type: ignore[no-untyped-def]
    """(labels int32, scores float64, leads float64, judged on the whole text bool) of every text.

    The first `prefix` characters (0: all) are judged, and the whole text where the best label leads
    by less than `margin`. Line ends count as spaces.
    """
    texts = len(offsets) - 1
    labels = np.empty(texts, np.int32)
    scores = np.empty(texts, np.float64)
    leads = np.empty(texts, np.float64)
    whole = np.ones(texts, np.bool_)
    most = 0
    for d in range(texts):
        most = max(most, offsets[d + 1] - offsets[d])
    word = np.empty(most + 2, np.uint8)
    ids = np.empty(M.longest * (most + 2) + 1, np.int32)
    hidden = np.empty(DIMENSIONS, np.float32)
    nodes = np.empty(len(M.children) + 2, np.int32)
    logs = np.empty(len(M.children) + 2, np.float32)
    for d in range(texts):
        s = offsets[d]
        e = offsets[d + 1]
        cut = e
        if prefix:
            n = 0
            cut = s
            while cut < e:
                n += (b[cut] & 0xC0) != 0x80
                if n > prefix:
                    break
                cut += 1
        label, score, lead = _judge(b, s, cut, M, word, ids, hidden, nodes, logs)
        if cut < e:
            if label == TIE or lead < margin:
                label, score, lead = _judge(b, s, e, M, word, ids, hidden, nodes, logs)
            else:
                whole[d] = False
        labels[d] = label
        scores[d] = score
        leads[d] = lead
    return labels, scores, leads, whole
