"""C4's line and page rules as datatrove 0.10.1's c4_filters.py applies them, text included.

clean_lines       lines that stay, cleaned and joined by newlines, and what the page rules saw
count_sentences   sentences of each line that stayed, as spaCy's sentencizer cuts it
choose            the rewritten text of documents that pass, the old one of the others
"""

from __future__ import annotations

import numpy as np

from awase_client.engine.jit import njit
from curation.kernels.utf8 import decode, next_break, space_len, strip_left, strip_right
from curation.words.batch import ALL_PUNCTUATION, ENDS_SENTENCE, PACKED, flags_of

LOREM, JAVASCRIPT, POLICY = 1, 2, 4
# What c4_filters.py looks for in a lower-case line; letters only lower-case and space here.
PHRASES = (
    (b"lorem ipsum", LOREM),
    (b"javascript", JAVASCRIPT),
    (b"terms of use", POLICY),
    (b"privacy policy", POLICY),
    (b"cookie policy", POLICY),
    (b"uses cookies", POLICY),
    (b"use of cookies", POLICY),
    (b"use cookies", POLICY),
)
_PHRASE_BYTES = np.frombuffer(b"".join(phrase for phrase, _ in PHRASES), np.uint8)
_PHRASE_ENDS = np.cumsum([len(phrase) for phrase, _ in PHRASES])
_PHRASE_KINDS = np.array([kind for _, kind in PHRASES])
# First byte of a phrase in either case -> its second byte; no two phrases differ there.
_SECOND = np.zeros(256, np.uint8)
for _phrase, _ in PHRASES:
    _SECOND[[_phrase[0], _phrase[0] - 32]] = _phrase[1]

# Statistics of a document, columns of `clean_lines`.
(
    LINES,
    KEPT,
    LONG_WORD,
    UNENDED,
    FEW_WORDS,
    LOREM_LINES,
    JAVASCRIPT_LINES,
    CURLY_LINES,
    POLICY_LINES,
    LOREM_FIRST,
) = range(10)

_EDIT = np.frombuffer(b"edit]", np.uint8)
_NEEDED = np.frombuffer(b"citation needed]", np.uint8)


@njit(nogil=True)
def _phrase_at(b, i, e, start, end):  # type: ignore[no-untyped-def]
    """Does b[i:e], lower-cased as `str.lower` does, start with the phrase start:end?

    Of the characters that lower-case to ASCII beside A to Z, the Kelvin sign gives k; İ gives i and
    a combining dot, which no phrase contains.
    """
    for p in range(start, end):
        if i >= e:
            return False
        c = b[i]
        if 65 <= c <= 90:
            c |= 32
        if c == 0xE2 and b[i + 1] == 0x84 and b[i + 2] == 0xAA:
            c = np.uint8(0x6B)
            i += 2
        if c != _PHRASE_BYTES[p]:
            return False
        i += 1
    return True


@njit(nogil=True)
def _phrases(b, s, e):  # type: ignore[no-untyped-def]
    """Which kinds of phrases b[s:e] contains."""
    kinds = 0
    for i in range(s, e - 1):
        second = _SECOND[b[i]]
        if second == 0 or (b[i + 1] | 32) != second:
            continue
        start = 0
        for p in range(len(_PHRASE_ENDS)):
            end = _PHRASE_ENDS[p]
            if _PHRASE_BYTES[start + 1] == second and _phrase_at(b, i, e, start, end):
                kinds |= _PHRASE_KINDS[p]
            start = end
    return kinds


@njit(inline="always")
def _starts_with(b, i, e, text):  # type: ignore[no-untyped-def]
    if e - i < len(text):
        return False
    same = True
    for k in range(len(text)):
        same &= b[i + k] == text[k]
    return same


@njit(nogil=True)
def _citation(b, i, e, decimal):  # type: ignore[no-untyped-def]
    r"""Length of the citation mark `\[\d*]|\[edit]|\[citation needed]` at the [ at i, else 0."""
    j = i + 1
    while j < e:
        code, width = decode(b, j)
        if not decimal[code]:
            break
        j += width
    if j < e and b[j] == 93:
        return j + 1 - i
    if _starts_with(b, i + 1, e, _EDIT):
        return 1 + len(_EDIT)
    if _starts_with(b, i + 1, e, _NEEDED):
        return 1 + len(_NEEDED)
    return 0


@njit(nogil=True)
def _copy_line(b, s, e, out, o, decimal):  # type: ignore[no-untyped-def]
    """Copy b[s:e] to out[o:] without citation marks; past the end of the copy."""
    i = s
    while i < e:
        c = b[i]
        if c == 91:
            w = _citation(b, i, e, decimal)
            if w:
                i += w
                continue
        out[o] = c
        o += 1
        i += 1
    return o


@njit(nogil=True)
def _survey(b, s, e):  # type: ignore[no-untyped-def]
    """(words cut at white space, characters of the longest, any [, any {) of b[s:e]."""
    words = 0
    longest = 0
    n = 0
    marks = False
    curly = False
    i = s
    while i < e:
        c = b[i]
        if c > 32 and c < 0xC2:
            n += (c & 0xC0) != 0x80
            marks |= c == 91
            curly |= c == 123
            i += 1
            continue
        w = space_len(b, i, e)
        if w:
            words += n > 0
            longest = max(longest, n)
            n = 0
            i += w
            continue
        n += 1
        i += 1
    return words + (n > 0), max(longest, n), marks, curly


