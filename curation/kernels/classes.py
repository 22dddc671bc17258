"""One class number a code point, so that characters of many kinds are counted in one pass."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache

import numpy as np
import numpy.typing as npt

from awase_client.engine.jit import njit
from curation.kernels.utf8 import decode

CODE_POINTS = 0x110000
(
    OTHER,
    HIRAGANA,
    KATAKANA,
    KANJI,
    KUTEN,
    TOTEN,
    LATIN,
    DIGIT,
    SPACE,
    NEWLINE,
    PUNCTUATION,
    SYMBOL,
    LETTER,
    CONTROL,
    REPLACEMENT,
    LONG_VOWEL,
) = range(16)

_BY_CATEGORY = {"P": PUNCTUATION, "S": SYMBOL, "L": LETTER, "M": LETTER, "N": DIGIT, "Z": SPACE}


@cache
def every_character() -> str:
    """All code points in order, surrogates included."""
    return np.arange(CODE_POINTS, dtype="<u4").tobytes().decode("utf-32-le", "surrogatepass")


@cache
def japanese_classes() -> npt.NDArray[np.uint8]:
    """uint8[0x110000]: the class of each code point, Unicode's category where none is named.

    Katakana takes in the half-width forms; `LONG_VOWEL` is ー and its half-width form, which
    belongs to the kana before it. Kanji takes in the supplementary planes and 々〆〇.
    """
    table = np.full(CODE_POINTS, OTHER, np.uint8)
    for code in range(0x30000):
        category = unicodedata.category(chr(code))
        table[code] = _BY_CATEGORY.get(category[0], CONTROL if category == "Cc" else OTHER)
    for first, last, kind in (
        (0x41, 0x5A, LATIN),
        (0x61, 0x7A, LATIN),
        (0xC0, 0x24F, LATIN),
        (0xFF21, 0xFF3A, LATIN),
        (0xFF41, 0xFF5A, LATIN),
        (0x3041, 0x3096, HIRAGANA),
        (0x309D, 0x309F, HIRAGANA),
        (0x30A1, 0x30FA, KATAKANA),
        (0x30FD, 0x30FF, KATAKANA),
        (0x31F0, 0x31FF, KATAKANA),
        (0xFF66, 0xFF9F, KATAKANA),
        (0x30FC, 0x30FC, LONG_VOWEL),
        (0xFF70, 0xFF70, LONG_VOWEL),
        (0x3005, 0x3007, KANJI),
        (0x303B, 0x303B, KANJI),
        (0x3400, 0x4DBF, KANJI),
        (0x4E00, 0x9FFF, KANJI),
        (0xF900, 0xFAFF, KANJI),
        (0x20000, 0x3FFFD, KANJI),
        (0xFFFD, 0xFFFD, REPLACEMENT),
    ):
        table[first : last + 1] = kind
    for character in "×÷":  # these stand between the Latin letters
        table[ord(character)] = SYMBOL
    for character in "。．！？｡":
        table[ord(character)] = KUTEN
    for character in "、，､":
        table[ord(character)] = TOTEN
    for character in "\t\r\v\f\x1c\x1d\x1e\x1f\x85":
        table[ord(character)] = SPACE
    table[10] = NEWLINE
    table.flags.writeable = False
    return table


def character_table(characters: Iterable[str]) -> npt.NDArray[np.uint8]:
    """uint8[0x110000], 1 at these characters."""
    table = np.zeros(CODE_POINTS, np.uint8)
    table[[ord(character) for character in characters]] = 1
    table.flags.writeable = False
    return table


@cache
def decimal_digits() -> npt.NDArray[np.uint8]:
    r"""uint8[0x110000], 1 at decimal digits of any script, the \d of `re`."""
    table = np.fromiter(map(str.isdecimal, every_character()), np.uint8, CODE_POINTS)
    table.flags.writeable = False
    return table


@njit(nogil=True, cache=True)
def count_classes(b, offsets, table):  # type: ignore[no-untyped-def]
    """int64[rows, 16]: how many characters of each class every text has."""
    rows = len(offsets) - 1
    counts = np.zeros((rows, 16), np.int64)
    for d in range(rows):
        row = counts[d]
        i = offsets[d]
        while i < offsets[d + 1]:
            code, width = decode(b, i)
            row[table[code]] += 1
            i += width
    return counts
