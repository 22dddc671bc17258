"""Plain text: one file, one document. UTF-8, or else one of Japan's encodings.

Order of decoding (`japanese.md` §2.3 of the design notes, after the WHATWG's practice): UTF-16 by
its byte order mark, UTF-8 strictly, then cp932, EUC-JP, ISO-2022-JP. Shift_JIS is always read as
cp932, which has the characters that pages really use; its two width variants are then mapped to
what other encodings have: U+FF5E to the wave dash U+301C, U+FF0D to the minus sign U+2212. latin-1
is never tried: it would accept anything. EUC-JP and ISO-2022-JP are read as browsers read them:
with ①, ㈱ and 髙, which Python's codecs refuse as JIS X 0208 leaves rows 13 and 89 to 92 empty.
"""

from __future__ import annotations

import codecs
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
# The handler of errors by which Python's euc_jp and iso2022_jp read what cp932 has beyond them.
BEYOND_JIS = "awase-beyond-jis"
ISO_2022_JP = (b"\x1b$B", b"\x1b$@", b"\x1b$(D")  # what its text of two bytes begins with
_MARKS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def _beyond_jis(error: UnicodeError) -> tuple[str, int]:
    """The character of the two bytes at an error, taken from their row and cell in cp932."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    pair = error.object[error.start : error.start + 2]
    if len(pair) < 2 or (pair[0] ^ pair[1]) & 0x80:
        raise error
    row, cell = (byte & 0x7F for byte in pair)
    if not (0x21 <= row <= 0x7E and 0x21 <= cell <= 0x7E):
        raise error
    lead = ((row - 1) >> 1) + 0x71
    trail = cell + (0x1F + (cell >= 0x60) if row % 2 else 0x7E)
    try:
        text = bytes((lead + 0x40 * (lead > 0x9F), trail)).decode("cp932")
    except UnicodeDecodeError:
        raise error from None
    return text, error.start + 2


codecs.register_error(BEYOND_JIS, _beyond_jis)


def decode_as(data: bytes, encoding: str) -> str:
    """`data` in one encoding of Python's, Japan's as browsers read them.

    Raises UnicodeError where the bytes are no such text, LookupError where there is no such
    encoding.
    """
    name = codecs.lookup(encoding).name
    text = data.decode(name, BEYOND_JIS if name in ("euc_jp", "iso2022_jp") else "strict")
    return text.translate(CP932_WIDTHS) if name == "cp932" else text


def marked_utf16(data: bytes) -> tuple[str, str] | None:
    """(text, encoding) of what begins with a byte order mark of UTF-16, broken pairs as U+FFFD."""
    encoding = _MARKS.get(data[:2])
    return None if encoding is None else (data[2:].decode(encoding, "replace"), encoding)


def decode(data: bytes) -> tuple[str, str] | None:
    """(text, encoding) of `data`, or None where none of the encodings fits."""
    if (wide := marked_utf16(data)) is not None:
        return None if "\x00" in wide[0] or "\ufffd" in wide[0] else wide
    if any(escape in data for escape in ISO_2022_JP):
        order = ("iso2022_jp", "utf-8", "cp932", "euc_jp")
    else:
        order = ("utf-8", "cp932", "euc_jp", "iso2022_jp")
    for encoding in order:
        try:
            text = decode_as(data, encoding)
        except UnicodeDecodeError:
            continue
        if encoding != "utf-8" and _NO_TEXT.search(text):
            continue
        if encoding == "cp932" and (better := _as_euc(data, text)):
            return better, "euc_jp"
        return text.removeprefix("\ufeff"), encoding
    return None


def _as_euc(data: bytes, text: str) -> str | None:
    """EUC-JP read as cp932 is valid but full of half-width kana: then take EUC-JP."""
    half = sum(1 for c in text if "\uff61" <= c <= "\uff9f")
    if half * 10 < len(text):
        return None
    try:
        return decode_as(data, "euc_jp")
    except UnicodeDecodeError:
        return None


def whole_file(item: Surveyed, piece: Piece, options: ReadOptions, bad: BadRecords) -> bytes | None:
    """The bytes of a file that is one document; None, and a bad record, if it is too large."""
    path = Path(item.path)
    if piece.stop > options.max_record_bytes:
        bad.add(path, 0, f"{piece.stop} bytes; a document has at most {options.max_record_bytes}")
        return None
    with open_bytes(path) as file:
        return b"".join(chunks(decompressed(file, item.compression), path))


def read(item: Surveyed, piece: Piece, options: ReadOptions, bad: BadRecords) -> Iterator[Batch]:
    """One batch with the one document of a text file."""
    path = Path(item.path)
    data = whole_file(item, piece, options, bad)
    if data is None:
        return
    decoded = decode(data)
    if decoded is None:
        bad.add(path, 0, "not text in UTF-8, UTF-16, cp932, EUC-JP or ISO-2022-JP")
        return
    builder = BatchBuilder(options.types())
    values = {"source": path.name, **dict(options.constants)}
    builder.add(whole(decoded[0]), values, file=piece.file, row=0)
    yield builder.take()
