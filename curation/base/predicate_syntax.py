"""The grammar of `where` and `keep`: text to a small tree, with the place of every fault.

    condition  = all { "or" all }
    all        = one { "and" one }
    one        = "not" one | "(" condition ")" | test
    test       = operand ("==" | "=" | "!=" | "<" | "<=" | ">" | ">=") operand
               | column ["not"] "in" "(" value { "," value } ")"       (or in square brackets)
               | column "is" ["not"] "null"
               | column                                                 (a boolean column)
    operand    = column | value
    value      = number | 'text' | "text" | true | false | null
    column     = name { "." name } | `any characters`

Words in capitals mean the same. A quote inside a string or a backtick inside a name is doubled.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from curation.base.errors import InvalidDocument, Problem
from curation.base.yaml import exact, shorten

MAX_CHARACTERS: Final = 10_000
MAX_NESTING: Final = 64
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


_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?(?![\w.]))
    | (?P<word>[^\W\d]\w*(?:\.\w+)*)
    | (?P<string>'(?:[^']|'')*'|"(?:[^"]|"")*")
    | (?P<name>`(?:[^`]|``)+`)
    | (?P<mark>==|!=|<=|>=|<>|&&|\|\||=|<|>|[()\[\],!])
    )""",
    re.VERBOSE,
)
_WRONG = {"<>": "!=", "&&": "and", "||": "or", "!": "not"}
_PLAIN = re.compile(r"[^\W\d]\w*(?:\.\w+)*")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # number, word, keyword, string, name, mark, end
    text: str
    at: int


