"""Amounts as people write them in a mixture: `100B tokens`, `1.5T`, `40%`, `0.7`. All exact."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

from curation.base.fields import Fields
from curation.base.nodes import exact, shorten
from curation.base.yaml import Scalar
from mixtures.spec_keys import MAX_EPOCHS, MAX_WEIGHT

MAX_TOKENS: Final = 1 << 62
_UNITS: Final = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
_TOKENS = re.compile(r"([0-9]{1,20}(?:\.[0-9]{1,12})?) ?([KMBT]?)(?: tokens)?", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,12})?) ?%", re.ASCII)


def parse_tokens(text: str) -> int:
    """Tokens from `100B tokens`, `80B`, `1.5T` or plain digits (B = 1e9); ValueError else."""
    match = _TOKENS.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"expected tokens such as 100B, 1.5T or 4000000, found {text[:40]!r}")
    count = Fraction(match[1]) * _UNITS[match[2]]
    if count.denominator != 1:
        raise ValueError(f"{text.strip()} is not a whole number of tokens")
    if not 1 <= count <= MAX_TOKENS:
        raise ValueError(f"expected 1 to {MAX_TOKENS} tokens, found {text.strip()}")
    return int(count)


def parse_percent(text: str) -> Fraction | None:
    """`40%` as 2/5; None where `text` is no percentage."""
    match = _PERCENT.fullmatch(text.strip())
    return None if match is None else Fraction(match[1]) / 100


def parse_weight(text: str) -> Fraction:
    """A weight as people type it, `0.7`, `70%` or `1/3`; ValueError says what is wrong with it."""
    percent = parse_percent(text)
    weight = _ratio(text, "0.7, 70% or 1/3") if percent is None else percent
    if not 0 <= weight <= MAX_WEIGHT:
        raise ValueError(f"a weight is 0 to {MAX_WEIGHT}, found {text.strip()}")
    return weight


def parse_epochs(text: str) -> Fraction:
    """Epochs as people type them, `4` or `2.5`; ValueError says what is wrong with them."""
    epochs = _ratio(text, "4, 2.5 or 5/2")
    if not 0 < epochs <= MAX_EPOCHS:
        raise ValueError(f"epochs are over 0, up to {MAX_EPOCHS}; found {text.strip()}")
    return epochs


def _ratio(text: str, examples: str) -> Fraction:
    """A number, or one over another, each within the bounds of numbers in YAML."""
    parts = [part.strip() for part in text.split("/")]
    if len(parts) > 2 or not all(map(_NUMBER.fullmatch, parts)):
        raise ValueError(f"expected a number such as {examples}, found {shorten(text.strip(), 40)}")
    over, under = exact(parts[0]), exact(parts[-1]) if len(parts) == 2 else Fraction(1)
    if not under:
        raise ValueError(f"{text.strip()} divides by zero")
    return over / under


def weight_of(fields: Fields, key: str, *, what: str = "a weight") -> Fraction | None:
    """A number from 0, or a percentage; None (after a problem) for anything else."""
    number = share_of(fields, key)
    if number is not None and not 0 <= number <= MAX_WEIGHT:
        shown = getattr(fields.value(key), "text", "")
        fields.report(key, f"{what} is 0 to {MAX_WEIGHT}, found {shown}")
        return None
    return number


def share_of(fields: Fields, key: str) -> Fraction | None:
    """The number under `key`, or the percentage; None (after a problem) for anything else."""
    node = fields.value(key)
    if isinstance(node, Scalar) and node.kind == "string":
        percent = parse_percent(node.text)
        if percent is not None:
            return percent
    return fields.number(key)


def whole_text(node: Scalar) -> str:
    """The text of a scalar that holds an amount; 1e11 becomes its digits."""
    if node.kind in ("integer", "float"):
        number = node.fraction()
        return str(int(number)) if number.denominator == 1 else node.text
    return node.text


def show_tokens(count: int) -> str:
    """Tokens for people, three digits at most: 1.66T, 81.2B, 940K, 12."""
    for unit, size in (("T", 10**12), ("B", 10**9), ("M", 10**6), ("K", 10**3)):
        if count * 2000 >= size * 1999:  # what rounds to 1000K is 1M
            digits = 0 if count >= 100 * size else 1 if count >= 10 * size else 2
            text = f"{count / size:.{digits}f}"
            return (text.rstrip("0").rstrip(".") if digits else text) + unit
    return str(count)


def show_epochs(epochs: Fraction | float) -> str:
    """Epochs in a sentence, four digits of them or all before the point: 2.5, 0.0125, 36,932."""
    return f"{float(epochs):,.0f}" if epochs >= 1000 else f"{float(epochs):.4g}"


def show_share(share: Fraction) -> str:
    """A share as a percentage with four significant digits: 15.5%, 0.2304%."""
    return f"{float(share * 100):.4g}%"
