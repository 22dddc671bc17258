"""plan.json: everything a stream is a function of, apart from the position.

A plan holds digests, names and integers: no floats, no paths of files, no times. Its digest is the
SHA-256 of its bytes, which are canonical JSON (UTF-8, keys sorted, no white space). This module
reads; `mixtures.plan` writes.

    version          1
    kind             "plan"
    seed             integer >= 0; with source path and epoch the whole key of the shuffle
    sequence_length  L, tokens a sequence teaches
    width            tokens a sequence carries: L, or L + 1 with labels "overlap"
    dtype            "uint16" | "uint32"
    pad              token id that fills short sequences
    packing          "concat" | "best_fit" | "documents"
    labels           "shift" | "overlap"
    loss             "all" | "assistant"
    separators       {"bos": bool, "eos": bool}
    tokenizer        digest
    sources          [{path, dataset, version, text_digest, view, sequences, holdout_sequences,
                       licenses, terms}]   the index in this list is the source id of frames
    trees            [tree]: a tree is a list of children, a child is a source id or a tree
    stages           [{until, tree, counts}]
    omit             [[from, to]] slots that are drawn and never delivered, ascending, disjoint
    parent           digest of the plan this one continues, or null
    from             the first position at which it may differ from its parent (0 without one)
    restart          source paths that began anew at `from`

**Slots and positions.** A slot is one draw of a sequence; stages divide the slots: stage i governs
slots until[i-1] .. until[i]-1 (until[-1] = 0). A position is a slot that is delivered, counted from
zero over those outside `omit`; without skips the two are equal.

**Counts.** counts[s] sequences come from source s in a stage that runs to its end. Their sum equals
the slots the stage governs, or exceeds them where a branch cut the stage short: then only the first
slots of its order are drawn. A ramp is 64 stages. Draws of a source are counted over all stages, so
every stage starts each source where the last one left it.

**Chains.** A plan that continues another at position p embeds the stages that govern positions
before p unchanged but for the cut, so state stays (plan, position) and replay from zero is exact.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, TypeAlias

import numpy as np
from numpy.typing import NDArray

from awase_client.errors import CorruptStore

Tree: TypeAlias = "list[int | Tree]"

VERSION = 1
# Order's arithmetic is exact below this; a run of 1e12 sequences is a two-hundredth of it.
MAX_SLOTS = 2**48
MAX_DEPTH = 64
# So that a sum of counts stays below 2**62.
MAX_SOURCES = 2**14

_KEYS = {
    "version", "kind", "seed", "sequence_length", "width", "dtype", "pad", "packing", "labels",
    "loss", "separators", "tokenizer", "sources", "trees", "stages", "omit", "parent", "from",
    "restart",
}  # fmt: skip
_SOURCE_KEYS = {
    "path", "dataset", "version", "text_digest", "view", "sequences", "holdout_sequences",
    "licenses", "terms",
}  # fmt: skip
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}").fullmatch


@dataclass(frozen=True, slots=True)
class PlanSource:
    """One source: which sequences exist (`view`), what they were made from, under which terms.

    sequences          one epoch of the train split, in sequences
    holdout_sequences  the hold-out split, in sequences
    licenses, terms    distinct licence expressions and terms of use among its documents, sorted
    """

    path: str
    dataset: str
    version: str
    text_digest: str
    view: str
    sequences: int
    holdout_sequences: int
    licenses: tuple[str, ...]
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlanStage:
    """Slots start..until-1; `counts` [sources] int64 describe the order, sum >= until - start."""

    start: int
    until: int
    tree: int
    counts: NDArray[np.int64]

    @property
    def slots(self) -> int:
        return self.until - self.start


@dataclass(frozen=True, slots=True)
class Plan:
    """A checked plan; `total` is the number of positions it delivers."""

    digest: str
    seed: int
    sequence_length: int
    width: int
    dtype: Literal["uint16", "uint32"]
    pad: int
    packing: Literal["concat", "best_fit", "documents"]
    labels: Literal["shift", "overlap"]
    loss: Literal["all", "assistant"]
    bos: bool
    eos: bool
    tokenizer: str
    sources: tuple[PlanSource, ...]
    trees: tuple[Tree, ...]
    stages: tuple[PlanStage, ...]
    omit: tuple[tuple[int, int], ...]
    parent: str | None
    start: int
    restart: tuple[str, ...]
    total: int

    @classmethod
    def from_bytes(cls, data: bytes | memoryview) -> Plan:
        """The plan in `data`; CorruptStore names the digest, the field and the value seen."""
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        read = _Reader(digest)
        try:
            document = json.loads(
                bytes(data), parse_float=read.no_float, parse_constant=read.no_float
            )
        except (ValueError, RecursionError) as error:
            raise CorruptStore(f"plan {digest}: not JSON ({error})") from error
        read.fields(document, "plan", _KEYS)
        if (type(document["version"]), document["version"]) != (int, VERSION):
            read.fail(
                "version", document["version"], f"this client reads plans of version {VERSION}"
            )
        read.choice(document, "kind", ("plan",))
        sources = read.sources(document["sources"])
        trees = read.trees(document["trees"], len(sources))
        stages = read.stages(document["stages"], sources, trees)
        slots = stages[-1].until
        omit = read.omit(document["omit"], slots)
        read.fields(document["separators"], "separators", {"bos", "eos"})
        length = read.integer(document, "sequence_length", low=1, high=2**31 - 2)
        labels = read.choice(document, "labels", ("shift", "overlap"))
        width = read.integer(document, "width", low=length, high=length + 1)
        if width != length + (labels == "overlap"):
            read.fail("width", width, f"sequence_length is {length} and labels are {labels!r}")
        dtype = read.choice(document, "dtype", ("uint16", "uint32"))
        total = slots - sum(to - first for first, to in omit)
        return cls(
            digest=digest,
            seed=read.integer(document, "seed", low=0),
            sequence_length=length,
            width=width,
            dtype=dtype,
            pad=read.integer(
                document, "pad", low=0, high=2 ** (16 if dtype == "uint16" else 32) - 1
            ),
            packing=read.choice(document, "packing", ("concat", "best_fit", "documents")),
            labels=labels,
            loss=read.choice(document, "loss", ("all", "assistant")),
            bos=read.flag(document["separators"], "bos"),
            eos=read.flag(document["separators"], "eos"),
            tokenizer=read.digest_field(document, "tokenizer"),
            sources=sources,
            trees=trees,
            stages=stages,
            omit=omit,
            parent=None if document["parent"] is None else read.digest_field(document, "parent"),
            start=read.integer(document, "from", low=0, high=total),
            restart=read.strings(document, "restart"),
            total=total,
        )


class _Reader:
    """Checks of one plan; every failure is a CorruptStore that names plan, field and value."""

    def __init__(self, digest: str) -> None:
        self.digest = digest

    def fail(self, field: str, value: object, why: str) -> NoReturn:
        text = repr(value)
        text = text if len(text) <= 80 else text[:77] + "..."
        raise CorruptStore(f"plan {self.digest}: {field} is {text}: {why}; plan it again")

    def no_float(self, text: str) -> NoReturn:
        self.fail("a number", text, "plans hold integers only")

    def fields(self, node: Any, where: str, names: set[str]) -> None:
        if not isinstance(node, dict):
            self.fail(where, node, "it must be an object")
        if node.keys() != names:
            odd = sorted(node.keys() ^ names)
            self.fail(where, odd, "these fields are missing or unknown")

    def integer(self, node: Any, field: str, *, low: int, high: int = 2**63 - 1) -> int:
        value = node[field]
        if type(value) is not int or not low <= value <= high:
            self.fail(field, value, f"it must be an integer from {low} to {high}")
        return value

    def flag(self, node: Any, field: str) -> bool:
        value = node[field]
        if type(value) is not bool:
            self.fail(field, value, "it must be true or false")
        return value

    def choice(self, node: Any, field: str, allowed: tuple[str, ...]) -> Any:
        value = node[field]
        if value not in allowed:
            self.fail(field, value, f"it must be one of {', '.join(allowed)}")
        return value

    def digest_field(self, node: Any, field: str) -> str:
        value = node[field]
        if type(value) is not str or not _DIGEST(value):
            self.fail(field, value, "it must be sha256:<64 hex digits>")
        return value

    def strings(self, node: Any, field: str) -> tuple[str, ...]:
        value = node[field]
        if type(value) is not list or not set(map(type, value)) <= {str}:
            self.fail(field, value, "it must be a list of strings")
        return tuple(value)

    def sources(self, nodes: Any) -> tuple[PlanSource, ...]:
        if type(nodes) is not list or not 1 <= len(nodes) <= MAX_SOURCES:
            self.fail("sources", nodes, f"it must be a list of 1 to {MAX_SOURCES} sources")
        return tuple(self._source(node) for node in nodes)

    def _source(self, node: Any) -> PlanSource:
        self.fields(node, "source", _SOURCE_KEYS)
        path = node["path"]
        if type(path) is not str or not path or "\0" in path:
            self.fail("path", path, "it must be a dotted source path")
        if type(node["dataset"]) is not str:
            self.fail("dataset", node["dataset"], "it must be a name")
        return PlanSource(
            path,
            node["dataset"],
            self.digest_field(node, "version"),
            self.digest_field(node, "text_digest"),
            self.digest_field(node, "view"),
            self.integer(node, "sequences", low=0, high=MAX_SLOTS),
            self.integer(node, "holdout_sequences", low=0, high=MAX_SLOTS),
            self.strings(node, "licenses"),
            self.strings(node, "terms"),
        )

    def trees(self, nodes: Any, sources: int) -> tuple[Tree, ...]:
        if type(nodes) is not list or not nodes:
            self.fail("trees", nodes, "it must be a list of at least one tree")
        for tree in nodes:
            seen = leaves(tree)
            if seen is None or len(set(seen)) != len(seen) or not set(seen) <= set(range(sources)):
                why = f"lists, at most {MAX_DEPTH} deep, of distinct source ids under {sources}"
                self.fail("trees", tree, "a tree is made of " + why)
        return tuple(nodes)

    def stages(
        self, nodes: Any, sources: tuple[PlanSource, ...], trees: tuple[Tree, ...]
    ) -> tuple[PlanStage, ...]:
        if type(nodes) is not list or not nodes:
            self.fail("stages", nodes, "it must be a list of at least one stage")
        drawable = np.zeros((len(trees), len(sources)), dtype=bool)
        for index, tree in enumerate(trees):
            drawable[index, leaves(tree)] = True
        drawable &= np.array([source.sequences > 0 for source in sources])
        stages: list[PlanStage] = []
        start = 0
        for node in nodes:
            self.fields(node, "stage", {"until", "tree", "counts"})
            until = self.integer(node, "until", low=start + 1, high=MAX_SLOTS)
            tree_index = self.integer(node, "tree", low=0, high=len(trees) - 1)
            counts = self._counts(node["counts"], len(sources))
            if not until - start <= int(counts.sum()) <= MAX_SLOTS:
                self.fail("until", until, f"the counts before it add up to {int(counts.sum())}")
            lost = np.flatnonzero((counts > 0) & ~drawable[tree_index])
            if lost.size:
                path = sources[int(lost[0])].path
                self.fail("counts", node["counts"], f"source {path} is empty or not in the tree")
            stages.append(PlanStage(start=start, until=until, tree=tree_index, counts=counts))
            start = until
        return tuple(stages)

    def _counts(self, node: Any, sources: int) -> NDArray[np.int64]:
        try:
            counts = np.array(node)
        except (ValueError, OverflowError):
            counts = np.empty(0)
        if (
            counts.shape != (sources,)
            or counts.dtype != np.int64
            or counts.min() < 0
            or counts.max() > MAX_SLOTS
        ):
            self.fail("counts", node, f"it must be {sources} integers from 0 to {MAX_SLOTS}")
        counts.flags.writeable = False
        return counts

    def omit(self, nodes: Any, slots: int) -> tuple[tuple[int, int], ...]:
        last = -1
        for node in nodes if type(nodes) is list else [nodes]:
            if (
                type(node) is not list
                or [type(value) for value in node] != [int, int]
                or not last < node[0] < node[1] <= slots
            ):
                self.fail(
                    "omit", nodes, f"it must be ascending, disjoint [from, to] within {slots}"
                )
            last = node[1]
        return tuple((first, to) for first, to in nodes)


def leaves(tree: Any) -> list[int] | None:
    """Source ids of a tree from left to right; None where it is not a tree of bounded depth."""
    found: list[int] = []
    pending = [(tree, 0)]
    while pending:
        node, depth = pending.pop()
        if type(node) is int and depth > 0:
            found.append(node)
        elif type(node) is list and depth < MAX_DEPTH:
            pending.extend((child, depth + 1) for child in reversed(node))
        else:
            return None
    return found
