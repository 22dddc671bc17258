"""The matching key of a text: what two texts share that a reader would call the same.

NFKC, lower case, runs of white space as one space, none at the ends. Dakuten and handakuten are
kept: datatrove's key strips them, so that ハハ, ババ and パパ become one word.
"""

from __future__ import annotations

import functools

import numba as nb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from awase_client.engine.jit import njit
from curation.base.marks import Form, ordered
from curation.kernels.buffers import utf8_view
from curation.kernels.marks import rows_with_long_runs
from curation.kernels.utf8 import decode

TABLE = 0x30000  # code points above count as letters (CJK extensions G and later)
WORD, SPACE = 1, 2


@functools.cache
def classes() -> npt.NDArray[np.uint8]:
    """uint8[0x30000]: 1 for letters and digits, 2 for white space (`str.isalnum`, `isspace`)."""
    table = np.zeros(TABLE, np.uint8)
    for code in range(TABLE):
        character = chr(code)
        if character.isalnum():
            table[code] = WORD
        elif character.isspace():
            table[code] = SPACE
    table.flags.writeable = False
    return table


@njit(
    nb.int64(
        nb.types.Array(nb.uint8, 1, "C", readonly=True),
        nb.types.Array(nb.int64, 1, "C", readonly=True),
        nb.types.Array(nb.uint8, 1, "C", readonly=True),
        nb.uint8[::1],
        nb.int64[::1],
    ),
    cache=True,
    nogil=True,
)
def _squeeze(b, offsets, table, out, out_offsets):  # type: ignore[no-untyped-def]
    """Copy the documents with white space squeezed; returns the bytes written."""
    o = 0
    out_offsets[0] = 0
    for d in range(len(offsets) - 1):
        i = offsets[d]
        end = offsets[d + 1]
        first = o
        gap = False
        while i < end:
            code, width = decode(b, i)
            if code < table.size and table[code] == 2:
                gap = True
            else:
                if gap and o > first:
                    out[o] = 32
                    o += 1
                gap = False
                for k in range(width):
                    out[o] = b[i + k]
                    o += 1
            i += width
        out_offsets[d + 1] = o
    return o


def with_marks_ordered(text: pa.Array, form: Form) -> pa.Array:
    """The texts; those with long runs of marks as equivalents, normalised in linear time."""
    rows = rows_with_long_runs(*utf8_view(text))
    if not len(rows):
        return text
    mask = np.zeros(len(text), np.bool_)
    mask[rows] = True
    new = [ordered(form, text[row].as_py()) for row in rows.tolist()]
    return pc.replace_with_mask(text, pa.array(mask), pa.array(new, text.type))


Utf8 = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]


def matching_keys(text: pa.Array) -> Utf8:
    """(bytes, offsets) of the matching keys of a batch."""
    folded = pc.utf8_lower(pc.utf8_normalize(with_marks_ordered(text, "NFKC"), "NFKC"))
    data, offsets = utf8_view(folded)
    out = np.empty(int(offsets[-1] - offsets[0]) + 1, np.uint8)
    out_offsets = np.empty(len(offsets), np.int64)
    used = _squeeze(data, offsets, classes(), out, out_offsets)
    keys = out[: max(used, 1)]
    keys.flags.writeable = False  # as the views of Arrow buffers are: kernels meet one type
    out_offsets.flags.writeable = False
    return keys, out_offsets


def exact(keys: Utf8) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """XXH3-128 of each key as two arrays uint64[n]: the high and the low half."""
    data, offsets = keys
    view = memoryview(data.data)
    hashes = b"".join(
        xxhash.xxh3_128_digest(view[start:stop])
        for start, stop in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)
    )
    pairs = np.frombuffer(hashes, ">u8").reshape(-1, 2).astype(np.uint64)
    return np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1])
