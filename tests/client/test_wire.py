from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from awase_client.engine.block import Block
from awase_client.errors import CorruptFrame
from awase_client.wire import HEADER_BYTES, Frame, decode, encode, frame_bytes

VECTORS = Path(__file__).parents[1] / "vectors" / "frames.json"
PLAN = "sha256:" + "0123456789abcdef" * 4


def a_frame(
    *,
    count: int = 3,
    width: int = 5,
    dtype: str = "uint16",
    sections: bool = True,
    total: int = 1_000_000_000_000,
    first: int = 7,
    stride: int = 2,
    split: str = "train",
) -> Frame:
    tokens = (np.arange(count * width).reshape(count, width) * 257 % 65_536).astype(dtype)
    block = Block(
        first=first,
        stride=stride,
        tokens=tokens,
        sources=np.arange(count, dtype=np.int32) if sections else None,
        cu_seqlens=np.arange(0, count * width + 1, width, dtype=np.int32) if sections else None,
        loss_mask=(tokens % 3 == 0).astype(np.uint8) if sections else None,
    )
    return Frame(PLAN, split, total, width, block)


def wire_bytes(frame: Frame) -> bytes:
    return b"".join(encode(frame))


def assert_same(found: Frame, wanted: Frame) -> None:
    for name in ("plan", "split", "total", "sequence_length", "end"):
        assert getattr(found, name) == getattr(wanted, name), name
    assert (found.block.first, found.block.stride) == (wanted.block.first, wanted.block.stride)
    for name in ("tokens", "sources", "cu_seqlens", "loss_mask"):
        a, b = getattr(found.block, name), getattr(wanted.block, name)
        if b is None:
            assert a is None, name
        else:
            assert a.dtype == b.dtype, name
            np.testing.assert_array_equal(a, b, err_msg=name)


@given(
    count=st.integers(0, 9),
    width=st.integers(1, 17),
    dtype=st.sampled_from(["uint16", "uint32"]),
    sections=st.booleans(),
    split=st.sampled_from(["train", "holdout"]),
    first=st.integers(0, 2**40),
    stride=st.integers(1, 2**20),
)
def test_a_frame_comes_back_as_it_went(
    count: int, width: int, dtype: str, sections: bool, split: str, first: int, stride: int
) -> None:
    frame = a_frame(
        count=count,
        width=width,
        dtype=dtype,
        sections=sections and count > 0,
        split=split,
        first=first,
        stride=stride,
        total=first + count * stride + 5,
    )
    parts = encode(frame)
    data = b"".join(parts)
    assert len(data) == frame_bytes(parts)
    assert len(data) % 8 == 0
    assert_same(decode(data), frame)


def test_frames_of_released_versions_stay_readable_and_written_alike() -> None:
    vectors = json.loads(VECTORS.read_text())
    assert [vector["name"] for vector in vectors] == ["all-sections", "tokens-only", "past-the-end"]
    frames = [
        a_frame(),
        a_frame(dtype="uint32", sections=False, split="holdout", stride=1),
        a_frame(count=0, sections=False, total=7),
    ]
    for vector, frame in zip(vectors, frames, strict=True):
        data = base64.b64decode(vector["frame"])
        assert_same(decode(data), frame)
        assert wire_bytes(frame) == data, vector["name"]


def test_every_single_bit_flip_is_detected() -> None:
    data = bytearray(wire_bytes(a_frame()))
    for bit in range(8 * len(data)):
        data[bit // 8] ^= 1 << bit % 8
        with pytest.raises(CorruptFrame):
            decode(bytes(data))
        data[bit // 8] ^= 1 << bit % 8
    decode(bytes(data))


def test_every_cut_is_detected() -> None:
    data = wire_bytes(a_frame())
    for length in range(len(data)):
        with pytest.raises(CorruptFrame):
            decode(data[:length])
    with pytest.raises(CorruptFrame):
        decode(data + bytes(8))


def test_the_end_is_a_flag_and_a_count_of_zero_not_a_closed_connection() -> None:
    end = decode(wire_bytes(a_frame(count=0, sections=False, first=12, total=7)))
    assert end.end
    assert end.block.count == 0
    assert not decode(wire_bytes(a_frame())).end
    assert decode(wire_bytes(a_frame(count=3, first=7, stride=2, total=13))).end


@pytest.mark.parametrize(
    ("offset", "value", "message"),
    [
        (4, b"\x02", "frame version 2"),
        (6, b"\x02", "flags 0x2"),
        (6, b"\x01", "end flag contradicts its total"),
        (48, bytes(8), "the stride is 0"),
        (64, b"\x04", "do not fit 4 sequences of 5 tokens"),
        (76, b"\x03", "dtype 3"),
        (77, b"\x07", "split 7"),
        (78, b"\x01", "reserved bytes are set"),
        (112, b"\x01", "reserved bytes are set"),
    ],
)
def test_a_header_that_was_written_wrong_is_refused_by_name(
    offset: int, value: bytes, message: str
) -> None:
    data = bytearray(wire_bytes(a_frame()))
    data[offset : offset + len(value)] = value
    crc = zlib.crc32(data[HEADER_BYTES:], zlib.crc32(data[: HEADER_BYTES - 4]))
    data[HEADER_BYTES - 4 : HEADER_BYTES] = crc.to_bytes(4, "little")
    with pytest.raises(CorruptFrame, match=message):
        decode(bytes(data))


def test_encoding_does_not_copy_tokens() -> None:
    frame = a_frame(count=64, width=64)
    assert any(
        isinstance(part, memoryview)
        and np.shares_memory(np.frombuffer(part, "u1"), frame.block.tokens)
        for part in encode(frame)
    )
