"""The frame: what one GET answers. A fixed little-endian header, then tokens, then sections.

    offset  bytes
         0      4  magic b"AWSF"
         4      2  version, 1
         6      2  flags: bit 0 = nothing follows this frame for its stride (the end)
         8     32  plan digest, all of it
        40      8  first position
        48      8  stride: positions are first, first + stride, ...
        56      8  total: sequences in this split of the plan
        64      4  count: sequences in this frame; may be fewer than asked for, 0 past the end
        68      4  width: tokens a sequence (sequence length, one more with `labels: overlap`)
        72      4  sequence length
        76      1  bytes a token: 2 (uint16) or 4 (uint32)
        77      1  split: 0 train, 1 holdout
        78      2  zero
        80      8  bytes of tokens        count * width * bytes a token
        88      8  bytes of sources       int32 a sequence; 0 where not asked for
        96      8  bytes of cu_seqlens    int32; see `awase_client.engine.block`
       104      8  bytes of the loss mask one bit a token, lowest bit first
       112     12  zero
       124      4  CRC-32 (zlib) of bytes 0..123 and of the whole payload
       128         tokens, sources, cu_seqlens, loss mask, each filled up with zeros to 8 bytes

The plan, the position and the CRC make every frame checkable alone: a frame that was cut, flipped,
cached under the wrong address or sent by another plan's server is never taken for data.
Golden bytes: tests/vectors/frames.json.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awase_client.checksum import crc32
from awase_client.engine.block import Block
from awase_client.errors import CorruptFrame

MAGIC = b"AWSF"
VERSION = 1
HEADER_BYTES = 128
FLAG_END = 1
SPLITS = ("train", "holdout")
SECTIONS = ("sources", "cu_seqlens", "loss_mask")
MEDIA_TYPE = "application/vnd.awase.frame"

_HEADER = struct.Struct("<4sHH32sQQQIIIBBHQQQQ12s")
_CRC = struct.Struct("<I")
_PAD = 8
_DTYPES: dict[int, np.dtype[Any]] = {2: np.dtype("<u2"), 4: np.dtype("<u4")}

Part = bytes | memoryview


@dataclass(frozen=True, slots=True)
class Frame:
    """A block and what it is a block of: plan "sha256:<hex>", split, total sequences, the end."""

    plan: str
    split: str
    total: int
    sequence_length: int
    block: Block

    @property
    def end(self) -> bool:
        """True where no position of this stride follows this frame."""
        block = self.block
        return block.first + block.count * block.stride >= self.total


def encode(frame: Frame) -> list[Part]:
    """The frame's bytes as parts in order, the tokens uncopied; the first part is the header."""
    block = frame.block
    tokens = np.ascontiguousarray(block.tokens)
    sections: list[NDArray[Any] | None] = [tokens, block.sources, block.cu_seqlens, None]
    if block.loss_mask is not None:
        sections[3] = np.packbits(block.loss_mask.reshape(-1), bitorder="little")
    parts: list[Part] = []
    lengths: list[int] = []
    for section in sections:
        lengths.append(0 if section is None else section.nbytes)
        if section is None or section.nbytes == 0:
            continue
        parts.append(_little(section).data.cast("B"))
        if fill := -section.nbytes % _PAD:
            parts.append(bytes(fill))
    header = _HEADER.pack(
        MAGIC,
        VERSION,
        FLAG_END if frame.end else 0,
        bytes.fromhex(frame.plan.removeprefix("sha256:")),
        block.first,
        block.stride,
        frame.total,
        block.count,
        block.tokens.shape[1],
        frame.sequence_length,
        block.tokens.dtype.itemsize,
        SPLITS.index(frame.split),
        0,
        *lengths,
        bytes(12),
    )
    crc = crc32(header)
    for part in parts:
        crc = crc32(part, crc)
    return [header + _CRC.pack(crc), *parts]


def frame_bytes(parts: Sequence[Part]) -> int:
    return sum(len(part) for part in parts)


def decode(buffer: memoryview | bytes) -> Frame:
    """The frame in `buffer`, its arrays views into it; CorruptFrame unless every byte is right."""
    view = memoryview(buffer).cast("B")
    if len(view) < HEADER_BYTES:
        raise CorruptFrame(f"a frame of {len(view)} bytes is shorter than its header")
    if bytes(view[:4]) != MAGIC:
        raise CorruptFrame(f"a frame starts with {bytes(view[:4])!r}, not {MAGIC!r}")
    (stored,) = _CRC.unpack_from(view, HEADER_BYTES - 4)
    found = crc32(view[HEADER_BYTES:], crc32(view[: HEADER_BYTES - 4]))
    if found != stored:
        raise CorruptFrame(f"a frame's CRC-32 is {found:08x}, its header says {stored:08x}")
    fields = _HEADER.unpack_from(view)
    version, flags, plan, first, stride, total, count, width, length = fields[1:10]
    itemsize, split, zero, *lengths, reserved = fields[10:]
    if version != VERSION:
        raise CorruptFrame(f"frame version {version}; this client reads {VERSION}: update it")
    if itemsize not in _DTYPES or split >= len(SPLITS) or flags & ~FLAG_END:
        raise CorruptFrame(f"frame header: dtype {itemsize}, split {split}, flags {flags:#x}")
    if zero or any(reserved) or stride < 1:
        raise CorruptFrame("frame header: reserved bytes are set, or the stride is 0")
    _check_lengths(lengths, count=count, width=width, itemsize=itemsize, available=len(view))
    sections = _split_payload(view, lengths)
    tokens = np.frombuffer(sections[0], _DTYPES[itemsize]).reshape(count, width)
    cu_seqlens = np.frombuffer(sections[2], "<i4") if lengths[2] else None
    if cu_seqlens is not None and (cu_seqlens[0] != 0 or cu_seqlens[-1] != count * width):
        raise CorruptFrame("a frame's cu_seqlens do not span its tokens")
    loss_mask = None
    if lengths[3]:
        bits = np.frombuffer(sections[3], np.uint8)
        flat = np.unpackbits(bits, count=count * width, bitorder="little")
        loss_mask = flat.reshape(count, width)
    block = Block(
        first=first,
        stride=stride,
        tokens=tokens,
        sources=np.frombuffer(sections[1], "<i4") if lengths[1] else None,
        cu_seqlens=cu_seqlens,
        loss_mask=loss_mask,
    )
    frame = Frame("sha256:" + plan.hex(), SPLITS[split], total, length, block)
    if frame.end != bool(flags & FLAG_END):
        raise CorruptFrame("a frame's end flag contradicts its total")
    return frame


def _little(array: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<"))


def _check_lengths(
    lengths: Sequence[int], *, count: int, width: int, itemsize: int, available: int
) -> None:
    tokens, sources, cu_seqlens, mask = lengths
    total = HEADER_BYTES + sum(length + -length % _PAD for length in lengths)
    good = (
        tokens == count * width * itemsize
        and sources in (0, 4 * count)
        and cu_seqlens % 4 == 0
        and mask in (0, (count * width + 7) // 8)
        and total == available
    )
    if not good:
        raise CorruptFrame(
            f"a frame of {available} bytes: sections {list(lengths)} do not fit "
            f"{count} sequences of {width} tokens"
        )


def _split_payload(view: memoryview, lengths: Sequence[int]) -> list[memoryview]:
    sections = []
    at = HEADER_BYTES
    for length in lengths:
        sections.append(view[at : at + length])
        at += length + -length % _PAD
    return sections
