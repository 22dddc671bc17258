"""The step `decontaminate`: how much of which evaluation item a document holds, and where."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curation.base.errors import UsageError
from curation.decontaminate.index import Coverage, Index, Spec
from curation.decontaminate.note import NOTED, note
from curation.decontaminate.sets import EvaluationSet
from curation.decontaminate.shared import load_index
from curation.kernels import overlap
from curation.kernels.buffers import utf8_view
from curation.rules.base import RuleStep, fraction, integer, ratio
from curation.steps import Rule, Scored, Statistic

Action = Literal["drop", "cut", "annotate"]
ACTIONS: tuple[Action, ...] = ("drop", "cut", "annotate")
Unit = Literal["characters", "words"]
UNITS: tuple[Unit, ...] = ("characters", "words")

# n, its bounds, the least length that is looked for, and the length from which n-grams are.
# Words: GPT-3 (arXiv 2005.14165, appendix C) takes 13 and never under 8. Characters: no published
# rule is known for Japanese. Two thirds of JCommonsenseQA's questions have under 12 words, the
# median is 14 characters: so questions from 12 characters on are found as a whole.
DEFAULTS: dict[str, tuple[int, int, int, int, int]] = {
    "words": (13, 8, 13, 8, 13),
    "characters": (20, 8, 100, 12, 40),
}
SOURCES = {
    "words": "GPT-3 (arXiv 2005.14165) appendix C: n-grams of 13 words, never under 8",
    "characters": "awase docs/rules.md, Thresholds of our own: decontaminate",
}
COMMON = 10  # our own bound: what more items have is the wording of their template

RULE = Rule(
    "evaluation_item",
    "item_share",
    ">=",
    0.5,
    "awase docs/rules.md, Thresholds of our own: decontaminate.evaluation_item",
)


class Decontaminate(RuleStep):
    """Measures what documents share with evaluation sets (`curation.decontaminate.index`).

    With `cut` the stretches of items of which a document holds too much for a rule on `item_share`
    leave the text, which is kept. `n`, `shortest` and `whole_below` count characters of the key or
    words; None takes the unit's default. UsageError, NotFound or Failed say what is wrong with a
    set's file.
    """

    default_name = "decontaminate"
    statistics = (
        integer("hits", "matches", "n-grams and short items of evaluation sets in the text"),
        fraction("share", "of the text's characters or words, those that evaluation items have"),
        integer("longest", "characters", "longest stretch of the text that evaluation items have"),
        fraction("item_share", "of the item of which the text holds most, what it holds"),
        Statistic("set", pa.string(), "", "the evaluation set of that item"),
        Statistic("item", pa.string(), "", "its id or line there, and the field"),
        integer("start", "characters", "where the longest stretch shared with that item begins"),
        integer("length", "characters", "how long that stretch is"),
    )
    noted: ClassVar[tuple[str, ...]] = NOTED

    def __init__(
        self,
        *,
        sets: Sequence[EvaluationSet],
        action: Action,
        unit: Unit = "characters",
        n: int | None = None,
        shortest: int | None = None,
        whole_below: int | None = None,
        common: int = COMMON,
        rules: Sequence[Rule] = (),
        name: str | None = None,
    ) -> None:
        super().__init__(rules=rules or (RULE,), name=name)
        usual, low, high, least, whole = DEFAULTS[unit]
        n = usual if n is None else n
        shortest = min(least, n) if shortest is None else shortest
        whole_below = max(whole, n) if whole_below is None else whole_below
        if not (low <= n <= high and 1 <= shortest <= n <= whole_below and common >= 1 and sets):
            raise UsageError(
                f"n is {low} to {high} {unit}, shortest at most n, whole_below at least n; found "
                f"n {n}, shortest {shortest}, whole_below {whole_below}"
            )
        self.action = action
        self.source = SOURCES[unit]
        self.cut = None if action != "cut" else _least_share(self.rules)
        self.rewrites = action == "cut"
        if action != "drop":
            self.rules = tuple(replace(rule, annotate=True) for rule in self.rules)
        pinned = tuple(item.pinned() for item in sets)
        self.spec = Spec(pinned, unit == "words", n, shortest, whole_below, common)
        self.coverage = self._checked(load_index(self.spec))
        self.settings = {
            "version": 1,
            "unit": unit,
            "n": n,
            "shortest": shortest,
            "whole_below": whole_below,
            "common": common,
            "unicode": unicodedata.unidata_version,
            **({} if self.cut is None else {"cut": repr(self.cut)}),
            "sets": [
                _document(item, found) for item, found in zip(pinned, self.coverage, strict=True)
            ],
        }

    def _checked(self, index: Index) -> tuple[Coverage, ...]:
        for item, found in zip(self.spec.sets, index.coverage, strict=True):
            if not found.checked and not found.repeated:
                raise UsageError(
                    f"{item.path}: none of its {found.texts} texts can be looked for: "
                    f"{found.too_short} are under {self.spec.shortest} "
                    f"{'words' if self.spec.words else 'characters'}, {found.template} are "
                    "templates; join fields (question + choices), or lower `shortest`"
                )
        return index.coverage

    def score(self, text: pa.Array, columns: Mapping[str, pa.Array]) -> Scored:
        index = load_index(self.spec)
        found = index.search(text)
        item = found[:, overlap.ITEM]
        none = item < 0
        wanted = index.items.coverable[np.maximum(item, 0)]
        start, stop, left, right = _characters(text, found)
        share = np.nan_to_num(ratio(found[:, overlap.COVERED], found[:, overlap.UNITS]))
        item_share = np.where(none, 0.0, ratio(found[:, overlap.ITEM_UNITS], wanted))
        sets = [source.name for source in self.spec.sets]
        named = [(sets[index.set_of[k]], index.names[k]) if k >= 0 else None for k in item.tolist()]
        scores = {
            "hits": pa.array(found[:, overlap.HITS]),
            "share": pa.array(share),
            "longest": pa.array(right - left),
            "item_share": pa.array(item_share),
            "set": pa.array([pair and pair[0] for pair in named], pa.string()),
            "item": pa.array([pair and pair[1] for pair in named], pa.string()),
            "start": pa.array(start, mask=none),
            "length": pa.array(stop - start, mask=none),
        }
        return Scored(scores, self._without(index, text, item_share))

    def _without(
        self, index: Index, text: pa.Array, item_share: npt.NDArray[np.float64]
    ) -> pa.Array | None:
        """The texts without what is to be cut; None where nothing is."""
        if self.cut is None or not len(rows := np.flatnonzero(item_share >= self.cut)):
            return None
        spans = index.spans(text.take(pa.array(rows)), share=self.cut)
        texts = text.to_pylist()
        for place, row in enumerate(rows.tolist()):
            data = texts[row].encode()
            own = spans[spans[:, 0] == place, 1:].tolist()
            starts = [0, *(stop for _, stop in own)]
            stops = [*(start for start, _ in own), len(data)]
            pieces = [data[start:stop] for start, stop in zip(starts, stops, strict=True)]
            texts[row] = b"".join(pieces).decode()
        return pa.array(texts, pa.large_string())

    def note(self, scores: Mapping[str, Any]) -> str:
        """What a report says beside an example: the item, and where it stands."""
        return note(scores, self.name)

    def marks(self, text: str, rule: Rule) -> list[tuple[int, int]]:
        """What a report marks: all that the items have that the rule is about."""
        return self.shared(text, float(rule.threshold) if rule.statistic == "item_share" else 0.0)

    def shared(self, text: str, item_share: float = 0.0) -> list[tuple[int, int]]:
        """(first, past last) characters that the text shares with items of which it holds this."""
        found = load_index(self.spec).spans(pa.array([text], pa.large_string()), share=item_share)
        data = text.encode()
        return [
            (len(data[:start].decode()), len(data[:stop].decode()))
            for start, stop in found[:, 1:].tolist()
        ]


def _least_share(rules: Sequence[Rule]) -> float:
    """The least `item_share` that fails a rule."""
    found = [
        float(rule.threshold) if rule.op == ">=" else float(np.nextafter(rule.threshold, np.inf))
        for rule in rules
        if rule.statistic == "item_share" and rule.op in (">=", ">")
    ]
    if not found:
        raise UsageError("action cut needs a rule on item_share with `under` or `max`")
    return min(found)


def _document(item: EvaluationSet, found: Coverage) -> dict[str, Any]:
    return {
        "name": item.name,
        "digest": item.digest,
        "format": item.format,
        "fields": list(item.fields),
        "id": item.id or "",
        "license": item.license,
        "coverage": asdict(found),
    }


def _characters(text: pa.Array, found: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """int64[4, texts]: begin and end of the item's stretch and of the longest, in characters."""
    data, offsets = utf8_view(text)
    view = data.data
    places = (overlap.BEGIN, overlap.END, overlap.RUN_BEGIN, overlap.RUN_END)
    out = np.zeros((4, len(text)), np.int64)
    for row in np.flatnonzero(found[:, overlap.ITEM] >= 0).tolist():
        first = int(offsets[row])
        for k, place in enumerate(places):
            out[k, row] = len(bytes(view[first : first + found[row, place]]).decode())
    return out
