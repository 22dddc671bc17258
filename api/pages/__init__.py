"""The pages: Jinja2 templates filled on the server, readable without JavaScript, which they lack.

render      a template -> a response with a content policy that admits our own style sheet alone
shares      {value: count} -> parts of a bar, drawn as SVG by the template
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from starlette.responses import Response

from mixtures.quantities import show_tokens

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
STATIC = Path(__file__).with_name("static")
MEDIA_TYPES = {"awase.css": "text/css", "icon.svg": "image/svg+xml"}
MAX_PARTS = 8  # of a bar; the rest is one part, "other"


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a bar, in percent of its width; `tone` picks a colour of the style sheet."""

    label: str
    count: int
    percent: float
    start: float
    tone: int


def shares(counts: Mapping[str, int], total: int) -> list[Part]:
    """Parts of a bar, largest first; rows without a value are a part of their own."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown, rest = ordered[:MAX_PARTS], ordered[MAX_PARTS:]
    if rest:
        shown.append((f"{len(rest)} others", sum(count for _, count in rest)))
    if (without := total - sum(counts.values())) > 0:
        shown.append(("not stated", without))
    parts: list[Part] = []
    start = 0.0
    for tone, (label, count) in enumerate(shown):
        percent = 100 * count / max(total, 1)
        parts.append(Part("?" if label == "NOASSERTION" else label, count, percent, start, tone))
        start += percent
    return parts


def render(template: str, /, **values: Any) -> Response:
    """The page `template`, as HTML that may load nothing but our style sheet."""
    body = _environment().get_template(template).render(**values)
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "private, no-cache"}
    return Response(body, media_type="text/html; charset=utf-8", headers=headers)


@lru_cache(maxsize=len(MEDIA_TYPES))
def static_file(name: str) -> tuple[bytes, str]:
    """A file of ours and the digits that name this version of it; KeyError for any other name."""
    if name not in MEDIA_TYPES:
        raise KeyError(name)
    data = (STATIC / name).read_bytes()
    return data, hashlib.sha256(data).hexdigest()[:12]


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("api", "pages/templates"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = lambda value: f"{value:,}"
    environment.filters["tokens"] = show_tokens
    environment.filters["bytes"] = _bytes
    environment.filters["short"] = lambda digest: digest.removeprefix("sha256:")[:12]
    environment.filters["day"] = lambda stamp: stamp[:16].replace("T", " ") if stamp else "—"
    environment.filters["breakable"] = _breakable
    environment.globals["static"] = lambda name: f"/static/{static_file(name)[1]}/{name}"
    return environment


def _breakable(name: str) -> Markup:
    """`characters.few_japanese`, which a narrow column may break behind '.' and '_'."""
    return Markup("<wbr>").join(re.split(r"(?<=[._])", name))


def _bytes(count: int) -> str:
    """`1.5 GB`: bytes for people, powers of ten."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError("the last unit takes everything")
