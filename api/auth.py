"""Who may do what: bearer keys with scopes, declared on every route, denied by default.

    key            awase_<43 characters of base64url>: 256 random bits, printed once
    AWASE_KEYS     read:<sha256 of the key>,stream:<sha256>,...   one pair a scope of a key
    scopes         read, stream, write; admin may do all of them
    no keys        only on a loopback address, and then every local caller may do everything

A fast hash is right here: the keys are random, there is nothing to guess.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import urlsplit

from starlette.requests import Request

from api.problems import Problem
from api.query_keys import check_keys
from curation.base.errors import UsageError

Scope = Literal["read", "stream", "write", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
PREFIX = "awase_"

_PAIR = re.compile(r"(read|stream|write|admin):([0-9a-f]{64})", re.ASCII)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def create_key() -> str:
    """A new key: 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def hash_key(key: str) -> str:
    """64 hex digits, as AWASE_KEYS holds them."""
    return hashlib.sha256(key.encode()).hexdigest()


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`: localhost, 127.0.0.0/8, ::1."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Keys:
    """SHA-256 of a key -> what it may do."""

    scopes: Mapping[str, frozenset[Scope]]

    @classmethod
    def parse(cls, text: str) -> Keys:
        """Read AWASE_KEYS; UsageError names the place of a bad pair, never its text."""
        found: dict[str, frozenset[Scope]] = {}
        for place, pair in enumerate(re.split(r"[,\s]+", text.strip()), start=1):
            if not pair:
                continue
            match = _PAIR.fullmatch(pair)
            if match is None:
                raise UsageError(
                    f"AWASE_KEYS: entry {place} is not scope:sha256 (scopes: {', '.join(SCOPES)}; "
                    "64 hex digits): `awase key create` prints one"
                )
            scope: Scope = match[1]  # type: ignore[assignment]  # the pattern admits scopes alone
            found[match[2]] = found.get(match[2], frozenset()) | {scope}
        return cls(found)

    def __bool__(self) -> bool:
        return bool(self.scopes)

    def of(self, key: str) -> frozenset[Scope] | None:
        """Scopes of a key, None for an unknown one; takes the same time for either."""
        digest = hash_key(key)
        known: frozenset[Scope] | None = None
        for candidate, scopes in self.scopes.items():
            if hmac.compare_digest(candidate, digest):
                known = scopes
        return known


class Require:
    """A route's declared scopes: any one of them admits, none at all means open to everybody."""

    def __init__(self, *scopes: Scope, page: bool = False) -> None:
        self.scopes = frozenset(scopes)
        self.page = page  # also takes the key as password of HTTP Basic, which browsers ask for

    async def __call__(self, request: Request) -> None:
        self._admit(request)
        check_keys(request)

    def _admit(self, request: Request) -> None:
        if not self.scopes:
            return
        keys: Keys = request.app.state.keys
        if not keys:
            _only_local(request)
            return
        held = keys.of(_presented(request, page=self.page))
        if held is None:
            raise _unauthenticated(self.page, "this key is not known here")
        if not held & (self.scopes | {"admin"}):
            needed = " or ".join(sorted(self.scopes))
            raise Problem(
                403,
                "forbidden",
                f"this key lacks the scope {needed}; it has {', '.join(sorted(held))}",
            )


def require(*scopes: Scope, page: bool = False) -> Require:
    """The dependency that declares a route's scopes: `Depends(require("read", "stream"))`.

    Without a scope the route is open; every route declares one or the other (`tests/api`).
    """
    return Require(*scopes, page=page)


def _presented(request: Request, *, page: bool) -> str:
    header = request.headers.get("authorization", "")
    kind, _, value = header.partition(" ")
    if kind.lower() == "bearer" and value:
        return value.strip()
    if page and kind.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            pass
    raise _unauthenticated(page, "send a key: Authorization: Bearer <key>")


def _unauthenticated(page: bool, detail: str) -> Problem:
    challenge = 'Basic realm="awase (any user, the key as password)"' if page else "Bearer"
    return Problem(401, "unauthenticated", detail, headers={"WWW-Authenticate": challenge})


def _only_local(request: Request) -> None:
    """Without keys, a web page elsewhere must not use the reader's browser to reach us.

    The Host header must be a loopback one (a name rebound to 127.0.0.1 is not), and a write must
    not come from another origin.
    """
    host = request.headers.get("host", "")
    if not is_loopback(urlsplit(f"//{host}").hostname or ""):
        raise Problem(
            403,
            "forbidden",
            f"without keys this server answers to loopback names only, not to Host {host!r}: "
            "use http://127.0.0.1, or set AWASE_KEYS",
        )
    origin = request.headers.get("origin")
    if origin is not None and request.method not in _SAFE and urlsplit(origin).netloc != host:
        raise Problem(403, "forbidden", f"a page of {origin!r} may not write here without a key")
