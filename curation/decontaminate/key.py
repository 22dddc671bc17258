"""The matching key of evaluation items and of documents, and where each part of it comes from.

    key(text) = the letters, marks and digits of casefold(NFKC(text))

White space, punctuation and symbols (dashes of all kinds among them) are gone; in a key of words
one space stands for each stretch of them. Full-width forms, half-width kana, ① and ㈱ meet what
they stand for. Dakuten and handakuten are kept: が is not か. Format characters and variation
selectors (soft hyphen, zero width joiner, the selector of 葛󠄀) are left out and separate nothing.

NFKC never crosses a character that joins nothing before it (Unicode UAX #15, normalization
boundaries), so a text is folded character by character, and only the clusters around marks that
may join are normalised as a whole.
"""

from __future__ import annotations

import functools
import sys
import unicodedata
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curation.base.marks import normal
from curation.kernels.buffers import Bytes, Offsets, utf8_view
from curation.kernels.folding import (
    CLASS_BITS,
    GAP,
    JOINS,
    MANY,
    MARKS,
    NOTHING,
    Clusters,
    Folding,
    clusters_of,
    fold_rows,
)

# Beyond both ranges are private use and code points that stand for nothing.
_KNOWN = (range(0x33500), range(0xE0000, 0xE01F0))
_SELECTORS = (range(0xFE00, 0xFE10), range(0x180B, 0x1810), range(0xE0100, 0xE01F0))


def key(text: str, *, words: bool = False) -> str:
    """The key of a text: what the kernel computes, in Python; for one text at a time."""
    folded = _folded(text)
    if words:
        return " ".join("".join(map(chr, folded)).replace("\0", " ").split())
    return "".join(chr(code) for code in folded if code != GAP)


def _folded(text: str) -> list[int]:
    """Code points of NFKC, case folded; GAP for what separates, nothing for what is left out."""
    found = []
    for character in normal("NFKC", text).casefold():
        category = unicodedata.category(character)
        code = ord(character)
        if category[0] in "LMN" and not any(code in selectors for selectors in _SELECTORS):
            found.append(code)
        elif category[0] not in "LMN" and category != "Cf":
            found.append(GAP)
    return found


@functools.cache
def folding() -> Folding:
    """The table of all code points that may be kept, join or be left out."""
    single = np.full(_KNOWN[-1].stop, GAP, np.int32)
    ptr = [0]
    more: list[int] = []
    seconds = _seconds()
    for code in (code for known in _KNOWN for code in known):
        if 0xD800 <= code < 0xE000:
            continue
        character = chr(code)
        if _is_plain(character) and character not in seconds:
            single[code] = code
            continue
        first = unicodedata.normalize("NFKD", character)[0]
        if _is_mark(character) and character not in seconds:
            single[code] = MARKS - (unicodedata.combining(character) << CLASS_BITS | code)
        elif unicodedata.combining(first) or first in seconds:
            single[code] = JOINS
        elif len(folded := _folded(character)) > 1:
            single[code] = MANY - (len(ptr) - 1)
            more += folded
            ptr.append(len(more))
        else:
            single[code] = folded[0] if folded else NOTHING
    return Folding(*map(fixed, (single, np.array(ptr, np.int64), np.array(more, np.uint32))))


def _is_plain(character: str) -> bool:
    """Most characters: letters without case that stand for themselves."""
    return unicodedata.category(character) == "Lo" and not (
        unicodedata.decomposition(character) or character.casefold() != character
    )


def _is_mark(character: str) -> bool:
    """Marks that stand for themselves."""
    return bool(unicodedata.combining(character)) and _folded(character) == [ord(character)]


def _seconds() -> set[str]:
    """The characters that may compose with one before them."""
    found = {chr(code) for code in (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))}  # Hangul
    for code in range(sys.maxunicode + 1):
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            found.add(chr(int(parts[1], 16)))
    return found


def fixed(array: Any) -> Any:
    """Read-only: kernels meet one array type, whoever made the array."""
    array.flags.writeable = False
    return array


def no_clusters() -> Clusters:
    nothing = np.zeros(0, np.int64), np.zeros(1, np.int64), np.zeros(0, np.uint32)
    return Clusters(*map(fixed, nothing))


def clusters_in(data: Bytes, offsets: Offsets, rows: npt.NDArray[np.int64]) -> Clusters:
    """The clusters of some texts of a batch with what each becomes."""
    places = clusters_of(data, offsets, rows, folding().single)
    view = data.data
    memo: dict[bytes, list[int]] = {}
    ptr = np.zeros(len(places) + 1, np.int64)
    codes: list[int] = []
    for k, (start, stop) in enumerate(places.tolist()):
        piece = bytes(view[start:stop])
        if piece not in memo:
            memo[piece] = _folded(piece.decode())
        codes += memo[piece]
        ptr[k + 1] = len(codes)
    starts = np.ascontiguousarray(places[:, 0])
    return Clusters(*map(fixed, (starts, ptr, np.array(codes, np.uint32))))


Keys = tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64], npt.NDArray[np.int64]]


def keys_of(texts: Iterable[str] | pa.Array, *, words: bool) -> Keys:
    """(codes uint32, bytes int64 within each text, ptr int64[texts + 1]) of the keys of texts."""
    array = texts if isinstance(texts, pa.Array) else pa.array(list(texts), pa.large_string())
    data, offsets = utf8_view(array)
    codes, origins, ptr, ask = fold_rows(data, offsets, folding(), no_clusters(), words)
    if ask.any():
        listed = clusters_in(data, offsets, np.flatnonzero(ask))
        codes, origins, ptr, _ = fold_rows(data, offsets, folding(), listed, words)
    return codes, origins, ptr
