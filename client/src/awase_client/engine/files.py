"""Files of the store as this process maps them: sizes checked at open, each block once before use.

Beside a data file `X` lies `X.crc`: little-endian uint32, the CRC-32 (zlib) of each 64 KiB block of
`X`, the last one short. A block is checked when it is first touched, so the first frame does not
wait for a whole file and no byte leaves unchecked. Maps keep no descriptor, and a map lives as long
as an array that looks into it.

Store files never change, so one that did is damaged. Readers ask (`Shelf.changed`, `Mapped.same`)
before they touch a map and again before they hand out what they copied, so that a file cut or
overwritten while it streams is an error, not a wrong token. What remains: reading past
the end of a file that is cut during the microseconds of one copy ends the process (SIGBUS), as with
any map; the next one starts from its last state.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awase_client.checksum import crc32
from awase_client.errors import CorruptStore

BLOCK_SHIFT = 16
BLOCK_BYTES = 1 << BLOCK_SHIFT
CRC_SUFFIX = ".crc"
HEADER_BYTES = 256  # of the store's .npy files, so that data starts where a kernel expects it

_PROT_READ = 1
_MAP_SHARED = 1
_FAILED = ctypes.c_void_p(-1).value
_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.mmap.restype = ctypes.c_void_p
_LIBC.mmap.argtypes = (
    ctypes.c_void_p,
    ctypes.c_size_t,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_long,
)
_LIBC.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)


def _identity(found: os.stat_result) -> tuple[int, ...]:
    """The change time is no program's to set back, as rsync does with the modification time."""
    return found.st_dev, found.st_ino, found.st_size, found.st_ctime_ns


def blocks_of(size_bytes: int) -> int:
    """Number of blocks a file of this size has."""
    return (size_bytes + BLOCK_BYTES - 1) >> BLOCK_SHIFT


class Mapped:
    """A whole file, read-only in memory; unmapped when the last array that looks into it is gone.

    Raises CorruptStore where the file is missing or has another size than its manifest says.
    """

    __slots__ = ("__weakref__", "address", "identity", "path", "size_bytes")

    def __init__(self, path: Path | str, size_bytes: int) -> None:
        self.path = os.fspath(path)
        self.address = 0
        self.size_bytes = size_bytes
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise CorruptStore(
                f"{self.path} is missing; its manifest says {size_bytes} bytes"
            ) from error
        try:
            found = os.fstat(descriptor)
            if found.st_size != size_bytes:
                raise CorruptStore(
                    f"{self.path} has {found.st_size} bytes, its manifest says {size_bytes}"
                )
            self.identity = _identity(found)
            if size_bytes:
                address = _LIBC.mmap(None, size_bytes, _PROT_READ, _MAP_SHARED, descriptor, 0)
                if address is None or address == _FAILED:
                    code = ctypes.get_errno()
                    raise OSError(code, f"cannot map: {os.strerror(code)}", self.path)
                self.address = address
        finally:
            os.close(descriptor)

    def same(self) -> bool:
        """Whether the path still leads to the file that was mapped, unchanged.

        A removed file is: its bytes live as long as the map.
        """
        try:
            return _identity(os.stat(self.path)) == self.identity
        except FileNotFoundError:
            return True

    def __del__(self) -> None:
        if getattr(self, "address", 0):
            _LIBC.munmap(self.address, self.size_bytes)
            self.address = 0

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return {
            "version": 3,
            "typestr": "|u1",
            "shape": (self.size_bytes,),
            "data": (self.address, True),
        }

    def bytes(self) -> NDArray[np.uint8]:
        """[size_bytes] uint8, read-only; keeps the map alive."""
        if not self.size_bytes:
            return np.empty(0, np.uint8)
        return np.asarray(self)


