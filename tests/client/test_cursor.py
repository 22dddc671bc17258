from __future__ import annotations

import json

import pytest

from awase_client import BadCursor, Cursor
from awase_client.cursor import plan_digest

PLAN = "sha256:" + "ab" * 32


def test_a_cursor_survives_json() -> None:
    cursor = Cursor(PLAN, 123)
    text = json.dumps(cursor.to_document())
    assert text == '{"version": 1, "plan": "' + PLAN + '", "position": 123}'
    assert Cursor.from_document(json.loads(text)) == cursor


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"plan": PLAN, "position": 1}, "a cursor is"),
        ({"version": 1, "plan": PLAN, "position": 1, "rank": 0}, "a cursor is"),
        ([], "a cursor is"),
        ({"version": 2, "plan": PLAN, "position": 1}, "cursor version 2"),
        ({"version": 1, "plan": "ja-en", "position": 1}, "a plan is named"),
        ({"version": 1, "plan": PLAN, "position": -1}, "whole number from 0, not -1"),
        ({"version": 1, "plan": PLAN, "position": 1.5}, "whole number from 0, not 1.5"),
        ({"version": 1, "plan": PLAN, "position": True}, "whole number from 0, not True"),
    ],
)
def test_anything_else_is_refused(document: object, message: str) -> None:
    with pytest.raises(BadCursor, match=message):
        Cursor.from_document(document)  # type: ignore[arg-type]


def test_a_plan_may_be_named_without_its_prefix() -> None:
    assert plan_digest("ab" * 32) == PLAN
