"""Fields of a YAML mapping, read one by one; every fault becomes a positioned problem.

    fields = Fields(document.root, document.problems, known=("version", "name", "seed"))
    seed = fields.integer("seed", default=0, minimum=0)
    document.problems.finish()                    # raises InvalidDocument with all of them

A getter that finds a fault reports it and returns its default, so that one pass finds all faults.
Nothing is skipped: a key outside `known` is a problem that names the nearest right one.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Sequence
from fractions import Fraction

from curation.base.nodes import Entry, List, Mapping, Node, Problems, Scalar, shorten

MAX_COMPARED = 1000


def closest(word: str, options: Iterable[str]) -> str | None:
    """The option that `word` was probably meant to be, or None."""
    if len(word) > 100:
        return None
    known = list(options)
    if len(known) > MAX_COMPARED:  # typos hardly change the length
        known = [name for name in known if abs(len(name) - len(word)) <= 2][:MAX_COMPARED]
    longer = [name for name in known if len(word) > 2 and name.startswith(word)]
    if longer:
        return min(longer, key=len)
    folded = {name.lower().replace("-", "_"): name for name in known}
    same = folded.get(word.lower().replace("-", "_"))
    close = [same] if same else difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return close[0] if close else None


def nearest(word: str, options: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or the list of what there is; empty where there is nothing."""
    known = list(options)
    close = closest(word, known)
    if close is not None:
        return f"; did you mean {close!r}?"
    if not known:
        return ""
    return f"; there are: {', '.join(known[:20])}" + (", ..." if len(known) > 20 else "")


class Fields:
    """One mapping of a document. `path` is its dotted place, which problems name."""

    def __init__(
        self,
        node: Node,
        problems: Problems,
        path: str = "",
        *,
        known: Sequence[str] | None,
        required: Sequence[str] = (),
    ) -> None:
        """Report unknown and missing keys of `node`; `known=None` takes any key."""
        self.node = node
        self.problems = problems
        self.path = path
        self.entries: dict[str, Entry] = {}
        self.meant: set[str] = set()  # known keys that unknown ones are probably typos of
        if not isinstance(node, Mapping):
            self.fault(node, path, f"expected a mapping, found {node.describe()}")
            return
        self.entries = node.entries
        for entry in node:
            if known is not None and entry.key not in known:
                text = "unknown key" + self.meant_by(entry.key, known)
                self.problems.at(entry, self.key_path(entry.key), text)
                self.meant.add(closest(entry.key, known) or "")
        for key in required:
            if not self.says(key):
                self.fault(node, path, f"the key {key!r} is missing")

    def meant_by(self, word: str, options: Collection[str]) -> str:
        """`nearest`, as long as the document's problems are few enough to be read."""
        return nearest(word, options) if self.problems.may_search(len(options)) else ""

    def __contains__(self, key: str) -> bool:
        return key in self.entries

    def says(self, key: str) -> bool:
        """Whether `key` is there, or a typo of it that is reported already."""
        return key in self.entries or key in self.meant

    def key_path(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def fault(self, node: Node, path: str, message: str) -> None:
        self.problems.at(node, path, message)

    def report(self, key: str, message: str) -> None:
        """A problem at the value of `key`, or at the mapping where the key is absent."""
        entry = self.entries.get(key)
        node = self.node if entry is None else entry.value
        self.problems.at(node, self.key_path(key), message)

    def report_key(self, key: str, message: str) -> None:
        """A problem at the key itself."""
        self.problems.at(self.entries[key], self.key_path(key), message)

    def value(self, key: str) -> Node | None:
        entry = self.entries.get(key)
        return None if entry is None else entry.value

    def scalar(self, key: str, *, what: str) -> Scalar | None:
        node = self.value(key)
        if node is None or isinstance(node, Scalar):
            return node
        self.report(key, f"expected {what}, found {node.describe()}")
        return None

    def text(self, key: str, default: str | None = None, *, maximum: int = 10_000) -> str | None:
        """A string. A number or true is refused: in quotes it would be one."""
        node = self.scalar(key, what="a string")
        if node is None:
            return default
        if node.kind != "string":
            self.report(key, f"expected a string, found {node.describe()}")
            return default
        if len(node.text) > maximum:
            self.report(key, f"a string of at most {maximum} characters, found {len(node.text)}")
            return default
        return node.text

    def choice(self, key: str, options: Sequence[str], default: str) -> str:
        expected = ("one of " if len(options) > 1 else "") + ", ".join(options)
        node = self.scalar(key, what=expected)
        if node is None:
            return default
        if node.text not in options or node.kind != "string":
            text = f"expected {expected}, found {node.describe()}"
            close = closest(node.text, options)
            self.report(key, text + (f"; did you mean {close!r}?" if close else ""))
            return default
        return node.text

    def flag(self, key: str, default: bool) -> bool:
        node = self.scalar(key, what="true or false")
        if node is None:
            return default
        if node.kind != "boolean":
            self.report(key, f"expected true or false, found {node.describe()}")
            return default
        return node.plain() is True

    def number(self, key: str) -> Fraction | None:
        """The exact number as written; None where it is absent or none."""
        node = self.scalar(key, what="a number")
        if node is None:
            return None
        try:
            return node.fraction()
        except ValueError as error:
            self.report(key, str(error))
            return None

    def integer(
        self, key: str, default: int | None = None, *, minimum: int, maximum: int
    ) -> int | None:
        node = self.scalar(key, what="a whole number")
        if node is None:
            return default
        try:
            number = node.fraction()
        except ValueError as error:
            self.report(key, str(error).replace("a number,", "a whole number,"))
            return default
        if number.denominator != 1 or not minimum <= number <= maximum:
            text = f"expected a whole number from {minimum} to {maximum}, found {node.text}"
            self.report(key, text)
            return default
        return int(number)

    def share(self, key: str, default: float) -> float:
        """A number from 0 to 1."""
        number = self.number(key)
        if number is None:
            return default
        if not 0 <= number <= 1:
            self.report(key, f"expected a number from 0 to 1, found {float(number):g}")
        return float(number)

    def items(self, key: str, *, maximum: int = 10_000) -> list[Node]:
        node = self.value(key)
        if node is None:
            return []
        if not isinstance(node, List):
            self.report(key, f"expected a list, found {node.describe()}")
            return []
        if len(node.items) > maximum:
            self.report(key, f"a list of at most {maximum} entries, found {len(node.items)}")
            return []
        return node.items

    def texts(self, key: str, *, maximum: int = 10_000) -> list[Scalar]:
        """A list of strings, each with its place."""
        found = []
        for node in self.items(key, maximum=maximum):
            if isinstance(node, Scalar) and node.kind == "string":
                found.append(node)
            else:
                self.fault(node, self.key_path(key), f"expected a string, found {node.describe()}")
        return found

    def inner(
        self, key: str, *, known: Sequence[str] | None, required: Sequence[str] = ()
    ) -> Fields | None:
        """The mapping under `key`, or None where the key is absent."""
        node = self.value(key)
        if node is None:
            return None
        return Fields(node, self.problems, self.key_path(key), known=known, required=required)


__all__ = ["Fields", "nearest", "shorten"]
