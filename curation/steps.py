"""The contract of a step: statistics of a batch of documents, and rules over them.

    step.score(text, columns) -> Scored      statistics, perhaps a rewritten text
    rules                                    a document fails a rule when `statistic op threshold`

Score first, decide later: a step never drops a document. The frame (`curation.run`) evaluates the
rules of every step over its statistics, so every input document carries every score and every
reason; what is dropped is decided at the end. A statistic is taken on the text as it stands at its
step and is written as the column `<step>.<statistic>`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Op = Literal["<", "<=", ">", ">=", "==", "!="]

_COMPARE = {
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
    "==": pc.equal,
    "!=": pc.not_equal,
}

PART = re.compile(r"[a-z][a-z0-9_]{0,62}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Statistic:
    """One number, flag or string per document; its column is `<step>.<name>`."""

    name: str
    dtype: pa.DataType
    unit: str
    doc: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A document fails when `statistic op threshold` holds; a null statistic never fails.

    `source` says where the threshold comes from (paper section, file in a peer).
    An `annotate` rule is evaluated, counted and recorded, but drops nothing.
    """

    reason: str
    statistic: str
    op: Op
    threshold: float | int | bool | str
    source: str
    annotate: bool = False

    def failed(self, scores: Mapping[str, pa.Array]) -> npt.NDArray[np.bool_]:
        """Which documents of the batch fail, bool[n]."""
        values = scores[self.statistic]
        if isinstance(values, pa.ChunkedArray):
            values = values.combine_chunks()
        found = _COMPARE[self.op](values, pa.scalar(self.threshold))
        answer: npt.NDArray[np.bool_] = np.asarray(
            pc.fill_null(found, False).to_numpy(zero_copy_only=False), dtype=np.bool_
        )
        return answer


@dataclass(frozen=True, slots=True)
class Scored:
    """What a step found: one array a statistic, all as long as the batch.

    `text` is the rewritten text (large_string, no nulls), None where the step leaves it alone."""

    scores: Mapping[str, pa.Array]
    text: pa.Array | None = None


@runtime_checkable
class Step(Protocol):
    """Anything with a name, statistics, rules and `score`; steps are pickled to workers.

    `score` gets the text (large_string, no nulls) and the other columns of the batch, scores of
    earlier steps included under their full names. It must be a pure function of its arguments:
    the same batch cut differently gives the same rows. A step may have a method
    `marks(text, rule)` that gives the (first, past last) characters of a text that a rule is about:
    reports then show them. With `noted`, some of its statistics, it may have a method
    `note(scores)` that makes of them (under their full names) what a report says beside a text.
    """

    @property
    def name(self) -> str: ...

    @property
    def statistics(self) -> tuple[Statistic, ...]: ...

    @property
    def rules(self) -> tuple[Rule, ...]: ...  # in the order in which the rule set checks them

    def score(self, text: pa.Array, columns: Mapping[str, pa.Array]) -> Scored: ...


def column(step: Step | str, statistic: str) -> str:
    """The column of a statistic in shards and audits."""
    return f"{step if isinstance(step, str) else step.name}.{statistic}"


def fingerprint_of(step: Step) -> dict[str, Any]:
    """What decides the scores and the rules of a step, as canonical JSON values (no floats).

    A step whose scores depend on more than its name and class (an option, a model file, a word
    list) says so by an attribute `settings`, a dict of strings, integers, booleans, lists, dicts.
    """
    return {
        "step": step.name,
        "class": f"{type(step).__module__}.{type(step).__qualname__}",
        "settings": getattr(step, "settings", {}),
        "statistics": [[s.name, str(s.dtype)] for s in step.statistics],
    }


def rules_document(step: Step) -> list[dict[str, Any]]:
    """The rules as canonical JSON values; thresholds that are floats become their `repr`."""
    return [
        {
            "reason": rule.reason,
            "statistic": rule.statistic,
            "op": rule.op,
            "threshold": repr(rule.threshold)
            if isinstance(rule.threshold, float)
            else rule.threshold,
            "source": rule.source,
            "annotate": rule.annotate,
        }
        for rule in step.rules
    ]