class _Parser:
    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.tokens = self.split(origin.text)
        self.index = 0
        self.depth = 0

    def fail(self, at: int, message: str) -> InvalidDocument:
        return InvalidDocument([self.origin.problem(at, message)])

    def split(self, text: str) -> list[_Token]:
        if len(text) > MAX_CHARACTERS:
            raise self.fail(0, f"an expression has at most {MAX_CHARACTERS} characters")
        tokens, position = [], 0
        end = len(text.rstrip())
        while position < end:
            match = _TOKEN.match(text, position)
            if match is None:
                at = position + len(text[position:]) - len(text[position:].lstrip())
                raise self.fail(at, _unreadable(text[at:]))
            kind, at = match.lastgroup or "", match.start(match.lastgroup or 0)
            word = match.group(kind)
            if kind == "word" and word.lower() in KEYWORDS:
                kind, word = "keyword", word.lower()
            if word in _WRONG:
                raise self.fail(at, f"unknown operator {word!r}; write {_WRONG[word]!r}")
            if "\0" in word:
                raise self.fail(at, "the character U+0000 is not used")
            tokens.append(_Token(kind, word, at))
            position = match.end()
        return [*tokens, _Token("end", "", end)]

    @property
    def token(self) -> _Token:
        return self.tokens[self.index]

    def accept(self, kind: str, *texts: str) -> bool:
        if self.token.kind == kind and self.token.text in texts:
            self.index += 1
            return True
        return False

    def enter(self) -> None:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise self.fail(self.token.at, f"an expression nests at most {MAX_NESTING} deep")

    def whole(self) -> Tree:
        if self.token.kind == "end":
            raise self.fail(0, "the expression is empty")
        tree = self.condition()
        if self.token.kind != "end":
            raise self.fail(self.token.at, self.expected_operator())
        return tree

    def expected_operator(self) -> str:
        token = self.token
        if token.kind == "word":
            known = "==, !=, <, <=, >, >=, in, not in, is null, and, or"
            return f"unknown operator {shorten(token.text)}; there are: {known}"
        if token.kind == "mark" and token.text in ("=", *OPERATORS):
            return "comparisons do not chain; write a < b and b < c"
        return f"expected 'and', 'or' or the end, found {_shown(token)}"

    def condition(self) -> Tree:
        parts = [self.all()]
        while self.accept("keyword", "or"):
            parts.append(self.all())
        flat = [p for part in parts for p in (part.parts if isinstance(part, Or) else (part,))]
        return flat[0] if len(flat) == 1 else Or(tuple(flat))

    def all(self) -> Tree:
        parts = [self.one()]
        while self.accept("keyword", "and"):
            parts.append(self.one())
        flat = [p for part in parts for p in (part.parts if isinstance(part, And) else (part,))]
        return flat[0] if len(flat) == 1 else And(tuple(flat))

    def one(self) -> Tree:
        self.enter()
        if self.accept("keyword", "not"):
            tree: Tree = Not(self.one())
        elif self.accept("mark", "("):
            tree = self.condition()
            if not self.accept("mark", ")"):
                raise self.fail(self.token.at, f"expected ')', found {_shown(self.token)}")
        else:
            tree = self.test()
        self.depth -= 1
        return tree

    def test(self) -> Tree:
        left = self.operand()
        token = self.token
        if token.kind == "mark" and token.text in ("=", *OPERATORS):
            self.index += 1
            op = "==" if token.text == "=" else token.text
            right = self.operand()
            if isinstance(left, Column):
                return Compare(op, left, right)
            if isinstance(right, Column):
                return Compare(FLIPPED[op], right, left)
            raise self.fail(left.at, "this compares two constants; one side is a column")
        if not isinstance(left, Column):
            text = f"expected a condition, found the constant {shorten(_value(left.value))}"
            raise self.fail(left.at, text)
        if self.accept("keyword", "is"):
            negated = self.accept("keyword", "not")
            if not self.accept("keyword", "null"):
                text = f"after 'is' comes 'null' or 'not null', found {_shown(self.token)}"
                raise self.fail(self.token.at, text)
            return Not(IsNull(left)) if negated else IsNull(left)
        if token.kind == "keyword" and token.text == "not":
            self.index += 1
            if not self.accept("keyword", "in"):
                raise self.fail(
                    self.token.at, f"after 'not' comes 'in', found {_shown(self.token)}"
                )
            return Not(self.membership(left))
        if self.accept("keyword", "in"):
            return self.membership(left)
        return Truth(left)

    def membership(self, column: Column) -> Tree:
        closing = {"(": ")", "[": "]"}.get(self.token.text) if self.token.kind == "mark" else None
        if closing is None:
            text = f"after 'in' comes a list such as ('a', 'b'), found {_shown(self.token)}"
            raise self.fail(self.token.at, text)
        self.index += 1
        values: list[Literal] = []
        while True:
            item = self.operand()
            if isinstance(item, Column):
                text = f"a list holds values, not columns; in quotes {item.name!r} is a string"
                raise self.fail(item.at, text)
            values.append(item)
            if self.accept("mark", closing):
                return In(column, tuple(values))
            if not self.accept("mark", ","):
                text = f"expected ',' or '{closing}', found {_shown(self.token)}"
                raise self.fail(self.token.at, text)

    def operand(self) -> Column | Literal:
        token = self.token
        self.index += 1
        if token.kind == "word":
            return Column(token.text, token.at)
        if token.kind == "name":
            return Column(token.text[1:-1].replace("``", "`"), token.at)
        if token.kind == "string":
            quote = token.text[0]
            return Literal(token.text[1:-1].replace(quote * 2, quote), token.at)
        if token.kind == "number":
            return Literal(self.number(token), token.at)
        if token.kind == "keyword" and token.text in ("true", "false", "null"):
            return Literal({"true": True, "false": False, "null": None}[token.text], token.at)
        self.index -= 1
        raise self.fail(token.at, f"expected a column or a value, found {_shown(token)}")

    def number(self, token: _Token) -> int | float:
        try:
            value = exact(token.text)
        except ValueError as error:
            raise self.fail(token.at, str(error)) from error
        return int(value) if value.denominator == 1 else float(value)


def _unreadable(rest: str) -> str:
    if rest[0] in "'\"":
        return f"the string that starts here has no closing {rest[0]}"
    if rest[0] == "`":
        return "the name that starts here has no closing `"
    if rest[0].isdigit() or rest[0] in "+-.":
        word = re.match(r"[-+\w.]+", rest)
        shown = word.group() if word else rest[0]
        return f"{shorten(shown)} is neither a number nor a name"
    return f"unexpected character {rest[0]!r}"


def _shown(token: _Token) -> str:
    return "the end" if token.kind == "end" else shorten(token.text)


def parse_tree(origin: Origin) -> Tree:
    """Read the expression `origin.text`; InvalidDocument carries the one place where it fails."""
    return _Parser(origin).whole()


def _name(name: str) -> str:
    if _PLAIN.fullmatch(name) and name.lower() not in KEYWORDS:
        return name
    return "`" + name.replace("`", "``") + "`"


def _value(value: Value) -> str:
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
            return f"{_name(left.name)} {op} {_value(value)}"
        case In(column, values):
            inside = ", ".join(_value(literal.value) for literal in values)
            return f"{_name(column.name)} in ({inside})"
        case IsNull(column):
            return f"{_name(column.name)} is null"
        case Truth(column):
            return _name(column.name)
        case Not(In(column, values)):
            inside = ", ".join(_value(literal.value) for literal in values)
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
