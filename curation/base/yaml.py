"""YAML as documents of awase use it: a bounded tree of nodes that know where they stand.

    load(text, file=...) -> Document(root, problems)       never more than the bounds below

YAML is read as 1.2 (core schema): `4e-1` is a number, `no` a string, `0.7` stays the text "0.7"
until somebody asks for the Fraction 7/10. Anchors, aliases, tags, merge keys, directives, duplicate
keys and further documents are problems. The tree is built from ruamel's parser events with an
explicit stack, so that nesting is refused before anything recurses, and reading ends at the first
event past a bound: no document takes a second (ruamel reads about 30,000 nodes in one).

The nodes are `curation.base.nodes`; reading the fields of a mapping, with problems for unknown keys
and wrong types, `curation.base.fields`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.base.errors import NotFound, Problem, UsageError
from curation.base.nodes import (
    MAX_PROBLEMS,
    TRUE,
    Document,
    Entry,
    Kind,
    List,
    Mapping,
    Node,
    Problems,
    Scalar,
    exact,
    shorten,
)

MAX_BYTES = 1 << 19
MAX_DEPTH = 32
MAX_NODES = 15_000  # a mixture of 1,500 sources with four keys each; with two keys, 2,000

_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_FALSE = frozenset(("false", "False", "FALSE"))
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
    re.ASCII,
)


def load(text: str | bytes, *, file: str = "<document>") -> Document:
    """Parse one YAML document into nodes; what is wrong with its syntax is in `.problems`."""
    problems = Problems(file)
    decoded = _decode(text, problems)
    if decoded is None:
        return Document(file, "", Mapping(1, 1), problems, broken=True)
    builder = _Builder(decoded, problems)
    whole = builder.build()
    root = builder.root or Mapping(1, 1)
    return Document(file, decoded, root, problems, broken=not whole)


def read(path: str | Path, *, file: str | None = None) -> Document:
    """`load` a file; NotFound where it is missing, UsageError where it cannot be read."""
    name = str(path) if file is None else file
    try:
        with Path(path).open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {name}") from error
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}") from error
    return load(data, file=name)


def _decode(text: str | bytes, problems: Problems) -> str | None:
    if isinstance(text, str):
        # a character has at least a byte: a longer text need not be encoded to be refused
        text = text if len(text) > MAX_BYTES else text.encode(errors="surrogatepass")
    if len(text) > MAX_BYTES:
        problems.add(1, 1, "", f"a document has at most {MAX_BYTES} bytes; this one has more")
        return None
    assert isinstance(text, bytes)
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = text[: error.start].decode("utf-8-sig")
        line, column = _place(before, len(before))
        problems.add(line, column, "", f"byte 0x{text[error.start]:02x} is not UTF-8")
        return None


def _place(text: str, index: int) -> tuple[int, int]:
    before = text[:index].replace("\r\n", "\n").replace("\r", "\n")
    return before.count("\n") + 1, len(before) - before.rfind("\n")


@dataclass(slots=True)
class _Open:
    """A collection whose end has not come; for mappings the key that waits for its value."""

    node: Mapping | List
    path: str
    key: Scalar | None = None
    skip: bool = False  # the waiting key is a duplicate or no scalar: its value is dropped


class _Builder:
    """Events to nodes, with an explicit stack."""

    def __init__(self, text: str, problems: Problems) -> None:
        self.text = text
        self.problems = problems
        self.file = problems.file
        self.stack: list[_Open] = []
        self.root: Node | None = None
        self.nodes = 0
        self.documents = 0

    def build(self) -> bool:
        """Fill `root`; False where the document is broken and reading ended early."""
        from ruamel.yaml import YAML
        from ruamel.yaml.error import MarkedYAMLError
        from ruamel.yaml.reader import ReaderError

        event: Any = None
        try:
            for event in YAML(typ="safe", pure=True).parse(self.text):
                if not self.take(event):
                    return False
        except MarkedYAMLError as error:
            self.report_syntax(error)
            return False
        except ReaderError as error:
            line, column = _place(self.text, error.position)
            text = f"the character U+{error.character:04X} may not stand in YAML"
            self.problems.add(line, column, "", text)
            return False
        except (OverflowError, ValueError):
            # chr() of an escape such as "\UFFFFFFFF"; the scanner has no mark for it
            self.report(event and event.end_mark, "not YAML: an escape after here is no character")
            return False
        if self.root is None:
            self.problems.add(1, 1, "", "the document is empty")
        return self.root is not None

    def report_syntax(self, error: Any) -> None:
        what = error.problem or error.context or "not YAML"
        if error.context_mark and ("end of stream" in what or "stream end" in what):
            self.report(error.context_mark, "not YAML: what starts here has no end")
            return
        mark = error.problem_mark or error.context_mark
        self.report(mark, f"not YAML: {what}".replace("'\\x00'", "the end of the file"))

    def report(self, mark: Any, message: str) -> None:
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        self.problems.add(line, column, self.path(), message)

    def settle(self, mark: Any) -> None:
        self.problems.settled.add((self.file, mark.line + 1, mark.column + 1))

    def path(self) -> str:
        """The dotted place the next node goes to."""
        if not self.stack:
            return ""
        frame = self.stack[-1]
        return frame.path if frame.key is None else _join(frame.path, frame.key.text)

    def take(self, event: Any) -> bool:
        """Add one event to the tree; False ends the reading."""
        kind = type(event).__name__
        if kind == "DocumentStartEvent":
            return self.start_document(event)
        if kind in ("MappingEndEvent", "SequenceEndEvent"):
            self.stack.pop()
            return True
        if kind not in ("ScalarEvent", "AliasEvent", "MappingStartEvent", "SequenceStartEvent"):
            return True
        self.nodes += 1
        if self.nodes > MAX_NODES:
            self.report(event.start_mark, f"a document has at most {MAX_NODES} nodes")
            return False
        if len(self.problems.found) >= MAX_PROBLEMS:
            line, column = event.start_mark.line + 1, event.start_mark.column + 1
            text = f"more than {MAX_PROBLEMS} problems: reading stopped here"
            self.problems.found.append(Problem(line, column, "", text, self.file))
            return False
        self.refuse_extras(event, kind)
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        if kind == "ScalarEvent":
            self.place(self.scalar(event, line, column))
        elif kind == "AliasEvent":
            self.place(Scalar(line, column, "", "null", "", self.file))
        else:
            if len(self.stack) >= MAX_DEPTH:
                self.report(event.start_mark, f"nesting goes at most {MAX_DEPTH} deep")
                return False
            node: Mapping | List = (
                Mapping(line, column, file=self.file)
                if kind == "MappingStartEvent"
                else List(line, column, file=self.file)
            )
            frame = _Open(node, self.path())
            self.place(node)
            self.stack.append(frame)
        return True

    def start_document(self, event: Any) -> bool:
        self.documents += 1
        if self.documents > 1:
            self.report(event.start_mark, "a file holds one document; a second one starts here")
            return False
        head = self.text[: event.end_mark.index].split("\n")
        for number, line in enumerate(head, start=1):
            if line.startswith("%"):
                self.problems.add(number, 1, "", "directives (%) are not used; leave the line out")
        return True

    def refuse_extras(self, event: Any, kind: str) -> None:
        if kind == "AliasEvent":
            text = f"aliases (*{event.anchor}) are not used; write the value out"
            self.report(event.start_mark, text)
            self.settle(event.start_mark)
        elif event.anchor is not None:
            text = f"anchors (&{event.anchor}) are not used; write the value out where needed"
            self.report(event.start_mark, text)
        if getattr(event, "ctag", None) is not None:
            tag = str(event.ctag).replace("tag:yaml.org,2002:", "!!")
            text = f"tags ({tag}) are not used; leave the tag out"
            self.report(event.start_mark, text)

    def scalar(self, event: Any, line: int, column: int) -> Scalar:
        raw = self.text[event.start_mark.index : event.end_mark.index]
        text: str = event.value
        if not text.isprintable() and any("\ud800" <= c <= "\udfff" or c == "\0" for c in text):
            self.report(event.start_mark, "an escape here stands for no character")
            self.settle(event.start_mark)
            text = ""
        kind = _kind(text) if event.style is None else "string"
        return Scalar(line, column, text, kind, raw, self.file)

    def place(self, node: Node) -> None:
        if not self.stack:
            self.root = node
            return
        frame = self.stack[-1]
        if isinstance(frame.node, List):
            frame.node.items.append(node)
        elif frame.key is None:
            self.start_entry(frame, node)
        else:
            if not frame.skip:
                key = frame.key
                entry = Entry(key.text, key.line, key.column, node, self.file)
                frame.node.entries[key.text] = entry
            frame.key, frame.skip = None, False

    def start_entry(self, frame: _Open, node: Node) -> None:
        if not isinstance(node, Scalar):
            self.problems.add(
                node.line, node.column, self.path(), "a key is one word, not " + node.describe()
            )
            frame.key, frame.skip = Scalar(node.line, node.column, "?", "string", ""), True
            return
        assert isinstance(frame.node, Mapping)
        first = frame.node.entries.get(node.text)
        where = _join(frame.path, node.text)
        if first is not None:
            text = f"duplicate key; the first is at line {first.line}, column {first.column}"
            self.problems.add(node.line, node.column, where, text)
            frame.skip = True
        elif node.text == "<<":
            self.problems.add(node.line, node.column, where, "merge keys (<<) are not used")
            frame.skip = True
        frame.key = node


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _kind(text: str) -> Kind:
    if text in _NULL:
        return "null"
    if text in TRUE or text in _FALSE:
        return "boolean"
    if _INTEGER.fullmatch(text):
        return "integer"
    return "float" if _FLOAT.fullmatch(text) else "string"


__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_NODES",
    "Document",
    "Entry",
    "Kind",
    "List",
    "Mapping",
    "Node",
    "Problems",
    "Scalar",
    "exact",
    "load",
    "read",
    "shorten",
]
