"""Names and references: `web-ja`, `web-ja@3`, `web-ja@prod`, `web-ja@sha256:...`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from curation.base.errors import UsageError

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}", re.ASCII)
MAX_VERSION = 10**18 - 1  # what fits 64 bits in every database
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)


def check_name(name: str, *, what: str = "name") -> str:
    """Return `name` if it may become a folder of the store, else raise UsageError."""
    if not NAME.fullmatch(name):
        raise UsageError(
            f"{what} {name!r} is not a name: use 1 to 100 of a-z, 0-9, '.', '_', '-', "
            "starting with a letter or digit"
        )
    return name


@dataclass(frozen=True, slots=True)
class Reference:
    """A dataset, tokenizer or mixture as a user names it; exactly one selector, or none."""

    name: str
    number: int | None = None
    alias: str | None = None
    digest: str | None = None  # "sha256:<64 hex>"

    def __str__(self) -> str:
        selector = self.digest or self.alias or self.number
        return self.name if selector is None else f"{self.name}@{selector}"


def parse_reference(text: str, *, what: str = "reference") -> Reference:
    """Read `name[@number|@alias|@sha256:hex]`; raises UsageError."""
    name, at, selector = text.partition("@")
    check_name(name, what=what)
    if not at:
        return Reference(name)
    if _DIGEST.fullmatch(selector):
        return Reference(name, digest=selector)
    if re.fullmatch(r"[1-9][0-9]{0,17}", selector, re.ASCII):  # up to MAX_VERSION
        return Reference(name, number=int(selector))
    if NAME.fullmatch(selector) and not selector.isdigit():
        return Reference(name, alias=selector)
    raise UsageError(
        f"{what} {text!r}: after '@' comes a version number, an alias or sha256:<64 hex digits>"
    )
