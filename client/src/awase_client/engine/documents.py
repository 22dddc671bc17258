"""JSON documents of the store that check themselves.

The last key, `check`, is the SHA-256 of the canonical JSON of all others (keys sorted by code
point, no white space, UTF-8): a flipped digit is found before it can decide a token. plan.json has
no such key: the SHA-256 of its bytes is its name.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from awase_client.errors import CorruptStore

CHECK = "check"


def check_of(document: dict[str, Any]) -> str:
    """`sha256:<hex>` of the canonical JSON of `document` without its `check`."""
    rest = {key: value for key, value in document.items() if key != CHECK}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def seal(document: dict[str, Any]) -> dict[str, Any]:
    """A copy of `document` that ends in its `check`."""
    rest = {key: value for key, value in document.items() if key != CHECK}
    return {**rest, CHECK: check_of(rest)}


def read_sealed(path: Path, *, what: str, kind: str, version: int = 1) -> dict[str, Any]:
    """Read a sealed document of one kind and version.

    Raises FileNotFoundError where there is none, CorruptStore where it is damaged or of another
    kind or version.
    """
    data = path.read_bytes()
    try:
        document = json.loads(data)
    except ValueError as error:
        raise CorruptStore(f"{what}: {path} is not JSON ({error})") from error
    if not isinstance(document, dict):
        raise CorruptStore(f"{what}: {path} holds {type(document).__name__}, not an object")
    found = check_of(document)
    if document.get(CHECK) != found:
        raise CorruptStore(
            f"{what}: {path} is damaged: expected {document.get(CHECK)}, found {found}"
        )
    if document.get("kind") != kind or document.get("version") != version:
        raise CorruptStore(
            f"{what}: {path} is {document.get('kind')!r} version {document.get('version')!r}; "
            f"this awase reads {kind!r} version {version}"
        )
    return document


def plan_bytes(store: Path, plan: str) -> bytes:
    """The bytes of plan.json, which have the SHA-256 that names the plan: "sha256:<hex>".

    Raises FileNotFoundError where there is none, CorruptStore where it holds something else.
    """
    digits = plan.removeprefix("sha256:")
    path = store / "plans" / digits / "plan.json"
    data = path.read_bytes()
    if (found := hashlib.sha256(data).hexdigest()) != digits:
        raise CorruptStore(
            f"plan sha256:{digits}: {path} is damaged, its bytes have the digest sha256:{found}: "
            "restore the file, or delete it and make the plan again"
        )
    return data
