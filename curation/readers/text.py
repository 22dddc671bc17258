"""Plain text: one file, one document. UTF-8, or else one of Japan's encodings.

Order of decoding (`japanese.md` §2.3 of the design notes, after the WHATWG's practice): UTF-8
strictly, then cp932, EUC-JP, ISO-2022-JP. Shift_JIS is always read as cp932, which has the
characters that pages really use; its two width variants are then mapped to what other encodings
have: U+FF5E to the wave dash U+301C, U+FF0D to the minus sign U+2212. latin-1 is never tried: it
would accept anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from curation.batch import Batch, BatchBuilder
from curation.readers.records import BadRecords, ReadOptions, whole
from curation.readers.streams import chunks, decompressed, open_bytes
from curation.readers.survey import Piece, Surveyed

CP932_WIDTHS = str.maketrans({"\uff5e": "\u301c", "\uff0d": "\u2212"})


# Python's cp932 takes single bytes that stand for nothing: 0x80 and 0xA0, 0xFD to 0xFF.
_NO_TEXT = re.compile("[\x00\x80\uf8f0-\uf8f3]")


def decode(data: bytes) -> tuple[str, str] | None:
    """(text, encoding) of `data`, or None where none of the encodings fits."""
    if data.startswith(b"\x1b$") or b"\x1b$B" in data or b"\x1b$@" in data:
        order = ("iso2022_jp", "utf-8", "cp932", "euc_jp")
    else:
        order = ("utf-8", "cp932", "euc_jp", "iso2022_jp")
    for encoding in order:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding != "utf-8" and _NO_TEXT.search(text):
            continue
        if encoding == "cp932":
            better = _as_euc(data, text)
            return (better, "euc_jp") if better else (text.translate(CP932_WIDTHS), "cp932")
        return text.removeprefix("\ufeff"), encoding
    return None


def _as_euc(data: bytes, text: str) -> str | None:
    """EUC-JP read as cp932 is valid but full of half-width kana: then take EUC-JP."""
    half = sum(1 for c in text if "\uff61" <= c <= "\uff9f")
    if half * 10 < len(text):
        return None
    try:
        return data.decode("euc_jp")
    except UnicodeDecodeError:
        return None


def read(item: Surveyed, piece: Piece, options: ReadOptions, bad: BadRecords) -> Iterator[Batch]:
    """One batch with the one document of a text file."""
    path = Path(item.path)
    if piece.stop > options.max_record_bytes:
        bad.add(path, 0, f"{piece.stop} bytes; a document has at most {options.max_record_bytes}")
        return
    with open_bytes(path) as file:
        data = b"".join(chunks(decompressed(file, item.compression), path))
    decoded = decode(data)
    if decoded is None:
        bad.add(path, 0, "not text in UTF-8, cp932, EUC-JP or ISO-2022-JP")
        return
    builder = BatchBuilder(options.types())
    values = {"source": path.name, **dict(options.constants)}
    builder.add(whole(decoded[0]), values, file=piece.file, row=0)
    yield builder.take()
