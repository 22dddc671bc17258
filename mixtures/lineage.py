"""What a plan was made from, down to files and recipe; what a dataset went into, up to plans.

Everything comes from manifests, refs and plans, which never change, so a lineage printed today is
the one printed in a year, apart from what was made since.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from curation.base.errors import NotFound
from curation.base.names import parse_reference
from curation.shards.manifest import DatasetManifest
from mixtures.catalog import Catalog

MAX_DEPTH = 32  # parents of parents; a longer chain ends in a line that says so


@dataclass(frozen=True, slots=True)
class Node:
    """One thing of a lineage: what it is, its name, facts about it, and what hangs below it."""

    kind: str
    name: str
    facts: dict[str, Any] = field(default_factory=dict)
    children: tuple[Node, ...] = ()

    def document(self) -> dict[str, Any]:
        children = [child.document() for child in self.children]
        return {"kind": self.kind, "name": self.name, **self.facts, "children": children}

    def lines(self) -> Iterator[str]:
        """The tree as text, a line a node."""
        facts = ", ".join(
            str(value) if key == "sha256" else f"{key} {value}"  # a digest begins with its kind
            for key, value in self.facts.items()
            if value not in ("", None, [])
        )
        yield f"{self.kind} {self.name}".rstrip() + (f"  ({facts})" if facts else "")
        for place, child in enumerate(self.children):
            last = place == len(self.children) - 1
            inner = child.lines()
            yield ("└─ " if last else "├─ ") + next(inner)
            for line in inner:
                yield ("   " if last else "│  ") + line


def of_plan(catalog: Catalog, digest_or_prefix: str) -> Node:
    """A plan and all it was made from: mixture, tokenizer, views, versions, recipes, files."""
    plan = catalog.plan(digest_or_prefix)
    document = plan.document
    children = [Node("mixture", plan.mixture or "a file that was not published")]
    children.append(_tokenizer(catalog, document["tokenizer"]))
    if document.get("parent"):
        facts = {"from position": document["from"]}
        children.append(Node("parent plan", document["parent"], facts))
    made: dict[str, Node] = {}
    for source in document["sources"]:
        reference = f"{source['dataset']}@{source['version']}"
        if reference not in made:
            made[reference] = upstream(catalog, source["dataset"], source["version"])
        facts = {"view": source["view"], "sequences": source["sequences"]}
        children.append(Node("source", source["path"], facts, (made[reference],)))
    return Node("plan", plan.digest, {"created": plan.created}, tuple(children))


def of_dataset(catalog: Catalog, reference: str) -> Node:
    """A dataset version: what it was made from, and every version and plan made from it."""
    version = catalog.dataset(reference)
    below = upstream(catalog, version.name, version.digest)
    used = [
        Node("used by plan", plan.digest, {"mixture": plan.mixture, "created": plan.created})
        for plan in catalog.plans_with(version.digest)
    ]
    derived = [
        Node("parent of dataset", item.reference, {"created": item.created})
        for item in catalog.children(version.digest)
    ]
    pointed = [
        Node("alias", f"{version.name}@{move.alias}", {"since": move.created})
        for move in catalog.aliases("dataset", version.name)
        if move.version == version.number
    ]
    return Node(below.kind, below.name, below.facts, (*below.children, *pointed, *derived, *used))


def find(catalog: Catalog, name: str) -> Node:
    """The lineage of a dataset's reference, or of a plan's digest or first digits."""
    if name.startswith("sha256:"):
        return of_plan(catalog, name)
    if "@" in name or _is_dataset(catalog, name):
        return of_dataset(catalog, name)
    if len(name) >= 6 and not name.strip("0123456789abcdef"):
        return of_plan(catalog, name)
    return of_dataset(catalog, name)  # raises NotFound with what there is


def upstream(catalog: Catalog, name: str, digest: str, depth: int = 0) -> Node:
    """A version and what it was made from: recipe, input files, parents and theirs."""
    version = catalog.dataset(f"{name}@{digest}")
    manifest = version.manifest
    facts = {
        "digest": digest,
        "rows": manifest.rows,
        "created": manifest.created,
        "code": manifest.code_version,
    }
    children = [*_recipe(manifest), *_inputs(manifest)]
    for parent in manifest.parents:
        if depth == MAX_DEPTH:
            children.append(Node("parent", parent, {"not followed": f"{MAX_DEPTH} deep"}))
            continue
        children.append(_parent(catalog, parent, depth))
    return Node("dataset", version.reference, facts, tuple(children))


def _parent(catalog: Catalog, reference: str, depth: int) -> Node:
    parsed = parse_reference(reference, what="parent")
    assert parsed.digest is not None, f"manifests name parents by digest, not {reference}"
    try:
        return upstream(catalog, parsed.name, parsed.digest, depth + 1)
    except NotFound:
        return Node("dataset", reference, {"not": "in this store"})


def _recipe(manifest: DatasetManifest) -> Iterator[Node]:
    if manifest.recipe is None:
        yield Node("imported", "", {"files": len(manifest.shards)})
        return
    name = str(manifest.recipe.get("name", ""))
    yield Node("recipe", name, {"fingerprint": manifest.recipe_fingerprint, **manifest.counts})


def _inputs(manifest: DatasetManifest) -> Iterator[Node]:
    for item in manifest.inputs:
        yield Node("file", item.path, {"sha256": item.sha256, "bytes": item.bytes})


def _tokenizer(catalog: Catalog, digest: str) -> Node:
    named = catalog.name_of("tokenizer", digest)
    return Node("tokenizer", named or digest, {"digest": digest} if named else {})


def _is_dataset(catalog: Catalog, name: str) -> bool:
    try:
        catalog.dataset(name)
    except NotFound:
        return False
    return True
