"""`extends`: one mixture starts from another and says what differs.

A key of the extending document replaces the same key of its base as a whole, except `sources`,
which merge by name: a source or group named again keeps the keys it does not name, `weight` and
`repeat` replace each other, as do `dataset` and `sources`, and `name: null` leaves a source out.
`name` is never inherited.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from curation.base.errors import AwaseError, NotFound, UsageError
from curation.base.names import parse_reference
from curation.base.yaml import MAX_BYTES, Document, Entry, Mapping, Node, Problems, Scalar, load
from mixtures.spec import Resolver

MAX_EXTENDS: Final = 8
_RIVALS: Final = {
    "weight": "repeat",
    "repeat": "weight",
    "dataset": "sources",
    "sources": "dataset",
}


def extend(document: Document, resolver: Resolver | None) -> Node:
    """The root of `document` merged over all it extends; problems go to `document.problems`."""
    return _extend(document.root, document.file, document.problems, resolver, (document.file,))


def _extend(
    root: Node, file: str, problems: Problems, resolver: Resolver | None, seen: tuple[str, ...]
) -> Node:
    entry = root.entries.get("extends") if isinstance(root, Mapping) else None
    if entry is None or not isinstance(root, Mapping):
        return root
    base = _base(entry, file, problems, resolver, seen)
    return merge(root, base) if base is not None else root


def _base(
    entry: Entry, file: str, problems: Problems, resolver: Resolver | None, seen: tuple[str, ...]
) -> Mapping | None:
    """The mapping that `extends` names, itself extended; None after a problem."""
    node = entry.value
    if not isinstance(node, Scalar) or node.kind != "string":
        text = f"expected a file or a mixture's reference, found {node.describe()}"
        problems.at(node, "extends", text)
        return None
    if resolver is None:
        problems.at(node, "extends", "a document on its own cannot extend another; give a file")
        return None
    if len(seen) > MAX_EXTENDS:
        problems.at(node, "extends", f"documents extend each other at most {MAX_EXTENDS} deep")
        return None
    try:
        content, name = resolver(node.text, file)
    except AwaseError as error:
        problems.at(node, "extends", str(error))
        return None
    if name in seen:
        problems.at(node, "extends", f"{name} extends itself: {' -> '.join((*seen, name))}")
        return None
    base = load(content, file=name)
    problems.extend(base.problems.found)
    if base.broken or not isinstance(base.root, Mapping):
        if not base.broken:
            problems.at(node, "extends", f"{name} is no mixture: {base.root.describe()}")
        return None
    version = base.root.entries.get("version")
    if version is None or not isinstance(version.value, Scalar) or version.value.text != "1":
        problems.at(node, "extends", f"{name} does not say `version: 1`")
        return None
    root = _extend(base.root, name, problems, resolver, (*seen, name))
    assert isinstance(root, Mapping)
    return root


def merge(top: Mapping, base: Mapping) -> Mapping:
    """`top` over `base`, as the module says."""
    entries = {key: entry for key, entry in base.entries.items() if key not in ("name", "extends")}
    for key, entry in top.entries.items():
        if key == "sources" and key in entries:
            value = _merge_sources(entry.value, entries[key].value)
            entries[key] = Entry(key, entry.line, entry.column, value, entry.file)
        else:
            entries[key] = entry
    return Mapping(top.line, top.column, entries, top.file)


def _merge_sources(top: Node, base: Node) -> Node:
    if not isinstance(top, Mapping) or not isinstance(base, Mapping):
        return top
    entries = dict(base.entries)
    for key, entry in top.entries.items():
        value = entry.value
        old = entries.get(key)
        if old is None:
            entries[key] = entry
        elif isinstance(value, Scalar) and value.kind == "null":
            del entries[key]
        elif isinstance(value, Mapping) and isinstance(old.value, Mapping):
            merged = _merge_source(value, old.value)
            entries[key] = Entry(key, entry.line, entry.column, merged, entry.file)
        else:
            entries[key] = entry
    return Mapping(top.line, top.column, entries, top.file)


def _merge_source(top: Mapping, base: Mapping) -> Mapping:
    entries = dict(base.entries)
    for key, entry in top.entries.items():
        if key in _RIVALS and key not in base.entries:
            entries.pop(_RIVALS[key], None)
        if key == "sources" and key in entries:
            value = _merge_sources(entry.value, entries[key].value)
            entries[key] = Entry(key, entry.line, entry.column, value, entry.file)
        else:
            entries[key] = entry
    return Mapping(top.line, top.column, entries, top.file)


def read_document(path: str | Path) -> bytes:
    """The bytes of a mixture file, one more than allowed at most; NotFound or UsageError."""
    try:
        with Path(path).open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {path}") from error
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error


def file_resolver(reference: str, file: str) -> tuple[bytes, str]:
    """Resolve `extends` to a file beside the one that names it; anything with / or .yaml is a file.

    UsageError where it is a mixture's reference (which needs a catalog) or cannot be read.
    """
    if not is_file(reference):
        parse_reference(reference, what="mixture")
        raise UsageError(f"{reference!r} is a mixture of the catalog; a file ends in .yaml or .yml")
    path = Path(file).parent / reference
    return read_document(path), str(path)


def is_file(reference: str) -> bool:
    """Whether `extends` or a command line argument names a file rather than a mixture."""
    return "/" in reference or reference.endswith((".yaml", ".yml"))
