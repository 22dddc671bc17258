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

Words in capitals mean the same. A quote inside a string or a backtick inside a name is doubled. The
tree and its one spelling are `curation.base.predicate_tree`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from curation.base.errors import InvalidDocument
from curation.base.nodes import exact, shorten
from curation.base.predicate_tree import (
    FLIPPED,
    KEYWORDS,
    OPERATORS,
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
    written,
)

MAX_CHARACTERS: Final = 10_000
MAX_NESTING: Final = 64
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
            text = f"expected a condition, found the constant {shorten(written(left.value))}"
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
