"""CRC-32 as zlib, gzip and PNG have it, at the speed of memory where the machine and `isal` allow.

zlib's own loop does 3 to 4 GB/s, which costs as much as gathering the tokens it guards. ISA-L
(Intel's storage library, by carry-less multiplication) does 45 GB/s and more on one core of an AMD
EPYC 9004, with the same values: tests/client/test_checksum.py.
"""

from __future__ import annotations

try:
    from isal.isal_zlib import crc32
except ImportError:  # the extra `fast` is not installed, or has no wheel for this machine
    from zlib import crc32

__all__ = ["crc32"]
