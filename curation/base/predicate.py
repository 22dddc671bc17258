"""The selection language of `where` (mixtures) and `keep` (recipes): one tree, two engines.

    predicate = parse("edu.score >= 2.5 and license != 'NOASSERTION'")
    predicate.check(schema)          unknown columns and type clashes, with their places
    predicate.mask(batch)            bool per row, by pyarrow
    predicate.to_sql(schema)         the same as DuckDB text with ? parameters, and these

Null rules are SQL's: a comparison with null is null, `and`/`or`/`not` are three-valued, and a row
is selected where the whole is true. NaN counts as null. Integers are compared exactly with any
number; floats as 64-bit. Strings compare by code point. Both engines and a plain evaluator are held
against each other (tests/curation/base/test_predicate_engines.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curation.base.predicate_bind import (
    Bound,
    Constant,
    Inverse,
    Join,
    Missing,
    Test,
    bind,
    class_of,
    value_type,
)
from curation.base.predicate_syntax import parse_tree
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
    Place,
    Tree,
    Truth,
    render,
)

_COMPARE: dict[str, Callable[..., Any]] = {
    "==": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}
_SQL = {"==": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


@dataclass(frozen=True, slots=True)
class Predicate:
    """A parsed condition. Equal text in another spelling has the same `canonical()`."""

    tree: Tree
    origin: Origin

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns it reads, each once, in the order of the text."""
        return tuple(dict.fromkeys(column.name for column in _columns(self.tree)))

    @property
    def advice(self) -> tuple[str, ...]:
        """Legal parts that can never be true, with what was probably meant."""
        return tuple(_advice(self.tree))

    def canonical(self) -> str:
        """The one spelling that enters digests; parsing it gives the same tree."""
        return render(self.tree)

    def check(self, schema: pa.Schema) -> None:
        """Raise InvalidDocument with every unknown column and type clash against `schema`."""
        bind(self.tree, self.origin, schema)

    def mask(self, batch: pa.RecordBatch | pa.Table) -> NDArray[np.bool_]:
        """bool[rows]: True where the condition is true; null and false are not selected."""
        bound = bind(self.tree, self.origin, batch.schema)
        cache: dict[str, pa.Array] = {}
        result = _evaluate(bound, batch, cache)
        return np.asarray(pc.fill_null(result, False).to_numpy(zero_copy_only=False), dtype=bool)

    def to_sql(self, schema: pa.Schema) -> tuple[str, list[Any]]:
        """A DuckDB boolean expression and its parameters.

        Identifiers are the names of `schema`, quoted; every value is a parameter.
        """
        parameters: list[Any] = []
        return _sql(bind(self.tree, self.origin, schema), parameters), parameters


def parse(
    text: str, *, file: str = "<expression>", key: str = "", place: Place | None = None
) -> Predicate:
    """Read a condition; InvalidDocument names the place, through `place` where it stands in a file.

    `place(index)` gives line and column of character `index` of `text`
    (`curation.base.yaml.Scalar.offset`).
    """
    origin = Origin(text, file, key, place)
    return Predicate(parse_tree(origin), origin)


def _columns(tree: Tree) -> Iterator[Column]:
    match tree:
        case Compare(_, left, right):
            yield left
            if isinstance(right, Column):
                yield right
        case In(column) | IsNull(column) | Truth(column):
            yield column
        case Not(inner):
            yield from _columns(inner)
        case And(parts) | Or(parts):
            for part in parts:
                yield from _columns(part)


def _advice(tree: Tree) -> Iterator[str]:
    match tree:
        case Compare(op, left, Literal(None)):
            wanted = "is not null" if op == "!=" else "is null"
            name = render(Truth(left))
            yield f"`{render(tree)}` is never true (null rules of SQL); `{name} {wanted}` tests it"
        case Not(In(_, values)) if any(literal.value is None for literal in values):
            yield f"`{render(tree)}` is never true, because the list holds null"
        case Not(inner):
            yield from _advice(inner)
        case And(parts) | Or(parts):
            for part in parts:
                yield from _advice(part)


