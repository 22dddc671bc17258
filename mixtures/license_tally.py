"""Rows and tokens of a source by licence, terms and models: what a verdict is computed from.

Kept with a view as JSON (`document`), so that judging a plan reads no rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.base.licenses import NOASSERTION

COLUMNS: Final = ("license", "terms", "generated_by", "judged_by")


class Amount(NamedTuple):
    rows: int
    tokens: int

    def __add__(self, other: object) -> Amount:
        assert isinstance(other, Amount)
        return Amount(self.rows + other.rows, self.tokens + other.tokens)


_NONE: Final = Amount(0, 0)


@dataclass(slots=True)
class Tally:
    """Rows and tokens of one source by the value of each of `COLUMNS`, among selected rows.

    Rows without a value are counted under NOASSERTION for `license`, else not at all.
    """

    total: Amount = _NONE
    license: dict[str, Amount] = field(default_factory=dict)
    terms: dict[str, Amount] = field(default_factory=dict)
    generated_by: dict[str, Amount] = field(default_factory=dict)
    judged_by: dict[str, Amount] = field(default_factory=dict)

    def add(
        self,
        batch: pa.RecordBatch | pa.Table,
        selected: NDArray[np.bool_],
        tokens: NDArray[np.int64],
    ) -> None:
        """Count a batch. selected: bool[rows]; tokens: int64[rows], the tokens of each row."""
        counts = tokens[selected]
        self.total += Amount(len(counts), int(counts.sum()))
        keep = pa.array(selected)
        for name in COLUMNS:
            values = getattr(self, name)
            if name not in batch.schema.names:
                if name == "license" and len(counts):
                    values[NOASSERTION] = values.get(NOASSERTION, _NONE) + Amount(
                        len(counts), int(counts.sum())
                    )
                continue
            column = batch.column(name).filter(keep).cast(pa.string())
            table = pa.table({"value": column, "tokens": counts})
            groups = table.group_by("value").aggregate([("tokens", "sum"), ("tokens", "count")])
            for row in groups.to_pylist():
                value = row["value"] or (NOASSERTION if name == "license" else "")
                if value:
                    amount = Amount(row["tokens_count"], row["tokens_sum"])
                    values[value] = values.get(value, _NONE) + amount

    def document(self) -> dict[str, Any]:
        """JSON data; values in order, so that the same rows give the same bytes."""
        columns = {
            name: {value: list(amount) for value, amount in sorted(getattr(self, name).items())}
            for name in COLUMNS
        }
        return {"rows": self.total.rows, "tokens": self.total.tokens, **columns}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Tally:
        """The reverse of `document`; KeyError or TypeError where it is none."""
        columns = {
            name: {value: Amount(*amount) for value, amount in document[name].items()}
            for name in COLUMNS
        }
        return cls(Amount(document["rows"], document["tokens"]), **columns)
