"""CRC-32: one value, whichever library computes it."""

from __future__ import annotations

import subprocess
import sys
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from awase_client import checksum

pytest.importorskip("isal", reason="the extra `fast` is not installed")


def test_isal_is_taken_where_it_is_installed() -> None:
    assert checksum.crc32.__module__ == "isal.isal_zlib"


@given(st.binary(max_size=5000), st.integers(0, 2**32 - 1))
def test_equal_to_zlib(data: bytes, start: int) -> None:
    assert checksum.crc32(data) == zlib.crc32(data)
    assert checksum.crc32(data, start) == zlib.crc32(data, start)


@pytest.mark.parametrize("size", [(1 << 16) - 1, 1 << 16, (4 << 20) + 13])
def test_equal_to_zlib_where_data_is_large(size: int) -> None:
    """And in arrays, read-only ones too, as maps are."""
    data = np.random.default_rng(size).integers(0, 256, size, dtype=np.uint8)
    data.flags.writeable = False
    cut = size // 3
    assert checksum.crc32(data.data) == zlib.crc32(data)
    assert checksum.crc32(data[cut:].data, checksum.crc32(data[:cut].data)) == zlib.crc32(data)


def test_zlib_takes_over_without_isal() -> None:
    code = (
        "import sys; sys.modules['isal'] = None\n"
        "from awase_client import checksum\n"
        "print(checksum.crc32.__module__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "zlib"
