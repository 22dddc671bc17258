"""What the step `decontaminate` promises, in plain Python: sets of n-grams over whole strings."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

SELECTORS = set(range(0xFE00, 0xFE10)) | set(range(0x180B, 0x1810)) | set(range(0xE0100, 0xE01F0))


def units(text: str, *, words: bool) -> list[str]:
    """Letters, marks and digits of the text as it is compared; or its words."""
    kept = []
    for character in unicodedata.normalize("NFKC", text).casefold():
        category = unicodedata.category(character)
        if category == "Cf" or ord(character) in SELECTORS:
            continue
        kept.append(character if category[0] in "LMN" else " ")
    return "".join(kept).split() if words else [c for c in kept if c != " "]


@dataclass(frozen=True)
class Found:
    hits: int
    covered: int
    units: int
    longest: int  # units
    item: int | None
    item_share: Fraction


def compare(
    text: str,
    items: Sequence[str],
    *,
    words: bool,
    n: int,
    shortest: int,
    whole_below: int,
    common: int,
) -> Found:
    """All statistics of one document against items, each a record of one text."""
    keys = [tuple(units(item, words=words)) for item in items]
    looked = [k for k, key in enumerate(keys) if len(key) >= shortest and key not in keys[:k]]
    grams = {
        k: [keys[k][p : p + n] for p in range(len(keys[k]) - n + 1)]
        for k in looked
        if len(keys[k]) >= whole_below
    }
    spread = Counter(gram for own in grams.values() for gram in set(own))
    document = tuple(units(text, words=words))
    inside = {document[p : p + n] for p in range(len(document) - n + 1)}

    taken: set[int] = set()
    hits = 0
    for p in range(len(document) - n + 1):
        gram = document[p : p + n]
        if 0 < spread[gram] <= common:
            hits += 1
            taken.update(range(p, p + n))
    shares: dict[int, tuple[Fraction, int]] = {}
    for k, own in grams.items():
        rare = [p for p, gram in enumerate(own) if spread[gram] <= common]
        can = {u for p in rare for u in range(p, p + n)}
        has = {u for p in rare if own[p] in inside for u in range(p, p + n)}
        if has:
            shares[k] = Fraction(len(has), len(can)), len(has)
    for k in looked:
        size = len(keys[k])
        places = [p for p in range(len(document) - size + 1) if document[p : p + size] == keys[k]]
        if k not in grams and places:
            hits += len(places)
            taken.update(u for p in places for u in range(p, p + size))
            shares[k] = Fraction(1), size
    best = min(shares, key=lambda k: (-shares[k][0], -shares[k][1], k), default=None)
    runs, run = 0, 0
    for u in range(len(document)):
        run = run + 1 if u in taken else 0
        runs = max(runs, run)
    share = Fraction(0) if best is None else shares[best][0]
    return Found(hits, len(taken), len(document), runs, best, share)
