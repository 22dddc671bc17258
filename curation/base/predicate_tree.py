"""What a `where` or `keep` means as a tree, the place of each part, and its one spelling."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from curation.base.errors import Problem

OPERATORS: Final = ("==", "!=", "<", "<=", ">", ">=")
FLIPPED: Final = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
KEYWORDS: Final = frozenset(("and", "or", "not", "in", "is", "null", "true", "false"))

Value: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Literal:
    value: Value
    at: int


@dataclass(frozen=True, slots=True)
class Compare:
    """`left op right`; the left side is a column, the right one a column or a value."""

    op: str
    left: Column
    right: Column | Literal


@dataclass(frozen=True, slots=True)
class In:
    column: Column
    values: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class IsNull:
    column: Column


@dataclass(frozen=True, slots=True)
class Truth:
    """A boolean column that stands alone."""

    column: Column


@dataclass(frozen=True, slots=True)
class Not:
    inner: Tree


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Tree, ...]


Tree: TypeAlias = Compare | In | IsNull | Truth | Not | And | Or
Place: TypeAlias = Callable[[int], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an expression stands in a file, so that a fault inside it has line and column."""

    text: str
    file: str
    key: str
    place: Place | None = None

    def problem(self, at: int, message: str) -> Problem:
        if self.place is not None:
            line, column = self.place(at)
        else:
            before = self.text[:at]
            line, column = before.count("\n") + 1, at - before.rfind("\n")
        return Problem(line, column, self.key, message, self.file)


_PLAIN = re.compile(r"[^\W\d]\w*(?:\.\w+)*")


def _name(name: str) -> str:
    if _PLAIN.fullmatch(name) and name.lower() not in KEYWORDS:
        return name
    return "`" + name.replace("`", "``") + "`"


def written(value: Value) -> str:
    """A constant as it is spelled in an expression."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)


def render(tree: Tree) -> str:
    """The one spelling of `tree`: `==`, lower-case words, single quotes, no needless brackets."""
    match tree:
        case Compare(op, left, Column(name)):
            return f"{_name(left.name)} {op} {_name(name)}"
        case Compare(op, left, Literal(value)):
            return f"{_name(left.name)} {op} {written(value)}"
        case In(column, values):
            inside = ", ".join(written(literal.value) for literal in values)
            return f"{_name(column.name)} in ({inside})"
        case IsNull(column):
            return f"{_name(column.name)} is null"
        case Truth(column):
            return _name(column.name)
        case Not(In(column, values)):
            inside = ", ".join(written(literal.value) for literal in values)
            return f"{_name(column.name)} not in ({inside})"
        case Not(IsNull(column)):
            return f"{_name(column.name)} is not null"
        case Not(inner):
            return (
                f"not ({render(inner)})" if isinstance(inner, And | Or) else f"not {render(inner)}"
            )
        case And(parts):
            return " and ".join(
                f"({render(part)})" if isinstance(part, Or) else render(part) for part in parts
            )
        case Or(parts):
            return " or ".join(render(part) for part in parts)
    raise AssertionError(tree)
