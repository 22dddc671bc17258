"""One predicate, three evaluators: pyarrow, DuckDB, and the plain reading below."""

import math
import operator
from typing import Any

import duckdb
import pyarrow as pa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from curation.base.predicate import Predicate, parse
from curation.base.predicate_tree import (
    And,
    Column,
    Compare,
    In,
    IsNull,
    Literal,
    Not,
    Or,
    Origin,
    Tree,
    Truth,
    render,
)

OPS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def pair(tree: Tree, row: dict[str, Any], left: Column, right: Column | Literal) -> list[Any]:
    """Both sides, NaN as null; a float column makes its partner a float."""
    one, two = row[left.name], row[right.name] if isinstance(right, Column) else right.value
    columns = [side.name for side in (left, right) if isinstance(side, Column)]
    sides = [None if isinstance(side, float) and math.isnan(side) else side for side in (one, two)]
    if any(pa.types.is_floating(TYPES[name]) for name in columns):
        return [None if side is None else float(side) for side in sides]
    return sides


def truth(tree: Tree, row: dict[str, Any]) -> bool | None:
    match tree:
        case Compare(op, left, right):
            one, two = pair(tree, row, left, right)
            return None if one is None or two is None else bool(OPS[op](one, two))
        case In(column, values):
            found = [truth(Compare("==", column, literal), row) for literal in values]
            return True if True in found else None if None in found else False
        case IsNull(column):
            return pair(tree, row, column, column)[0] is None
        case Truth(column):
            return row[column.name]  # type: ignore[no-any-return]
        case Not(inner):
            value = truth(inner, row)
            return None if value is None else not value
        case And(parts):
            found = [truth(part, row) for part in parts]
            return False if False in found else None if None in found else True
        case Or(parts):
            found = [truth(part, row) for part in parts]
            return True if True in found else None if None in found else False


DUCKDB = duckdb.connect(":memory:", config={"threads": 1})
TYPES = {
    "n": pa.int64(),
    "small": pa.int16(),
    "edu.score": pa.float64(),
    "ppl": pa.float32(),
    "license": pa.string(),
    "odd \"name`'": pa.large_string(),
    "kept": pa.bool_(),
}
INTEGERS = st.one_of(
    st.integers(-3, 3), st.integers(-(2**63), 2**63 - 1), st.sampled_from([2**53, 2**53 + 1])
)
SMALL = st.one_of(st.integers(-3, 3), st.sampled_from([-(2**15), 2**15 - 1]))
FLOATS = st.one_of(
    st.sampled_from([0.0, -0.0, 0.5, 1.0, -1.5, 0.1, float("nan"), float("inf"), 1e20]),
    st.floats(width=64),
)
FLOATS32 = st.one_of(st.sampled_from([0.0, 0.5, 1.0, float("nan")]), st.floats(width=32))
STRINGS = st.one_of(
    st.sampled_from(["", "a", "B", "é", "MIT", "it's", '"', "\U00010000", "\uffff", "あ"]),
    st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=3),
)
VALUES = {
    "n": INTEGERS,
    "small": SMALL,
    "edu.score": FLOATS,
    "ppl": FLOATS32,
    "license": STRINGS,
    "odd \"name`'": STRINGS,
    "kept": st.booleans(),
}
ROW = st.fixed_dictionaries({name: st.none() | values for name, values in VALUES.items()})
NUMBERS = st.one_of(
    st.integers(-3, 3),
    st.sampled_from([0.5, 0.1, 1.5, -0.5, 2**53 + 1, 10**25, -(10**25), 2**15, 2**63, 1e-9]),
)


def literals(name: str) -> st.SearchStrategy[Literal]:
    if TYPES[name] == pa.bool_():
        values: st.SearchStrategy[Any] = st.booleans()
    elif TYPES[name] in (pa.string(), pa.large_string()):
        values = STRINGS
    else:
        values = NUMBERS
    return st.builds(Literal, st.none() | values, st.just(0))


@st.composite
def leaves(draw: st.DrawFn) -> Tree:
    name = draw(st.sampled_from(list(TYPES)))
    column = Column(name, 0)
    shape = draw(st.integers(0, 3))
    if shape == 0:
        return IsNull(column)
    if shape == 1:
        return In(column, tuple(draw(st.lists(literals(name), min_size=1, max_size=4))))
    if name == "kept":
        if shape == 2:
            return Truth(column)
        return Compare(draw(st.sampled_from(["==", "!="])), column, draw(literals(name)))
    op = draw(st.sampled_from(list(OPS)))
    if draw(st.integers(0, 4)) == 0:
        pairs = {"n": "small", "ppl": "edu.score", "license": "odd \"name`'"}
        return Compare(op, column, Column(pairs.get(name, name), 0))
    return Compare(op, column, draw(literals(name)))


TREES = st.recursive(
    leaves(),
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, min_size=2, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)


ZEROS = In(Column("edu.score", 0), (Literal(0, 0), Literal(-0.5, 0)))


@settings(max_examples=300, deadline=None)
@given(tree=TREES, data=st.lists(ROW, max_size=6))
@example(tree=ZEROS, data=[dict.fromkeys(TYPES) | {"edu.score": score} for score in (-0.0, 0.0)])
def test_pyarrow_and_duckdb_select_what_the_plain_reading_selects(
    tree: Tree, data: list[dict[str, Any]]
) -> None:
    schema = pa.schema(list(TYPES.items()))
    table = pa.Table.from_pylist(data, schema)
    predicate = Predicate(tree, Origin("", "", ""))
    expected = [truth(tree, row) is True for row in data]
    assert predicate.mask(table).tolist() == expected
    again = parse(render(tree))
    assert again.mask(table).tolist() == expected
    assert again.canonical() == render(again.tree)
    sql, parameters = predicate.to_sql(schema)
    DUCKDB.register("data", table)
    found = DUCKDB.execute(f"SELECT coalesce({sql}, false) FROM data", parameters).fetchall()
    assert [row[0] for row in found] == expected