@njit(nogil=True)
def _ended(b, s, e):  # type: ignore[no-untyped-def]
    """Does the line end with . ? ! " or ', but not with three dots?"""
    if e == s:
        return False
    c = b[e - 1]
    if not (c == 46 or c == 63 or c == 33 or c == 34 or c == 39):
        return False
    return not (e - s >= 3 and c == 46 and b[e - 2] == 46 and b[e - 3] == 46)


@njit(nogil=True)
def _judge(out, s, e, words, has_curly, settings, row):  # type: ignore[no-untyped-def]
    """Does the cleaned line out[s:e] stay? Counts in `row` what removes it or its page."""
    _, terminal, min_words, _, looked_for, curly = settings
    if terminal and not _ended(out, s, e):
        row[UNENDED] += 1
        return False
    if words < min_words:
        row[FEW_WORDS] += 1
        return False
    kinds = _phrases(out, s, e) & looked_for if looked_for else 0
    if kinds & LOREM:
        row[LOREM_LINES] += 1
        row[LOREM_FIRST] |= row[CURLY_LINES] == 0
        return False
    if kinds & JAVASCRIPT:
        row[JAVASCRIPT_LINES] += 1
        return False
    if curly and has_curly:
        row[CURLY_LINES] += 1
        return False
    if kinds & POLICY:
        row[POLICY_LINES] += 1
        return False
    row[KEPT] += 1
    return True


@njit(nogil=True, cache=True)
def clean_lines(b, offsets, decimal, settings, out, out_offsets, line_ptr):  # type: ignore[no-untyped-def]
    """Write the lines that stay to `out`, joined by newlines, text after text.

    settings = (citations removed, terminal punctuation asked for, fewest words, most characters of
    a word, phrases looked for, curly brackets end the page). Fills out_offsets[texts + 1] and
    line_ptr[texts + 1]; returns (int64[texts, 10] counts, int64[kept lines, 2] bytes in `out`).
    A line that ends its page is left out and the rest of the page counted all the same.
    """
    citations, _, _, max_word, _, _ = settings
    texts = len(offsets) - 1
    counts = np.zeros((texts, 10), np.int64)
    lines = np.empty((1024, 2), np.int64)
    n = 0
    o = 0
    for d in range(texts):
        i = offsets[d]
        e = offsets[d + 1]
        row = counts[d]
        while i < e:
            z, w = next_break(b, i, e)
            a = strip_left(b, i, z)
            y = strip_right(b, a, z)
            i = z + w
            row[LINES] += 1
            words, longest, marks, has_curly = _survey(b, a, y)
            if max_word >= 0 and longest > max_word:
                row[LONG_WORD] += 1
                continue
            start = o + 1 if row[KEPT] else o
            if marks and citations:
                end = _copy_line(b, a, y, out, start, decimal)
            else:
                end = start + y - a
                out[start:end] = b[a:y]
            if _judge(out, start, end, words, has_curly, settings, row):
                if start > o:
                    out[o] = 10
                if n == len(lines):
                    more = np.empty((2 * n, 2), np.int64)
                    more[:n] = lines
                    lines = more
                lines[n, 0] = start
                lines[n, 1] = end
                n += 1
                o = end
        out_offsets[d + 1] = o
        line_ptr[d + 1] = n
    return counts, lines[:n].copy()


@njit(nogil=True, cache=True)
def count_sentences(b, lines, line_ptr, chunk_ptr, starts, ends, found, word_ptr, words, features):  # type: ignore[no-untyped-def]
    """int64[texts]: sentences of all kept lines of each text, each line taken by itself.

    spaCy's sentencizer starts a sentence at the first word after one of its end characters that is
    neither punctuation nor such a character; a run of white space other than one space after a word
    is a word of its own there. A line has at least one sentence.
    """
    texts = len(line_ptr) - 1
    out = np.zeros(texts, np.int64)
    for d in range(texts):
        q = chunk_ptr[d]
        for line in range(line_ptr[d], line_ptr[d + 1]):
            e = lines[line, 1]
            at = lines[line, 0]
            first = True
            ended = False
            sentences = 1
            while q < chunk_ptr[d + 1] and starts[q] < e:
                gap = starts[q] - at
                if gap and not first and not (gap == 1 and b[at] == 32) and ended:
                    sentences += 1
                    ended = False
                first = False
                for j in range(word_ptr[found[q]], word_ptr[found[q] + 1]):
                    flags = flags_of(features[words[j], PACKED])
                    if flags & ENDS_SENTENCE:
                        ended = True
                    elif ended and not flags & ALL_PUNCTUATION:
                        sentences += 1
                        ended = False
                at = ends[q]
                q += 1
            gap = e - at
            if gap and not first and not (gap == 1 and b[at] == 32) and ended:
                sentences += 1
            out[d] += sentences
    return out


@njit(nogil=True, cache=True)
def choose(b, offsets, new, new_offsets, rewritten, out, out_offsets):  # type: ignore[no-untyped-def]
    """Texts of `new`, stripped, where `rewritten`, else those of `b`, into `out`; bytes used."""
    o = 0
    for d in range(len(offsets) - 1):
        if rewritten[d]:
            s = strip_left(new, new_offsets[d], new_offsets[d + 1])
            e = strip_right(new, s, new_offsets[d + 1])
            out[o : o + e - s] = new[s:e]
        else:
            s = offsets[d]
            e = offsets[d + 1]
            out[o : o + e - s] = b[s:e]
        o += e - s
        out_offsets[d + 1] = o
    return o
