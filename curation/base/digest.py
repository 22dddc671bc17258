"""Identity by content: SHA-256 over canonical JSON.

Canonical JSON: UTF-8, keys sorted by code point, no white space, no floats (a float has more than
one spelling; write an integer or a string).
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

PREFIX = "sha256:"


def canonical(document: Any) -> bytes:
    """Canonical JSON bytes of `document`; TypeError where it holds a float."""
    _refuse_floats(document)
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def _refuse_floats(node: Any) -> None:
    if isinstance(node, float):
        raise TypeError(f"a digest cannot cover the float {node!r}: write an integer or a string")
    if isinstance(node, dict):
        for key, value in node.items():
            if not isinstance(key, str):
                raise TypeError(f"canonical JSON has string keys, not {key!r}")
            _refuse_floats(value)
    elif isinstance(node, list | tuple):
        for value in node:
            _refuse_floats(value)


def digest_of(document: Any) -> str:
    """`sha256:<hex>` of the canonical JSON of `document`."""
    return PREFIX + hashlib.sha256(canonical(document)).hexdigest()


def digest_bytes(data: bytes | memoryview) -> str:
    return PREFIX + hashlib.sha256(data).hexdigest()


def digest_file(path: Path) -> str:
    """`sha256:<hex>` of a file's bytes, read in pieces."""
    with path.open("rb") as file:
        return PREFIX + hashlib.file_digest(file, "sha256").hexdigest()


def hex_of(digest: str) -> str:
    """The 64 hex digits of `sha256:<hex>`, which is how the store names folders."""
    if not digest.startswith(PREFIX) or len(digest) != len(PREFIX) + 64:
        raise ValueError(f"{digest!r} is not sha256:<64 hex digits>")
    return digest[len(PREFIX) :]
