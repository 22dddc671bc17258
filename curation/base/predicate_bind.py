"""A predicate bound to a schema: every name a field, every value in its column's own type.

Binding is where exactness is decided, once for both engines: `tokens >= 2.5` on an integer column
becomes `tokens >= 3`, a constant outside the column's range becomes true or false where the column
is not null.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import pyarrow as pa

from curation.base.errors import InvalidDocument, Problem
from curation.base.fields import nearest
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
    Value,
)


@dataclass(frozen=True, slots=True)
class Test:
    """`column op value`, or a set of values for `in`."""

    field: pa.Field
    op: str
    value: Any  # a scalar, a tuple for `in`, or a pa.Field


@dataclass(frozen=True, slots=True)
class Constant:
    """`value` where the column is not null, else null; null everywhere without a column."""

    field: pa.Field | None
    value: bool | None


@dataclass(frozen=True, slots=True)
class Missing:
    field: pa.Field


@dataclass(frozen=True, slots=True)
class Inverse:
    inner: Bound


@dataclass(frozen=True, slots=True)
class Join:
    every: bool  # and, else or
    parts: tuple[Bound, ...]


Bound: TypeAlias = Test | Constant | Missing | Inverse | Join


def value_type(field: pa.Field) -> pa.DataType:
    """The type of the column's values, dictionary-encoded or not."""
    return field.type.value_type if pa.types.is_dictionary(field.type) else field.type


def class_of(kind: pa.DataType) -> str | None:
    """What a column can be compared with: number, string, boolean, null; None for nothing."""
    if pa.types.is_dictionary(kind):
        return class_of(kind.value_type)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return "number"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return "string"
    if pa.types.is_boolean(kind):
        return "boolean"
    return "null" if pa.types.is_null(kind) else None


def _class_of_value(value: Value) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "string" if isinstance(value, str) else "null" if value is None else "number"


class _Binder:
    def __init__(self, origin: Origin, schema: pa.Schema) -> None:
        self.origin = origin
        self.schema = schema
        self.problems: list[Problem] = []

    def fault(self, at: int, message: str) -> Bound:
        self.problems.append(self.origin.problem(at, message))
        return Constant(None, None)

    def field(self, column: Column) -> tuple[pa.Field, str] | None:
        places = self.schema.get_all_field_indices(column.name)
        if len(places) != 1:
            text = f"unknown column {column.name!r}{nearest(column.name, self.schema.names)}"
            text += " (a string stands in quotes)"
            self.fault(column.at, text if not places else f"two columns are named {column.name!r}")
            return None
        field = self.schema.field(places[0])
        kind = class_of(field.type)
        if kind is None:
            text = f"column {column.name!r} has type {field.type}; numbers, strings and booleans "
            self.fault(column.at, text + "can be compared")
            return None
        return field, kind

    def bind(self, tree: Tree) -> Bound:
        match tree:
            case Compare(op, left, right):
                return self.compare(op, left, right)
            case In(column, values):
                return self.membership(column, values)
            case IsNull(column):
                found = self.field(column)
                return Missing(found[0]) if found else Constant(None, None)
            case Truth(column):
                found = self.field(column)
                if found is None or found[1] == "null":
                    return Constant(None, None)
                if found[1] != "boolean":
                    text = f"column {column.name!r} is a {found[1]}, not a condition; compare it "
                    return self.fault(column.at, text + "with something")
                return Test(found[0], "==", True)
            case Not(inner):
                return Inverse(self.bind(inner))
            case And(parts):
                return Join(True, tuple(self.bind(part) for part in parts))
            case Or(parts):
                return Join(False, tuple(self.bind(part) for part in parts))

    def compare(self, op: str, left: Column, right: Column | Literal) -> Bound:
        found = self.field(left)
        if isinstance(right, Column):
            other = self.field(right)
            if found is None or other is None:
                return Constant(None, None)
            return self.compare_columns(op, right.at, found, other)
        if found is None:
            return Constant(None, None)
        field, kind = found
        if right.value is None or kind == "null":
            return Constant(None, None)
        self.fits(field, kind, right)
        if kind == "boolean" and op not in ("==", "!="):
            return self.fault(left.at, f"column {field.name!r} is true or false: use == or !=")
        if self.problems:
            return Constant(None, None)
        return _number_test(field, op, right.value)

    def compare_columns(
        self, op: str, at: int, left: tuple[pa.Field, str], right: tuple[pa.Field, str]
    ) -> Bound:
        (one, kind), (two, other) = left, right
        if "null" in (kind, other):
            return Constant(None, None)
        mixed = {one.type, two.type} & {pa.uint64()} and one.type != two.type
        if kind != other or mixed or (kind == "boolean" and op not in ("==", "!=")):
            text = f"{one.name!r} ({one.type}) and {two.name!r} ({two.type}) do not compare by {op}"
            return self.fault(at, text)
        return Test(one, op, two)

    def fits(self, field: pa.Field, kind: str, literal: Literal) -> None:
        have = _class_of_value(literal.value)
        if have not in (kind, "null"):
            text = f"column {field.name!r} is a {kind} ({field.type}), {literal.value!r} a {have}"
            self.fault(literal.at, text)

    def membership(self, column: Column, literals: tuple[Literal, ...]) -> Bound:
        found = self.field(column)
        if found is None:
            return Constant(None, None)
        field, kind = found
        if kind == "null":
            return Constant(None, None)
        for literal in literals:
            self.fits(field, kind, literal)
        if self.problems:
            return Constant(None, None)
        parts = [
            _number_test(field, "==", literal.value)
            for literal in literals
            if literal.value is not None
        ]
        values = tuple(part.value for part in parts if isinstance(part, Test))
        member: Bound = Test(field, "in", values) if values else Constant(field, False)
        if any(literal.value is None for literal in literals):
            return Join(False, (member, Constant(None, None)))
        return member


def _number_test(field: pa.Field, op: str, value: Any) -> Bound:
    """`field op value` with the value in the column's type; exact for integers."""
    kind = value_type(field)
    if pa.types.is_floating(kind):
        return Test(field, op, float(value))
    if not pa.types.is_integer(kind):
        return Test(field, op, value)
    if isinstance(value, float) and not value.is_integer():
        if op in ("==", "!="):
            return Constant(field, op == "!=")
        value, op = (math.floor(value), "<=") if op[0] == "<" else (math.ceil(value), ">=")
    value = int(value)
    bits, signed = kind.bit_width, pa.types.is_signed_integer(kind)
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    if low <= value <= high:
        return Test(field, op, value)
    below = value > high  # every value of the column lies below the constant
    return Constant(field, op == "!=" or ((op[0] == "<") == below and op != "=="))


def bind(tree: Tree, origin: Origin, schema: pa.Schema) -> Bound:
    """Resolve `tree` against `schema`; InvalidDocument lists every unknown column and clash."""
    binder = _Binder(origin, schema)
    bound = binder.bind(tree)
    if binder.problems:
        raise InvalidDocument(binder.problems)
    return bound
