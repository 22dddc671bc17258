"""Bytes of an input file, decompressed in bounded memory.

gz and zst are read by Arrow, which refuses truncated streams and rubbish behind the last frame,
and never holds more than a window (zstd: 128 MiB) however far a file expands.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from curation.base.errors import Failed

CHUNK_BYTES = 1 << 20
BOMB_FLOOR_BYTES = 64 << 20  # below this size a ratio says nothing

COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}


def compression_of(path: Path) -> str | None:
    return COMPRESSIONS.get(path.suffix.lower())


class Hashing:
    """A binary file that hashes what is read from it."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.sha256 = hashlib.sha256()
        self.bytes = 0
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        data = self.file.read(size)
        self.sha256.update(data)
        self.bytes += len(data)
        return data

    def close(self) -> None:
        """Nothing: a decompressor closes its source before `finish` is called."""

    def readable(self) -> bool:
        return True

    def finish(self) -> None:
        """Read what a decompressor left at the end, and close the file."""
        while self.read(CHUNK_BYTES):
            pass
        self.file.close()


def open_bytes(path: Path) -> BinaryIO:
    """Open an input for reading; Failed says why it cannot be read."""
    try:
        return path.open("rb")
    except OSError as error:
        raise Failed(f"{path}: cannot be read ({error.strerror})") from error


def decompressed(file: Any, compression: str | None) -> Any:
    """A stream of plain bytes over `file` (anything with `read`)."""
    if compression is None:
        return file
    return pa.CompressedInputStream(pa.PythonFile(file, mode="r"), compression)


def chunks(stream: Any, path: Path) -> Iterator[bytes]:
    """Pieces of 1 MiB; Failed where the compressed bytes are damaged or cut off."""
    while True:
        try:
            data = stream.read(CHUNK_BYTES)
        except (OSError, pa.ArrowException) as error:
            raise Failed(
                f"{path}: cannot be decompressed ({error}); the file is damaged or incomplete"
            ) from error
        if not data:
            return
        yield data


def check_expansion(path: Path, *, out_bytes: int, in_bytes: int, limit: int) -> None:
    """Failed where a file expands more than `limit` times (a decompression bomb)."""
    if out_bytes > BOMB_FLOOR_BYTES and out_bytes > limit * max(in_bytes, 1):
        raise Failed(
            f"{path}: {in_bytes} compressed bytes gave {out_bytes} and more, over {limit} times; "
            "if that is right, raise input.max_expansion in the recipe"
        )
