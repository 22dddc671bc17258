"""HTML files: one page, one document; the main text by resiliparse, in a process of its own.

Charset: a byte order mark, else what the server said, else what the page declares (Shift_JIS is
read as cp932, as browsers do), else what `readers.text.decode` finds. A declaration that does not
fit the bytes is ignored; so is one of an encoding of single bytes, which fits any bytes, where they
are UTF-8 or Japanese text.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from curation.batch import EXTRACTION, METADATA, Batch, BatchBuilder
from curation.readers.extractor import ExtractionFailed, extractor
from curation.readers.records import BadRecords, ReadOptions, whole
from curation.readers.survey import Piece, Surveyed
from curation.readers.text import (
    ISO_2022_JP,
    decode,
    decode_as,
    marked_utf16,
    whole_file,
)

_DECLARED = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{1,40})", re.I)
_HEAD_BYTES = 4096
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa]")
# Our own bound: kana are half of the characters of Japanese prose; of other text read as cp932 or
# EUC-JP, which seldom decodes at all, kanji and half-width kana are what comes out.
KANA_SHARE = 0.2
# What pages mean by a name (WHATWG Encoding Standard) where Python means something narrower.
_ALIASES = {
    **dict.fromkeys(("shift_jis", "shift-jis", "sjis", "x-sjis", "windows-31j", "ms932"), "cp932"),
    **dict.fromkeys(("iso-8859-1", "latin1", "ascii", "us-ascii"), "cp1252"),
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
}
# What Python calls an encoding of text and no page means; utf-7 is none on the web (WHATWG).
_NO_CHARSETS = frozenset(
    ("idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7")
)


def decode_page(data: bytes, served: str | None = None) -> tuple[str, str] | None:
    """(text, encoding) of a page's bytes, or None where nothing fits.

    `served` is the charset of the Content-Type with which a server sent the page.
    """
    if data.startswith(codecs.BOM_UTF8):
        return data.decode("utf-8-sig", errors="replace"), "utf-8"
    if (wide := marked_utf16(data)) is not None:
        return wide
    match = _DECLARED.search(data, 0, _HEAD_BYTES)
    declared = None if match is None else match.group(1).decode("ascii")
    if declared is not None and declared.lower().startswith(("utf-16", "utf16", "utf-32")):
        declared = "utf-8"  # it was read as single bytes, so that it cannot be true (WHATWG)
    for name in (served, declared):
        found = None if name is None else _as_declared(data, name)
        if found is not None:
            return found if len(found[0]) < len(data) else _not_single_bytes(data) or found
    return decode(data)


def _not_single_bytes(data: bytes) -> tuple[str, str] | None:
    """(text, encoding) where bytes that were declared one a character are more a character."""
    if data.isascii():  # as ISO-2022-JP is, too
        escaped = any(escape in data for escape in ISO_2022_JP)
        return _as_declared(data, "iso2022_jp") if escaped else None
    found = decode(data)
    if found is None or found[1] == "utf-8":
        return found
    beyond = sum(not c.isascii() for c in found[0])
    return found if len(_KANA.findall(found[0])) >= KANA_SHARE * beyond else None


def _as_declared(data: bytes, name: str) -> tuple[str, str] | None:
    """(text, encoding) where the bytes are text in the encoding of that name."""
    encoding = _ALIASES.get(name.lower(), name.lower())
    try:
        if codecs.lookup(encoding).name in _NO_CHARSETS:
            return None
        return decode_as(data, encoding), encoding
    except (LookupError, ValueError):  # no such charset, or not this page's; a NUL in its name
        return None


def page_builder(options: ReadOptions) -> BatchBuilder:
    return BatchBuilder({**options.types(), EXTRACTION: pa.string()})


def page_document(
    page: str, facts: dict[str, Any], options: ReadOptions
) -> tuple[str, dict[str, Any]]:
    """(main text, columns) of a page; where extraction failed, no text and the reason.

    `facts` become the document's metadata, beside the page's title.
    """
    values: dict[str, Any] = {}
    text = title = ""
    try:
        found = extractor(options.extract_seconds).extract(whole(page))
        text, title = found.text, found.title
    except ExtractionFailed as error:
        values[EXTRACTION] = str(error)
    values[METADATA] = json.dumps(facts | {"title": title}, ensure_ascii=False, sort_keys=True)
    return text, values


def read(item: Surveyed, piece: Piece, options: ReadOptions, bad: BadRecords) -> Iterator[Batch]:
    """One batch with the one document of a page."""
    path = Path(item.path)
    data = whole_file(item, piece, options, bad)
    if data is None:
        return
    decoded = decode_page(data)
    if decoded is None:
        bad.add(path, 0, "in no charset that it declares or that Japanese pages have")
        return
    text, values = page_document(decoded[0], {"charset": decoded[1]}, options)
    builder = page_builder(options)
    values = {"source": path.name, **dict(options.constants), **values}
    builder.add(text, values, file=piece.file, row=0)
    yield builder.take()
