"""HTML files: one page, one document; the main text by resiliparse.

Charset: a byte order mark, else the one the page declares (Shift_JIS is read as cp932, as browsers
do), else what `readers.text.decode` finds. A declaration that does not fit the bytes is ignored.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path

from curation.batch import METADATA, Batch, BatchBuilder
from curation.readers.records import BadRecords, ReadOptions, whole
from curation.readers.streams import chunks, decompressed, open_bytes
from curation.readers.survey import Piece, Surveyed
from curation.readers.text import CP932_WIDTHS, decode

_DECLARED = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{1,40})", re.I)
_HEAD_BYTES = 4096
# What pages mean by a name (WHATWG Encoding Standard) where Python means something narrower.
_ALIASES = {
    **dict.fromkeys(("shift_jis", "shift-jis", "sjis", "x-sjis", "windows-31j", "ms932"), "cp932"),
    **dict.fromkeys(("iso-8859-1", "latin1", "ascii", "us-ascii"), "cp1252"),
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
}


def decode_page(data: bytes) -> tuple[str, str] | None:
    """(text, encoding) of a page's bytes, or None where nothing fits."""
    if data.startswith(codecs.BOM_UTF8):
        return data.decode("utf-8-sig", errors="replace"), "utf-8"
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if data.startswith(mark):
            return data[2:].decode(encoding, errors="replace"), encoding
    match = _DECLARED.search(data, 0, _HEAD_BYTES)
    if match is not None:
        name = match.group(1).decode("ascii").lower()
        name = _ALIASES.get(name, name)
        try:
            text = data.decode(name)
        except (LookupError, UnicodeDecodeError):
            return decode(data)
        return (text.translate(CP932_WIDTHS) if name == "cp932" else text), name
    return decode(data)


def extract(page: str) -> tuple[str, str]:
    """(main text, title) of a page."""
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.html import HTMLTree

    tree = HTMLTree.parse(page)
    text = extract_plain_text(tree, main_content=True, alt_texts=False, links=False)
    return str(text).strip(), str(tree.title or "").strip()


def read(item: Surveyed, piece: Piece, options: ReadOptions, bad: BadRecords) -> Iterator[Batch]:
    """One batch with the one document of a page."""
    path = Path(item.path)
    if piece.stop > options.max_record_bytes:
        bad.add(path, 0, f"{piece.stop} bytes; a document has at most {options.max_record_bytes}")
        return
    with open_bytes(path) as file:
        data = b"".join(chunks(decompressed(file, item.compression), path))
    decoded = decode_page(data)
    if decoded is None:
        bad.add(path, 0, "in no charset that it declares or that Japanese pages have")
        return
    text, title = extract(whole(decoded[0]))
    values = {"source": path.name, **dict(options.constants)}
    values[METADATA] = json.dumps(
        {"charset": decoded[1], "title": title}, ensure_ascii=False, sort_keys=True
    )
    builder = BatchBuilder(options.types())
    builder.add(whole(text), values, file=piece.file, row=0)
    yield builder.take()
