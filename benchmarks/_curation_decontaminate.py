"""decontaminate-ja, decontaminate-en: the step against the same rule in plain Python, decision by
decision, on text whose other half gives the evaluation items.

The Python side is what a careful script does: `unicodedata`, one dictionary of n-grams (strings or
tuples of words), one of the first characters or words of short items. datatrove's filter needs
lighteval and compares another key, so that its decisions cannot be the same.
"""

from __future__ import annotations

import json
import random
import tempfile
import time
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks._table import Table
from benchmarks._table import measure as measure_wall
from curation.decontaminate.sets import EvaluationSet
from curation.decontaminate.step import COMMON, DEFAULTS, RULE, Decontaminate, Unit

measure = partial(measure_wall, clock=time.process_time)
ITEMS = 10_000
LENGTHS = (15, 25, 60, 120, 250)  # characters of an item; those of English are three times as long


@cache
def _kept(character: str) -> str | None:
    category = unicodedata.category(character)
    return character if category[0] in "LMN" else None if category == "Cf" else " "


def _units(text: str, unit: Unit) -> Any:
    """A string of characters, or a tuple of words."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    found = "".join(kept for character in folded if (kept := _kept(character)) is not None)
    return tuple(found.split()) if unit == "words" else found.replace(" ", "")


class PlainPython:
    """Which documents hold half of an item, or all of a short one."""

    def __init__(self, items: Sequence[str], unit: Unit) -> None:
        self.unit: Unit = unit
        self.n, _, _, self.shortest, whole_below = DEFAULTS[unit]
        keys = {key for key in (_units(item, unit) for item in items) if len(key) >= self.shortest}
        self.grams: dict[Hashable, list[tuple[int, int]]] = defaultdict(list)
        self.heads: dict[Hashable, list[Any]] = defaultdict(list)
        for number, key in enumerate(sorted(keys)):
            if len(key) < whole_below:
                self.heads[key[: self.shortest]].append(key)
                continue
            for place in range(len(key) - self.n + 1):
                self.grams[key[place : place + self.n]].append((number, place))
        for gram in [g for g, found in self.grams.items() if len({i for i, _ in found}) > COMMON]:
            del self.grams[gram]
        can: dict[int, set[int]] = defaultdict(set)
        for found in self.grams.values():
            for number, place in found:
                can[number].update(range(place, place + self.n))
        self.coverable = {number: len(units) for number, units in can.items()}

    def holds(self, text: str) -> bool:
        key = _units(text, self.unit)
        n, shortest, grams, heads = self.n, self.shortest, self.grams, self.heads
        covered: dict[int, set[int]] = defaultdict(set)
        for place in range(len(key) - shortest + 1):
            for short in heads.get(key[place : place + shortest], ()):
                if key[place : place + len(short)] == short:
                    return True
            for number, at in grams.get(key[place : place + n], ()):
                covered[number].update(range(at, at + n))
        return any(
            len(units) / self.coverable[number] >= float(RULE.threshold)
            for number, units in covered.items()
        )


def decontaminate(
    table: Table, case: str, unit: Unit, texts: Sequence[str], others: Sequence[str]
) -> None:
    """Add the row: one core, texts in memory, items cut from `others` by a fixed seed."""
    rng = random.Random(0)
    scale = 3 if unit == "words" else 1
    items = []
    for _ in range(ITEMS):
        text, length = rng.choice(others), rng.choice(LENGTHS) * scale
        start = rng.randrange(max(1, len(text) - length))
        items.append(text[start : start + length])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "items.jsonl"
        path.write_text("".join(json.dumps({"q": item}) + "\n" for item in items), "utf-8")
        step = Decontaminate(
            sets=[EvaluationSet("items", str(path), ("q",))], action="drop", unit=unit
        )
        array = pa.array(texts, pa.large_string())
        batches = [array[at : at + 1000] for at in range(0, len(array), 1000)]

        def run() -> list[bool]:
            return [
                bool(failed)
                for batch in batches
                for failed in RULE.failed(step.score(batch, {}).scores)
            ]

        peer = PlainPython(items, unit)
        expected = [peer.holds(text) for text in texts]
        found = run()
        work = sum(len(text.encode()) for text in texts) / 1e6
        ours = measure(run, work=work)
        theirs = measure(lambda: [peer.holds(text) for text in texts], work=work)
    held = Counter(expected)[True]
    table.add(
        case,
        "MB/s",
        ours,
        peer="plain Python",
        peer_value=theirs,
        differences=sum(a != b for a, b in zip(found, expected, strict=True)),
        target=">= 30 MB/s",
        notes=f"{held} of {len(texts)} documents hold one of {ITEMS} items",
    )
