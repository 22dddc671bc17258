"""Arrays that grow on disk: anonymous memory stays that of one chunk, whatever a view holds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awase_client.engine.files import HEADER_BYTES, npy_header, write_crcs

# A document to pack: its row, the address of its first token, its number of tokens.
DOCUMENT = np.dtype([("row", "<i8"), ("at", "<i8"), ("length", "<i8")])


class GrowingArray:
    """A one-dimensional .npy file that is appended to; `finish` makes it durable."""

    def __init__(self, path: Path, dtype: np.dtype[Any]) -> None:
        self.path, self.dtype, self.items = path, dtype, 0
        self._file = path.open("xb")
        self._file.write(bytes(HEADER_BYTES))

    def append(self, values: NDArray[Any]) -> None:
        self._file.write(np.ascontiguousarray(values, self.dtype).tobytes())
        self.items += len(values)

    def close(self) -> None:
        """Write the header; the file can then be mapped with np.load."""
        if not self._file.closed:
            self._file.seek(0)
            self._file.write(npy_header(self.dtype, self.items))
            self._file.close()

    def finish(self) -> str:
        """Close, write the checksums, make both durable; returns `sha256:<hex>` of the file."""
        self.close()
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return write_crcs(self.path)


def mapped(array: GrowingArray) -> NDArray[Any]:
    """The items of a closed array, mapped; an empty one needs no map."""
    array.close()
    if not array.items:
        return np.empty(0, array.dtype)
    loaded: NDArray[Any] = np.load(array.path, mmap_mode="r")
    return loaded