def _prepared(field: pa.Field, batch: Any, cache: dict[str, pa.Array]) -> pa.Array:
    """The column as bool, integer, float64 without NaN, or large_string."""
    if field.name in cache:
        return cache[field.name]
    array = batch.column(field.name)
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays([pa.array([], array.type), *array.chunks])
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_floating(array.type):
        array = pc.cast(array, pa.float64())
        array = pc.if_else(pc.is_nan(array), pa.scalar(None, pa.float64()), array)
    elif class_of(array.type) == "string":
        array = pc.cast(array, pa.large_string())
    cache[field.name] = array
    return array


def _evaluate(bound: Bound, batch: Any, cache: dict[str, pa.Array]) -> pa.Array:
    match bound:
        case Constant(None):
            return pa.nulls(batch.num_rows, pa.bool_())
        case Constant(field, value):
            present = pc.is_valid(_prepared(field, batch, cache))
            return pc.if_else(present, pa.scalar(value), pa.scalar(None, pa.bool_()))
        case Missing(field):
            return pc.is_null(_prepared(field, batch, cache))
        case Inverse(inner):
            return pc.invert(_evaluate(inner, batch, cache))
        case Join(every, parts):
            join = pc.and_kleene if every else pc.or_kleene
            result = _evaluate(parts[0], batch, cache)
            for part in parts[1:]:
                result = join(result, _evaluate(part, batch, cache))
            return result
        case Test(field, "in", values):
            array = _prepared(field, batch, cache)
            members = pa.array(values, array.type)
            if pa.types.is_floating(array.type):
                # is_in tells -0.0 from 0.0, which no comparison does; their sum with 0.0 is 0.0
                array, members = pc.add(array, 0.0), pc.add(members, 0.0)
            found = pc.is_in(array, value_set=members)
            return pc.if_else(pc.is_valid(array), found, pa.scalar(None, pa.bool_()))
        case Test(field, op, pa.Field() as other):
            left, right = _prepared(field, batch, cache), _prepared(other, batch, cache)
            if pa.types.is_floating(left.type) != pa.types.is_floating(right.type):
                left = pc.cast(left, pa.float64(), safe=False)
                right = pc.cast(right, pa.float64(), safe=False)
            return _COMPARE[op](left, right)
        case Test(field, op, value):
            array = _prepared(field, batch, cache)
            return _COMPARE[op](array, pa.scalar(value, array.type))


def _identifier(field: pa.Field) -> str:
    quoted: str = '"' + field.name.replace('"', '""') + '"'
    if pa.types.is_dictionary(field.type) and class_of(field.type) == "string":
        return f"CAST({quoted} AS VARCHAR)"
    if pa.types.is_floating(value_type(field)):
        return f"CASE WHEN isnan({quoted}) THEN NULL ELSE CAST({quoted} AS DOUBLE) END"
    return quoted


def _sql(bound: Bound, parameters: list[Any]) -> str:
    match bound:
        case Constant(None):
            return "CAST(NULL AS BOOLEAN)"
        case Constant(field, value):
            return f"(CASE WHEN {_identifier(field)} IS NULL THEN NULL ELSE {bool(value)} END)"
        case Missing(field):
            return f"({_identifier(field)} IS NULL)"
        case Inverse(inner):
            return f"(NOT {_sql(inner, parameters)})"
        case Join(every, parts):
            return (
                "(" + (" AND " if every else " OR ").join(_sql(p, parameters) for p in parts) + ")"
            )
        case Test(field, "in", values):
            parameters.extend(values)
            return f"({_identifier(field)} IN ({', '.join('?' * len(values))}))"
        case Test(field, op, pa.Field() as other):
            return f"({_identifier(field)} {_SQL[op]} {_identifier(other)})"
        case Test(field, op, value):
            parameters.append(value)
            return f"({_identifier(field)} {_SQL[op]} ?)"


__all__ = ["Predicate", "parse"]
