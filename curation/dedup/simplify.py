"""datatrove 0.10.1's matching key, `simplify_text` of its utils/text.py, as one kernel.

Lower case; a number becomes 0; punctuation becomes a space; white space is squeezed; NFD, without
its marks of category Mn. So が and か are one, ハハ, ババ and パパ too: for signatures equal to
datatrove's only, `curation.dedup.keys` has the key of awase.
"""

from __future__ import annotations

import functools
import unicodedata
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import regex  # type: ignore[import-untyped,unused-ignore]

from awase_client.engine.jit import njit
from curation.base.marks import ordered
from curation.kernels.buffers import from_utf8, utf8_view
from curation.kernels.utf8 import decode

_KNOWN = 0x30000  # code points above, and those below whose neighbours matter, go to datatrove
_PLAIN, _DIGIT, _SEPARATOR, _SPACE, _SPACE_SEPARATOR, _ASK = range(6)
_SEPARATORS = ".,،٫⎖⎗⎘"


@functools.cache
def _tables() -> tuple[Any, Any, Any, Any]:
    """(kind uint8[0x30000], int32[0x30001] into bytes uint8): what each code point becomes; and
    uint8[256], what an ASCII character becomes wherever it stands, 0 for all others."""
    from datatrove.utils.text import PUNCTUATION_TRANS

    kinds = np.zeros(_KNOWN, np.uint8)
    ptr = np.zeros(_KNOWN + 1, np.int32)
    pieces: list[bytes] = []
    digits = set(regex.findall(r"\p{Nd}", "".join(map(chr, range(0x20, 0xD800)))))
    digits |= set(regex.findall(r"\p{Nd}", "".join(map(chr, range(0xE000, _KNOWN)))))
    for code in range(_KNOWN):
        piece = b""
        character = chr(code)
        if not 0xD800 <= code < 0xE000:
            new = character.lower().translate(PUNCTUATION_TRANS)
            marks = unicodedata.normalize("NFD", new)
            if new.isspace():
                kinds[code] = _SPACE
            else:
                piece = "".join(c for c in marks if unicodedata.category(c) != "Mn").encode()
            moving = any(
                unicodedata.combining(c) and unicodedata.category(c) != "Mn" for c in marks
            )
            # Σ is ς at the end of a word; a mark that is kept may change places with others
            if code == 0x3A3 or moving:
                kinds[code] = _ASK
        if character in digits:
            kinds[code] = _DIGIT
        elif character in _SEPARATORS:
            kinds[code] = _SPACE_SEPARATOR if kinds[code] == _SPACE else _SEPARATOR
        pieces.append(piece)
        ptr[code + 1] = ptr[code] + len(piece)
    data = np.frombuffer(b"".join(pieces), np.uint8)
    ascii = np.zeros(256, np.uint8)
    for code in range(128):
        if kinds[code] in (_SPACE, _SPACE_SEPARATOR):
            ascii[code] = 32
        elif kinds[code] == _PLAIN:
            ascii[code] = data[ptr[code]]
    for table in (kinds, ptr, data, ascii):
        table.flags.writeable = False
    return kinds, ptr, data, ascii


@njit(nogil=True)
def _digits(b, i, e, kinds):  # type: ignore[no-untyped-def]
    """Past the digits at i."""
    while i < e:
        code, width = decode(b, i)
        if code >= _KNOWN or kinds[code] != _DIGIT:
            break
        i += width
    return i


@njit(nogil=True)
def _number_end(b, i, e, kinds):  # type: ignore[no-untyped-def]
    """Past the number at i: digits, perhaps a separator and digits again."""
    i = _digits(b, i, e, kinds)
    if i < e:
        code, width = decode(b, i)
        kind = kinds[code] if code < _KNOWN else _PLAIN
        if kind in (_SEPARATOR, _SPACE_SEPARATOR):
            after = _digits(b, i + width, e, kinds)
            return after if after > i + width else i
    return i


@njit(nogil=True)
def _strip(out, begin, o):  # type: ignore[no-untyped-def]
    """Move out[begin:o] without the spaces at its ends to `begin`; its end."""
    while o > begin and out[o - 1] == 32:
        o -= 1
    start = begin
    while start < o and out[start] == 32:
        start += 1
    if start > begin:
        for k in range(start, o):
            out[begin + k - start] = out[k]
    return o - (start - begin)


@njit(nogil=True, cache=True)
def _simplify(b, offsets, kinds, ptr, data, ascii, out, out_offsets, ask):  # type: ignore[no-untyped-def]
    """Write the simplified texts to `out`; `ask` marks those that need datatrove itself."""
    o = np.int64(0)
    for d in range(len(offsets) - 1):
        i = offsets[d]
        e = offsets[d + 1]
        begin = o
        # 1 where white space is not written: at the start, behind other white space
        skip = np.int64(1)
        while i < e:
            short = ascii[b[i]]
            while short:  # most characters: one byte each, no branch
                space = np.int64(short == 32)
                out[o] = short
                o += 1 - (space & skip)
                skip = space
                i += 1
                short = ascii[b[i]] if i < e else np.uint8(0)
            if i >= e:
                break
            code, width = decode(b, i)
            if code >= _KNOWN or kinds[code] == _ASK:
                ask[d] = True
                break
            kind = kinds[code]
            if kind in (_SPACE, _SPACE_SEPARATOR):
                out[o] = 32
                o += 1 - skip
                skip = np.int64(1)
                i += width
            elif kind == _DIGIT:
                skip = np.int64(0)
                out[o] = 48
                o += 1
                i = _number_end(b, i, e, kinds)
            else:
                skip = np.int64(0)
                for k in range(ptr[code], ptr[code + 1]):
                    out[o] = data[k]
                    o += 1
                i += width
        o = _strip(out, begin, o)
        out_offsets[d + 1] = o
    return o


def simplified(texts: pa.Array) -> pa.Array:
    """`simplify_text` of every text, as a large_string array."""
    data, offsets = utf8_view(texts)
    out = np.empty(3 * int(offsets[-1] - offsets[0]) + 64, np.uint8)
    out_offsets = np.zeros(len(offsets), np.int64)
    ask = np.zeros(len(texts), np.bool_)
    _simplify(data, offsets, *_tables(), out, out_offsets, ask)
    found = from_utf8(out, out_offsets)
    if not ask.any():
        return found
    from datatrove.utils.text import simplify_text

    rows = np.flatnonzero(ask).tolist()
    asked = [simplify_text(ordered("NFD", texts[row].as_py())) for row in rows]
    return pc.replace_with_mask(found, pa.array(ask), pa.array(asked, pa.large_string()))
