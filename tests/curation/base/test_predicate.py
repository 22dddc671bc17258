"""Conditions as a user writes them: what they select, every fault with its place, one spelling."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.base.errors import InvalidDocument
from curation.base.predicate import parse
from curation.base.predicate_syntax import MAX_CHARACTERS, MAX_NESTING

SCHEMA = pa.schema(
    [
        ("n", pa.int64()),
        ("small", pa.int8()),
        ("big", pa.uint64()),
        ("edu.score", pa.float64()),
        ("ppl", pa.float32()),
        ("license", pa.string()),
        ("odd name`\"'", pa.large_string()),
        ("kept", pa.bool_()),
        ("void", pa.null()),
        ("source", pa.dictionary(pa.int32(), pa.string())),
        ("parts", pa.list_(pa.int64())),
    ]
)
ROWS: list[dict[str, Any]] = [
    {"n": 1, "small": -128, "big": 2**64 - 1, "edu.score": 2.5, "license": "CC-BY-4.0"},
    {"n": None, "small": 127, "edu.score": None, "license": None, "kept": True, "source": "b"},
    {"n": 2**53 + 1, "edu.score": float("nan"), "license": "NOASSERTION", "kept": False},
    {"n": -5, "ppl": 0.1, "edu.score": -0.0, "license": "é", "source": "a"},
]
TABLE = pa.Table.from_pylist(ROWS, SCHEMA)


def rows(text: str, table: pa.Table = TABLE) -> list[int]:
    return [int(row) for row in np.flatnonzero(parse(text).mask(table))]


def problem(text: str, schema: pa.Schema | None = None) -> str:
    with pytest.raises(InvalidDocument) as caught:
        parse(text).check(SCHEMA if schema is None else schema)
    return str(caught.value).replace("<expression>:", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("edu.score >= 2.5 and license != 'NOASSERTION'", [0]),
        ("edu.score = 2.5", [0]),
        ("2.5 <= edu.score", [0]),
        ("n in (1, -5, null)", [0, 3]),
        ("n not in [1]", [2, 3]),
        ("n not in (1, null)", []),
        ("not n == 1", [2, 3]),
        ("n == null", []),
        ("n != null", []),
        ("n is null", [1]),
        ("edu.score IS NOT NULL", [0, 3]),  # NaN counts as null
        ("kept", [1]),
        ("not kept", [2]),
        ("kept == false or n < 0", [2, 3]),
        ("kept or n == 1 and license is not null", [0, 1]),
        ("(kept or n == 1) and license is not null", [0]),
        ("n == 9007199254740992.5", []),
        ("n >= 9007199254740993", [2]),
        ("n > 9007199254740992", [2]),
        ("small < 1000 and small > -1000", [0, 1]),
        ("small == 1000", []),
        ("small != 1000", [0, 1]),
        ("big > 18446744073709551614", [0]),
        ("n < 1.5", [0, 3]),
        ("n <= 0.5", [3]),
        ("n > -4.5", [0, 2]),
        ("n >= 0.5", [0, 2]),
        ("n != 0.5", [0, 2, 3]),
        ('license == "it\'s"', []),
        ("license != 'it''s'", [0, 2, 3]),
        ("license > 'z'", [3]),
        ("`odd name``\"'` is null", [0, 1, 2, 3]),
        ("void == 3 or void is null", [0, 1, 2, 3]),
        ("void != 3", []),
        ("source in ('b', 'c')", [1]),
        ("n < small", []),
        ("ppl < 0.11", [3]),
        ("n < edu.score", [0, 3]),
    ],
)
def test_rows_selected(text: str, expected: list[int]) -> None:
    assert rows(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1:1: the expression is empty"),
        ("n ==", "1:5: expected a column or a value, found the end"),
        ("n == 1 and", "1:11: expected a column or a value, found the end"),
        ("(n == 1", "1:8: expected ')', found the end"),
        ("n == 1)", "1:7: expected 'and', 'or' or the end, found ')'"),
        ("1 < n < 3", "1:7: comparisons do not chain; write a < b and b < c"),
        ("1 == 2", "1:1: this compares two constants; one side is a column"),
        ("true", "1:1: expected a condition, found the constant 'true'"),
        ("n <> 3", "1:3: unknown operator '<>'; write '!='"),
        ("kept && kept", "1:6: unknown operator '&&'; write 'and'"),
        ("!kept", "1:1: unknown operator '!'; write 'not'"),
        (
            "license like 'CC%'",
            "1:9: unknown operator 'like'; there are: ==, !=, <, <=, >, >=, in, not in, "
            "is null, and, or",
        ),
        ("license == 'a", "1:12: the string that starts here has no closing '"),
        ("`a == 1", "1:1: the name that starts here has no closing `"),
        ("n == 1x", "1:6: '1x' is neither a number nor a name"),
        ("n == 1.2.3", "1:6: '1.2.3' is neither a number nor a name"),
        ("n % 2 == 0", "1:3: unexpected character '%'"),
        ("n in 3", "1:6: after 'in' comes a list such as ('a', 'b'), found '3'"),
        ("n in (1 2)", "1:9: expected ',' or ')', found '2'"),
        ("n in ()", "1:7: expected a column or a value, found ')'"),
        (
            "license in (MIT)",
            "1:13: a list holds values, not columns; in quotes 'MIT' is a string",
        ),
        ("n is 3", "1:6: after 'is' comes 'null' or 'not null', found '3'"),
        ("n not 3", "1:7: after 'not' comes 'in', found '3'"),
        ("n == 1e99", "1:6: exponents go from -30 to 30, found 1e99"),
        (
            "edu_score > 1",
            "1:1: unknown column 'edu_score'; did you mean 'edu.score'? (a string stands in ",
        ),
        (
            "license != NOASSERTION",
            "1:12: unknown column 'NOASSERTION'; there are: n, small, big, edu.score, ppl, "
            "license, odd name`\"', kept, void, source, parts (a string stands in quotes)",
        ),
        ("n > 'a'", "1:5: column 'n' is a number (int64), 'a' a string"),
        ("license > 3", "1:11: column 'license' is a string (string), 3 a number"),
        ("n == true", "1:6: column 'n' is a number (int64), True a boolean"),
        ("kept == 1", "1:9: column 'kept' is a boolean (bool), 1 a number"),
        ("kept > true", "1:1: column 'kept' is true or false: use == or !="),
        ("n", "1:1: column 'n' is a number, not a condition; compare it with something"),
        ("n == license", "1:6: 'n' (int64) and 'license' (string) do not compare by =="),
        ("n == big", "1:6: 'n' (int64) and 'big' (uint64) do not compare by =="),
        (
            "parts is null",
            "1:1: column 'parts' has type list<item: int64>; numbers, strings and booleans can "
            "be compared",
        ),
        ("n == 1 or\n  m in ('a', 'b') or kept == 3", "2:3: unknown column 'm'"),
    ],
)
def test_faults_have_a_place(text: str, expected: str) -> None:
    assert problem(text).startswith(expected)


def test_all_faults_come_at_once() -> None:
    found = problem("m > 1 and license > 3 and kept < true").split("\n")
    assert [line.split(": ")[0] for line in found] == ["1:1", "1:21", "1:27"]


def test_a_column_named_twice_is_refused() -> None:
    twice = pa.schema([("a", pa.int64()), ("a", pa.int64())])
    assert problem("a > 1", twice) == "1:1: two columns are named 'a'"


def test_bounds() -> None:
    assert "nests at most" in problem("(" * 4900 + "kept" + ")" * 4900)
    assert "nests at most" in problem("not " * 2000 + "kept")
    assert "at most" in problem("kept or " * MAX_CHARACTERS)
    parse("(" * (MAX_NESTING - 1) + "kept" + ")" * (MAX_NESTING - 1)).check(SCHEMA)
    assert rows(" or ".join(["n == 1"] * 900)) == [0]


def test_columns_and_advice() -> None:
    predicate = parse("n == null or kept and license not in ('a', null)")
    assert predicate.columns == ("n", "kept", "license")
    assert predicate.advice == (
        "`n == null` is never true (null rules of SQL); `n is null` tests it",
        "`license not in ('a', null)` is never true, because the list holds null",
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NOT (a = 1)", "not a == 1"),
        ("3 < a", "a > 3"),
        ("a > 1.50", "a > 1.5"),
        ("a > 1.0", "a > 1"),
        ("(a > 1 AND b) or (c)", "a > 1 and b or c"),
        ("(a or b) and not (c and d)", "(a or b) and not (c and d)"),
        ('a == "it\'s"', "a == 'it''s'"),
        ("a in [1,2]", "a in (1, 2)"),
        ("not a in (1)", "a not in (1)"),
        ("`a b` > 1 and `and` is null", "`a b` > 1 and `and` is null"),
    ],
)
def test_one_spelling(text: str, expected: str) -> None:
    assert parse(text).canonical() == expected
    assert parse(expected).canonical() == expected


def test_user_text_never_becomes_sql() -> None:
    name = 'x" OR 1=1; --'
    schema = pa.schema([(name, pa.string())])
    sql, parameters = parse(f"`{name}` == '\"; drop table t; --'").to_sql(schema)
    assert sql == '("x"" OR 1=1; --" = ?)'
    assert parameters == ['"; drop table t; --']


# -- the plain reading of a tree -------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("ab .<>=!()[],'\"`\n01e-+&|inotdrusl\0あ"), max_size=40))
def test_any_text_is_a_condition_or_a_positioned_problem(text: str) -> None:
    try:
        predicate = parse(text)
    except InvalidDocument as error:
        (found,) = error.problems
        assert found.line >= 1
        assert 1 <= found.column <= len(text) + 1
    else:
        assert parse(predicate.canonical()).canonical() == predicate.canonical()