class CheckedFile:
    """A mapped file whose blocks are compared with its `.crc` before their first use.

    verified    [blocks] uint8, 1 where this process has checked the block
    """

    __slots__ = ("_crcs", "_view", "map", "sha256", "verified")

    verified: NDArray[np.uint8]

    def __init__(
        self, path: Path | str, size_bytes: int, sha256: str, earlier: CheckedFile | None = None
    ) -> None:
        """`earlier`: the same file mapped before, whose marks hold if it is still the same file."""
        try:
            self.map = Mapped(path, size_bytes)
        except CorruptStore as error:
            if not os.path.exists(path):
                raise
            found = sha256_of(Path(path))[0]
            raise CorruptStore(f"{error}; expected {sha256}, found {found}") from error
        self.sha256 = sha256
        self._view = self.map.bytes()
        crcs = Mapped(os.fspath(path) + CRC_SUFFIX, 4 * blocks_of(size_bytes))
        self._crcs = crcs.bytes().view("<u4")
        if earlier is not None and earlier.map.identity == self.map.identity:
            self.verified = earlier.verified
        else:
            self.verified = np.zeros(blocks_of(size_bytes), np.uint8)

    def forget_map(self) -> CheckedFile:
        """Let go of the memory but keep what was verified, for `earlier`."""
        shell = CheckedFile.__new__(CheckedFile)
        shell.verified, shell.sha256 = self.verified, self.sha256
        shell.map = Mapped.__new__(Mapped)
        shell.map.path, shell.map.identity = self.map.path, self.map.identity
        shell.map.address, shell.map.size_bytes = 0, 0
        return shell

    def check(self, block: int) -> None:
        """Verify one block; CorruptStore names the file and both digests."""
        start = block << BLOCK_SHIFT
        if crc32(self._view[start : start + BLOCK_BYTES].data) != int(self._crcs[block]):
            raise CorruptStore(self.explain(block))
        self.verified[block] = 1

    def check_range(self, start: int, end: int) -> None:
        """Verify every block that bytes start..end touch."""
        if end <= start:
            return
        first, last = start >> BLOCK_SHIFT, (end - 1) >> BLOCK_SHIFT
        for block in np.flatnonzero(self.verified[first : last + 1] == 0):
            self.check(first + int(block))

    def explain(self, block: int) -> str:
        """What is wrong, after reading the whole file: the data file or its checksums."""
        start = block << BLOCK_SHIFT
        end = min(start + BLOCK_BYTES, self.map.size_bytes)
        found = sha256_of(Path(self.map.path))[0]  # not through the map, which may be cut short
        if found == self.sha256:
            return (
                f"{self.map.path}{CRC_SUFFIX}: the checksum of bytes {start} to {end} is wrong, "
                f"while {os.path.basename(self.map.path)} itself still is {found}"
            )
        return (
            f"{self.map.path}: bytes {start} to {end} fail their CRC-32; "
            f"expected {self.sha256}, found {found}"
        )

    def array(self, dtype: np.dtype[Any] | str, start: int = 0) -> NDArray[Any]:
        """The bytes from `start` on as `dtype`, unverified: call check_range for what you use."""
        return self._view[start:].view(dtype)


def write_crcs(path: Path) -> str:
    """Write `path`.crc for a finished file and fsync it; returns sha256 of the file itself."""
    digest = hashlib.sha256()
    crcs = []
    with open(path, "rb") as file:
        while piece := file.read(1 << 22):
            digest.update(piece)
            view = memoryview(piece)
            crcs += [crc32(view[k : k + BLOCK_BYTES]) for k in range(0, len(piece), BLOCK_BYTES)]
    with open(os.fspath(path) + CRC_SUFFIX, "wb") as file:
        file.write(np.asarray(crcs, "<u4").tobytes())
        file.flush()
        os.fsync(file.fileno())
    return "sha256:" + digest.hexdigest()


def sha256_of(path: Path) -> tuple[str, int]:
    """(`sha256:<hex>`, bytes read) of a file, read in pieces."""
    digest, size = hashlib.sha256(), 0
    with open(path, "rb") as file:
        while piece := file.read(1 << 22):
            digest.update(piece)
            size += len(piece)
    return "sha256:" + digest.hexdigest(), size


def npy_header(dtype: np.dtype[Any], items: int) -> bytes:
    """The header of a one-dimensional .npy file (format 1.0), padded to HEADER_BYTES."""
    descr: Any = dtype.descr if dtype.names else dtype.str
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': ({items},), }}"
    body = text.ljust(HEADER_BYTES - 11).encode("latin1") + b"\n"
    return b"\x93NUMPY\x01\x00" + len(body).to_bytes(2, "little") + body


def npy_bytes(dtype: np.dtype[Any], items: int) -> int:
    """Size of the .npy file that holds `items` of `dtype`."""
    return HEADER_BYTES + items * dtype.itemsize
