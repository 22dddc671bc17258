"""Where the demo's text comes from when the user brings none: real text that a machine can fetch.

    debian.py   manuals out of Debian packages, downloaded but not installed
    hub.py      Wikipedia in two languages from the Hugging Face Hub, streamed

Both write JSON Lines (zstd) with id, text, source, license and url, one file a package or language,
each by one rename: a second run goes on with what is there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TypedDict

from curation.base.store import atomic_file


class RawDocument(TypedDict):
    """One line of a raw file; license is an SPDX expression or NOASSERTION."""

    id: str
    text: str
    source: str
    license: str
    url: str | None


def write_documents(path: Path, documents: Iterable[RawDocument]) -> int:
    """Write documents to `path` (.jsonl.zst), whole or not at all; returns the bytes of text."""
    import zstandard

    text_bytes = 0
    with (
        atomic_file(path) as file,
        zstandard.ZstdCompressor(3).stream_writer(file, closefd=False) as packed,
    ):
        for document in documents:
            text_bytes += len(document["text"].encode())
            packed.write(json.dumps(document, ensure_ascii=False).encode() + b"\n")
    return text_bytes
