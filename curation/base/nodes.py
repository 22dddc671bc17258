"""The tree of a document: nodes that know where they stand, and the problems found in it.

    Node = Scalar | Mapping | List        line and column from 1, in characters

A scalar keeps the text that was written, until somebody asks for its exact number. Reading YAML
into nodes is `curation.base.yaml`, reading their fields `curation.base.fields`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, TypeAlias

from curation.base.errors import InvalidDocument, Problem

MAX_PROBLEMS = 200  # past these a file has one mistake many times
MAX_SEARCHES = 20  # of a list longer than SHORT_LIST, a document
SHORT_LIST = 100
MAX_NUMBER_CHARACTERS = 60
MAX_EXPONENT = 30

Kind: TypeAlias = Literal["null", "boolean", "integer", "float", "string"]
TRUE = frozenset(("true", "True", "TRUE"))


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value. `text` is what the author wrote, unescaped; `raw` the characters in the file."""

    line: int
    column: int
    text: str
    kind: Kind
    raw: str
    file: str = ""

    def describe(self) -> str:
        if self.kind == "string":
            return f"the string {shorten(self.text)}"
        if self.kind == "null":
            return "nothing (null)"
        return f"the number {self.text}" if self.kind != "boolean" else self.text

    def fraction(self) -> Fraction:
        """The exact number that was written; ValueError says why there is none."""
        if self.kind not in ("integer", "float"):
            raise ValueError(f"expected a number, found {self.describe()}")
        return exact(self.text)

    def plain(self) -> str | int | Fraction | bool | None:
        if self.kind == "null":
            return None
        if self.kind == "boolean":
            return self.text in TRUE
        if self.kind == "string":
            return self.text
        number = self.fraction()
        return int(number) if self.kind == "integer" else number

    def offset(self, index: int) -> tuple[int, int]:
        """Line and column of character `index` of `text`; the scalar's own place if unknown.

        Exact for plain and quoted scalars on one line without escapes (and '' in single quotes).
        """
        if self.raw == self.text:
            return self.line, self.column + index
        if "\n" not in self.raw and self.raw[1:-1] == self.text:
            return self.line, self.column + 1 + index
        if "\n" not in self.raw and self.raw[1:-1].replace("''", "'") == self.text:
            return self.line, self.column + 1 + index + self.text[:index].count("'")
        return self.line, self.column


@dataclass(frozen=True, slots=True)
class Entry:
    """`key: value` of a mapping; line and column are the key's."""

    key: str
    line: int
    column: int
    value: Node
    file: str = ""


@dataclass(frozen=True, slots=True)
class Mapping:
    line: int
    column: int
    entries: dict[str, Entry] = field(default_factory=dict)
    file: str = ""

    def describe(self) -> str:
        return "a mapping"

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries.values())


@dataclass(frozen=True, slots=True)
class List:
    line: int
    column: int
    items: list[Node] = field(default_factory=list)
    file: str = ""

    def describe(self) -> str:
        return "a list"


Node: TypeAlias = Scalar | Mapping | List


class Problems:
    """Collects the problems of one file; `finish` raises InvalidDocument when there are any."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.found: list[Problem] = []
        self.more = 0
        self.settled: set[tuple[str, int, int]] = set()  # places whose one problem says all
        self.searches = 0  # through long lists, for the name that was meant

    def add(self, line: int, column: int, key: str, message: str) -> None:
        self.keep(Problem(line, column, key, message, self.file))

    def at(self, node: Node | Entry, key: str, message: str) -> None:
        """A problem at a node, in the node's own file (a document may extend another)."""
        self.keep(Problem(node.line, node.column, key, message, node.file or self.file))

    def keep(self, problem: Problem) -> None:
        if (problem.file, problem.line, problem.column) in self.settled:
            return
        if len(self.found) < MAX_PROBLEMS:
            self.found.append(problem)
        else:
            self.more += 1

    def extend(self, problems: Iterable[Problem]) -> None:
        for problem in problems:
            self.keep(problem)

    def may_search(self, options: int) -> bool:
        """Whether to look for the nearest of so many names; many wrong names get none."""
        if options <= SHORT_LIST:
            return len(self.found) < MAX_PROBLEMS
        self.searches += 1
        return self.searches <= MAX_SEARCHES

    def finish(self) -> None:
        if self.more:
            last = max(self.found)
            text = f"{self.more} more problems are not shown; solve those above first"
            self.found.append(Problem(last.line, last.column, "", text, last.file))
            self.more = 0
        if self.found:
            raise InvalidDocument(self.found)


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file and its text, "" where it is none.

    Of a `broken` one only what stands before the fault is in `root`.
    """

    file: str
    text: str
    root: Node
    problems: Problems
    broken: bool = False


def exact(text: str) -> Fraction:
    """The number `text` denotes, never through a float; ValueError where it is out of bounds."""
    if len(text) > MAX_NUMBER_CHARACTERS:
        raise ValueError(f"a number has at most {MAX_NUMBER_CHARACTERS} characters")
    if text[:2] in ("0x", "0o"):
        return Fraction(int(text, 0))
    if "n" in text.lower():
        raise ValueError(f"expected a finite number, found {text}")
    _, _, exponent = text.lower().partition("e")
    if exponent and abs(int(exponent)) > MAX_EXPONENT:
        raise ValueError(f"exponents go from -{MAX_EXPONENT} to {MAX_EXPONENT}, found {text}")
    return Fraction(text)


def shorten(text: str, limit: int = 60) -> str:
    """`text` in quotes on one line, cut to `limit` characters."""
    return repr(text) if len(text) <= limit else repr(text[:limit]) + "..."
