from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from curation.steps import Rule, Scored, Statistic, Step, column, fingerprint_of


@dataclass(frozen=True)
class Length:
    name: str = "length"
    statistics: tuple[Statistic, ...] = (Statistic("bytes", pa.int64(), "bytes", "UTF-8 bytes"),)
    rules: tuple[Rule, ...] = (Rule("too_short", "bytes", "<", 3, "this test"),)

    def score(self, text: pa.Array, columns: Mapping[str, pa.Array]) -> Scored:
        return Scored({"bytes": pa.array([len(t.as_py().encode()) for t in text], pa.int64())})


def test_a_rule_fails_where_the_comparison_holds_and_never_on_null() -> None:
    rule = Rule("too_short", "bytes", "<", 3, "this test")
    failed = rule.failed({"bytes": pa.array([2, 3, None], pa.int64())})
    assert failed.tolist() == [True, False, False]
    assert failed.dtype == np.bool_


def test_a_step_is_known_by_its_shape() -> None:
    assert isinstance(Length(), Step)
    assert column(Length(), "bytes") == "length.bytes"
    assert fingerprint_of(Length())["statistics"] == [["bytes", "int64"]]
