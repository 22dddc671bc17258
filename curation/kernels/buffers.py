"""An Arrow string array as the two arrays that kernels read, without a copy, and back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curation.base.errors import Failed
from curation.kernels.utf8 import well_formed

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]

_NOTHING = np.zeros(1, np.uint8)

# The last array found to be UTF-8: the steps of a profile look at the same texts one by one.
_valid: list[pa.Array] = []


def utf8_view(texts: pa.Array) -> tuple[Bytes, Offsets]:
    """(bytes uint8, offsets int64[rows + 1]) of a string array; a null counts as an empty text.

    Both are read-only views of the Arrow buffers wherever the array already is a `large_string`
    without nulls, so that every kernel meets one array type and is compiled once. Kernels read
    past a lead byte without asking, so bytes that are not UTF-8 raise Failed here.
    """
    if texts.type != pa.large_string():
        texts = texts.cast(pa.large_string())
    if texts.null_count:
        texts = texts.fill_null("")
    _, offsets_buffer, bytes_buffer = texts.buffers()
    if offsets_buffer is None or len(texts) == 0:
        offsets = np.zeros(1, np.int64)
    else:
        offsets = np.frombuffer(offsets_buffer, np.int64)
        offsets = offsets[texts.offset : texts.offset + len(texts) + 1]
    if bytes_buffer is None or bytes_buffer.size == 0:
        data = _NOTHING.view()
    else:
        data = np.frombuffer(bytes_buffer, np.uint8)
    data.flags.writeable = False
    offsets.flags.writeable = False
    if not any(same_memory(known, texts) for known in tuple(_valid)):
        _validate(texts, data, offsets)
    return data, offsets


def _validate(texts: pa.Array, data: Bytes, offsets: Offsets) -> None:
    """The kernel is several times as fast as Arrow, which says what is wrong and where."""
    if not well_formed(data, offsets):
        try:
            texts.validate(full=True)
        except pa.ArrowInvalid as error:
            raise Failed(
                f"a text of this batch of {len(texts)} is not UTF-8 ({error}): decode it in the "
                "reader"
            ) from error
    known_utf8(texts)


def known_utf8(texts: pa.Array) -> pa.Array:
    """The same array, which `utf8_view` takes for UTF-8 without looking: for texts made of Python's
    strings, or cut between characters of such that were looked at."""
    _valid[:] = [texts]
    return texts


def from_utf8(data: Bytes, offsets: Offsets) -> pa.LargeStringArray:
    """The string array over these bytes (copied): row k is data[offsets[k]:offsets[k + 1]]."""
    first = int(offsets[0])
    used = np.ascontiguousarray(data[first : int(offsets[-1])])
    return pa.LargeStringArray.from_buffers(
        len(offsets) - 1,
        pa.py_buffer(np.ascontiguousarray(offsets - first)),
        pa.py_buffer(used),
    )


def same_memory(a: pa.Array, b: pa.Array) -> bool:
    """Do two arrays stand over the same memory? (Both are alive, so addresses are not reused.)"""
    if a is b:
        return True
    if len(a) != len(b) or a.offset != b.offset or a.type != b.type or a.null_count or b.null_count:
        return False
    addresses = [
        [None if x is None else x.address for x in array.buffers()[1:]] for array in (a, b)
    ]
    return addresses[0] == addresses[1]
