from __future__ import annotations

import pyarrow as pa
import pytest

from curation.base.errors import NotFound
from curation.language import Language, model_path

JAPANESE = "国境の長いトンネルを抜けると雪国であった。夜の底が白くなった。"
ENGLISH = "It was a bright cold day in April, and the clocks were striking thirteen."


def test_languages_are_told_apart_and_scores_stay_within_one() -> None:
    scores = Language().score(pa.array([JAPANESE, ENGLISH, " \n"], pa.large_string()), {}).scores
    assert scores["label"].to_pylist() == ["ja", "en", None]
    assert all(0 <= score <= 1 for score in scores["score"].to_pylist())
    assert scores["score"].to_pylist()[2] == 0


def test_a_clear_prefix_decides_and_an_unclear_one_sends_the_whole_text() -> None:
    step = Language(prefix=20)
    assert step.judge(JAPANESE * 50)[3] is False
    unclear = "12345 67890 12345 67890 " + ENGLISH * 20
    assert step.judge(unclear)[0] == "en"
    assert step.judge(unclear)[3] is True
    assert Language(prefix=None).judge(JAPANESE * 200)[3] is True


def test_a_missing_model_is_named() -> None:
    with pytest.raises(NotFound, match=r"no-such\.ftz"):
        model_path("no-such.ftz")
