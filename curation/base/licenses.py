"""The words of a document's rights: SPDX expressions, terms of use, and who generated a text.

    read_license("apache-2.0")   -> Rights("Apache-2.0", ())
    read_license("llama3.1")     -> Rights("LicenseRef-llama3.1", ("llama3.1",))
    read_license("anything")     -> Rights("NOASSERTION", (), "anything")     unknown stays visible
    terms_of_model("gpt-4o")     -> ("openai-tos",)

Two fields that do not replace each other: `license` is a copyright or database licence and follows
the text; `terms` is a contract with whoever generated, judged or downloaded it. Inside awase
licences are SPDX; the lower-case ids of Hub dataset cards are read as they stand there.
What follows from a licence or terms: `mixtures.licenses`. None of this is legal advice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final

NOASSERTION: Final = "NOASSERTION"
MAX_CHARACTERS: Final = 500
MAX_PARTS: Final = 50

# Ids of Hub dataset cards that are no SPDX id in another case (the rest match when case is ignored)
HUB_IDS: Final[Mapping[str, str]] = {
    "odc-by": "ODC-By-1.0",
    "odbl": "ODbL-1.0",
    "pddl": "PDDL-1.0",
    "gpl": NOASSERTION,
    "gpl-2.0": "GPL-2.0-only",
    "gpl-3.0": "GPL-3.0-only",
    "lgpl": NOASSERTION,
    "lgpl-2.1": "LGPL-2.1-only",
    "lgpl-3.0": "LGPL-3.0-only",
    "agpl-3.0": "AGPL-3.0-only",
    "gfdl": NOASSERTION,
    "cc": NOASSERTION,
    "apache": "Apache-2.0",
    "bsd": NOASSERTION,
    "cdla-sharing-1.0": "CDLA-Sharing-1.0",
    "cdla-permissive-1.0": "CDLA-Permissive-1.0",
    "cdla-permissive-2.0": "CDLA-Permissive-2.0",
    "openrail": "LicenseRef-openrail",
    "bigscience-openrail-m": "LicenseRef-bigscience-openrail-m",
    "creativeml-openrail-m": "LicenseRef-creativeml-openrail-m",
    "bigcode-openrail-m": "LicenseRef-bigcode-openrail-m",
    "llama2": "LicenseRef-llama2",
    "llama3": "LicenseRef-llama3",
    "llama3.1": "LicenseRef-llama3.1",
    "llama3.2": "LicenseRef-llama3.2",
    "llama3.3": "LicenseRef-llama3.3",
    "llama4": "LicenseRef-llama4",
    "gemma": "LicenseRef-gemma",
    "qwen": "LicenseRef-qwen",
    "qwen-research": "LicenseRef-qwen-research",
    "tongyi-qianwen": "LicenseRef-tongyi-qianwen",
    "noassertion": NOASSERTION,
    "unknown": NOASSERTION,
    "other": NOASSERTION,
    "none": NOASSERTION,
}

# Licences that are a contract too: whoever trains on such text has these terms to keep.
_TERMS_OF_LICENSE: Final[Mapping[str, str]] = {
    f"LicenseRef-{name}": name
    for name in (
        "llama2",
        "llama3",
        "llama3.1",
        "llama3.2",
        "llama3.3",
        "llama4",
        "gemma",
        "qwen",
        "qwen-research",
        "tongyi-qianwen",
        "openrail",
        "bigscience-openrail-m",
        "creativeml-openrail-m",
        "bigcode-openrail-m",
    )
}

# (pattern of a model's name, terms of its output); the first match decides, "" = none known to bind
_MODELS: Final = tuple(
    (re.compile(pattern, re.ASCII), terms)
    for pattern, terms in (
        (r"gpt-?oss|gpt-?2|gpt-?neo|gpt-?j\b|gpt-?neox", ""),
        (r"chat-?gpt|gpt-?[345]|text-davinci|davinci-00|(^|/)o[134](-|$)|^openai", "openai-tos"),
        (r"claude|^anthropic", "anthropic-tos"),
        (r"gemini|text-bison|chat-bison|palm-?2", "gemini-tos"),
        (r"llama-?3[.-]1|llama3\.1", "llama3.1"),
        (r"llama-?3[.-]2|llama3\.2", "llama3.2"),
        (r"llama-?3[.-]3|llama3\.3", "llama3.3"),
        (r"llama-?4", "llama4"),
        (r"llama-?3", "llama3"),
        (r"llama-?2", "llama2"),
        (r"gemma-?4", ""),
        (r"gemma", "gemma"),
        (r"qwen-?2\.5-(\w+-)?72b|^qwen$", "qwen"),
        (r"qwen-?2\.5-(\w+-)?3b", "qwen-research"),
        (r"qwen-?2-(\w+-)?72b|qwen-?(1\.5)?-\d+b|qwen-?72b", "tongyi-qianwen"),
        (r"deepl", "deepl-tos"),
        (r"qwen-?[23]|mistral|mixtral|deepseek|phi-?[1234]|llm-jp|calm[23]|olmo|nemotron", ""),
    )
)


@dataclass(frozen=True, slots=True)
class Rights:
    """What a licence field says. `unread` is the text where it could not be understood."""

    expression: str  # SPDX, or NOASSERTION
    terms: tuple[str, ...] = ()
    unread: str = ""


@cache
def _spdx() -> tuple[Any, dict[str, str], frozenset[str]]:
    """The licensing of license-expression, its ids by lower case, and the names of exceptions."""
    from license_expression import get_spdx_licensing

    licensing = get_spdx_licensing()
    names = {key.lower(): key for key in licensing.known_symbols}
    exceptions = frozenset(
        key for key, symbol in licensing.known_symbols.items() if symbol.is_exception
    )
    return licensing, names, exceptions


def known_licenses() -> list[str]:
    """Every SPDX licence id and the LicenseRef ids that awase knows."""
    _, names, exceptions = _spdx()
    own = {value for value in HUB_IDS.values() if value.startswith("LicenseRef-")}
    spdx = {name for name in names.values() if not name.startswith("LicenseRef-")}
    return sorted((spdx - exceptions) | own | {NOASSERTION})


def parse_expression(text: str) -> str:
    """`text` as a canonical SPDX expression; ValueError says what is wrong with it.

    Accepts SPDX ids in any case, LicenseRef-*, NOASSERTION, AND, OR, WITH and parentheses.
    """
    from license_expression import ExpressionError, LicenseWithExceptionSymbol

    text = text.strip()
    if not text or len(text) > MAX_CHARACTERS or text.count("(") > MAX_PARTS:
        raise ValueError(f"a licence expression has 1 to {MAX_CHARACTERS} characters")
    if not _is_well_formed(text):
        raise ValueError(f"{text!r} is not an SPDX expression")
    licensing, names, exceptions = _spdx()
    try:
        parsed = licensing.parse(text)
    except ExpressionError as error:
        raise ValueError(f"{text!r} is not an SPDX expression: {error}") from error
    if parsed is None or len(parsed.symbols) > MAX_PARTS:
        raise ValueError(f"a licence expression has 1 to {MAX_PARTS} licences")
    for symbol in parsed.symbols:
        pair = isinstance(symbol, LicenseWithExceptionSymbol)
        key = symbol.license_symbol.key if pair else symbol.key
        if not _is_known(key, names) or key in exceptions:
            raise ValueError(f"unknown licence {key!r}")
        if pair and symbol.exception_symbol.key not in exceptions:
            raise ValueError(f"unknown exception {symbol.exception_symbol.key!r}")
    return str(parsed)


def _is_well_formed(text: str) -> bool:
    """Operands and operators alternate and brackets close; the library trips over some others."""
    operand, depth = True, 0  # whether an operand comes next
    for word in re.findall(r"[()]|[^\s()]+", text):
        if word == "(":
            depth += 1
        elif word == ")":
            depth -= 1
        if (word == ")" or word.upper() in ("AND", "OR", "WITH")) == operand or depth < 0:
            return False
        if word not in ("(", ")"):
            operand = not operand
            if not operand and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.+-]*", word, re.ASCII):
                return False
    return not operand and depth == 0


def _is_known(key: str, names: Mapping[str, str]) -> bool:
    if key == NOASSERTION or re.fullmatch(r"LicenseRef-[A-Za-z0-9.-]{1,80}", key, re.ASCII):
        return True
    return names.get(key.lower()) == key


@lru_cache(maxsize=4096)
def read_license(value: str | None) -> Rights:
    """The rights that a row's `license` states; NOASSERTION where nothing can be read.

    A list of Hub ids joined by commas means all of them at once.
    """
    text = (value or "").strip()
    if not text:
        return Rights(NOASSERTION)
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if "," in text and parts and "(" not in text:
        return _joined(parts, text)
    mapped = HUB_IDS.get(text.lower(), text)
    try:
        expression = parse_expression(mapped)
    except ValueError:
        return Rights(NOASSERTION, (), text)
    own = tuple(_TERMS_OF_LICENSE[id_] for id_ in ids_of(expression) if id_ in _TERMS_OF_LICENSE)
    unread = text if expression == NOASSERTION and text.lower() != "noassertion" else ""
    return Rights(expression, own, unread)


def _joined(parts: list[str], text: str) -> Rights:
    rights = [read_license(part) for part in parts[:MAX_PARTS]]
    if not rights or any(one.expression == NOASSERTION for one in rights):
        return Rights(
            NOASSERTION, tuple(dict.fromkeys(t for one in rights for t in one.terms)), text
        )
    expression = parse_expression(" AND ".join(f"({one.expression})" for one in rights))
    return Rights(expression, tuple(dict.fromkeys(t for one in rights for t in one.terms)))


@lru_cache(maxsize=4096)
def ids_of(expression: str) -> tuple[str, ...]:
    """The licence ids in a canonical expression, each once; an exception is left out."""
    found = re.findall(r"[A-Za-z0-9][A-Za-z0-9.+-]*", re.sub(r"\bWITH\s+\S+", "", expression))
    return tuple(dict.fromkeys(word for word in found if word not in ("AND", "OR")))


def by_expression(rows: Mapping[str, int]) -> dict[str, int]:
    """Rows by what their licence field means: SPDX, or NOASSERTION where it cannot be read."""
    found: dict[str, int] = {}
    for value, count in rows.items():
        expression = read_license(value).expression
        found[expression] = found.get(expression, 0) + count
    return found


def split_terms(value: str | None) -> tuple[str, ...]:
    """Names in a row's `terms`: separated by commas, lower case, each once."""
    names = (part.strip().lower() for part in (value or "").split(","))
    return tuple(dict.fromkeys(name for name in names if name))


@lru_cache(maxsize=4096)
def terms_of_model(model: str) -> tuple[str, ...] | None:
    """Terms that come with the output of a model; () where none bind, None for unknown models."""
    name = model.strip().lower().replace("_", "-")
    for pattern, terms in _MODELS:
        if pattern.search(name):
            return (terms,) if terms else ()
    return None


@lru_cache(maxsize=4096)
def _tree(expression: str) -> Any:
    return _spdx()[0].parse(expression)


def satisfies(expression: str, good: Callable[[str], bool]) -> bool:
    """Whether the licences that `good` accepts are enough: all sides of AND, one of OR.

    `A WITH exception` asks no more than A: an exception only adds permissions.
    """

    def holds(node: Any) -> bool:
        operator = getattr(node, "operator", "")
        if operator:
            return (all if "AND" in operator else any)(holds(part) for part in node.args)
        return good(str(node)) or good(getattr(node, "license_symbol", node).key)

    return holds(_tree(expression))
