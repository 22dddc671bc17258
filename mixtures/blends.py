"""Published blends: what others trained on, in which ratio, and how well that is known.

    for blend in blends(): ...                        mixtures/blends/*.yaml, by name
    mixture = instantiate(blend, {"ja.cc": "web-ja@prod", ...}, tokenizer="ja-32k")

A blend is no mixture: it names no datasets. Each source carries its language and, where published,
its tokens; `evidence` C means read in source code or configuration at a commit, P on a page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from curation.base.errors import NotFound, UsageError
from curation.base.fields import Fields, closest
from curation.base.names import check_name, parse_reference
from curation.base.yaml import Mapping as Block
from curation.base.yaml import read
from mixtures.quantities import weight_of
from mixtures.spec import Group, Mixture, Sampling, Source, shares

FOLDER: Final = Path(__file__).parent / "blends"
DEFAULT_LENGTH: Final = 4096
_TOP: Final = (
    "version",
    "blend",
    "description",
    "evidence",
    "source",
    "accuracy",
    "counts",
    "sequence_length",
    "total",
    "sources",
)
_LEAF: Final = ("tokens", "weight", "repeat", "language")
_NODE: Final = ("weight", "sampling", "sources")
_MAX: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class Published:
    """What is known of one source of a blend."""

    language: str
    tokens: int | None  # None: not published


@dataclass(frozen=True, slots=True)
class Blend:
    """A published blend. `root` is a tree of sources whose datasets are still their own paths."""

    name: str
    description: str
    evidence: str  # C or P
    source: str
    accuracy: str  # where published figures contradict each other, and which were followed
    counts: str  # whether `tokens` of a source are "unique" or "seen", repeats included
    total_tokens: int  # published length of the training, repeats included
    sequence_length: int
    root: Group
    published: Mapping[str, Published]

    @property
    def by_repeat(self) -> bool:
        """Whether it says how often each source is read, rather than its weight."""
        return not self.root.shares

    def shares(self) -> dict[str, Fraction]:
        """The part of the tokens seen that each source is, by path; they add up to 1.

        A source whose group does not publish the ratio inside is absent, its group present.
        """
        if self.by_repeat:
            seen = {
                source.path: (source.repeat or 0) * (self.published[source.path].tokens or 0)
                for source in self.root.walk()
            }
            total = sum(seen.values())
            return {path: Fraction(tokens) / total for path, tokens in seen.items()}
        return dict(_parts(self.root, Fraction(1)))

    def languages(self) -> dict[str, Fraction]:
        """The part of the tokens seen in each language, largest first."""
        result: dict[str, Fraction] = {}
        for path, share in self.shares().items():
            names = (path, *(other for other in self.published if other.startswith(path + ".")))
            language = next(self.published[n].language for n in names if n in self.published)
            result[language] = result.get(language, Fraction(0)) + share
        return dict(sorted(result.items(), key=lambda item: -item[1]))


def _parts(group: Group, share: Fraction) -> Iterator[tuple[str, Fraction]]:
    total = sum(child.weight or 0 for child in group.children)
    for child in group.children:
        part = share * (child.weight or 0) / total
        if isinstance(child, Source) or child.sampling is not None:
            yield child.path, part
        else:
            yield from _parts(child, part)


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def blends() -> list[Blend]:
    """All shipped blends, by name."""
    return [load_blend(name) for name in names()]


def load_blend(name: str) -> Blend:
    """The shipped blend of this name; NotFound names the nearest one."""
    if name not in names():
        near = closest(name, names())
        hint = f"did you mean {near!r}?" if near else f"there are: {', '.join(names())}"
        raise NotFound(f"there is no blend {name!r}; {hint}")
    return read_blend(FOLDER / f"{name}.yaml")


def read_blend(path: Path) -> Blend:
    """Read a blend's file; InvalidDocument lists what is wrong with it."""
    document = read(path, file=path.name)
    if document.broken:
        document.problems.finish()
    top = Fields(
        document.root,
        document.problems,
        known=_TOP,
        required=[key for key in _TOP if key not in ("accuracy", "sequence_length")],
    )
    published: dict[str, Published] = {}
    sources = top.inner("sources", known=None)
    children = _children(sources, "", published) if sources is not None else ()
    blend = Blend(
        name=top.text("blend", path.stem) or path.stem,
        description=top.text("description", "") or "",
        evidence=top.choice("evidence", ("C", "P"), "P"),
        source=top.text("source", "") or "",
        accuracy=top.text("accuracy", "") or "",
        counts=top.choice("counts", ("unique", "seen"), "unique"),
        total_tokens=top.integer("total", minimum=1, maximum=_MAX) or 1,
        sequence_length=top.integer("sequence_length", DEFAULT_LENGTH, minimum=2, maximum=1 << 24)
        or DEFAULT_LENGTH,
        root=Group("", children),
        published=published,
    )
    if top.integer("version", 1, minimum=1, maximum=1) and blend.name != path.stem:
        top.report("blend", f"expected the file's own name, {path.stem}")
    document.problems.finish()
    return blend


def _children(
    fields: Fields, prefix: str, published: dict[str, Published]
) -> tuple[Group | Source, ...]:
    children: list[Group | Source] = []
    for name, entry in fields.entries.items():
        path = prefix + name
        node, where = entry.value, fields.key_path(name)
        if isinstance(node, Block) and "sources" in node.entries:
            group = Fields(node, fields.problems, where, known=_NODE)
            inner = group.inner("sources", known=None)
            below = _children(inner, path + ".", published) if inner is not None else ()
            # within a group whose ratio is not published, sizes decide
            by_size = Sampling("temperature", Fraction(1)) if "sampling" in group else None
            children.append(Group(path, below, weight_of(group, "weight"), by_size))
            continue
        leaf = Fields(node, fields.problems, where, known=_LEAF, required=("language",))
        published[path] = Published(
            leaf.text("language", "") or "", leaf.integer("tokens", minimum=1, maximum=_MAX)
        )
        weight, repeat = weight_of(leaf, "weight"), leaf.number("repeat")
        children.append(Source(path, path, weight, repeat))
    return tuple(children)


def instantiate(
    blend: Blend,
    datasets: Mapping[str, str],
    *,
    tokenizer: str,
    name: str | None = None,
    budget_tokens: int | None = None,
    partial: bool = False,
) -> Mixture:
    """A mixture with the blend's ratio over the user's datasets.

    datasets: path of a source, or of a group that one dataset stands for -> reference. With
    `partial`, what is not named is left out and the rest keep their ratio; without it that is a
    UsageError that lists the paths. A blend by `repeat` with `budget_tokens` becomes one by weight
    (the published tokens times repeats), whatever the sizes of the datasets.
    """
    known = {child.path for group in blend.root.groups() for child in group.children}
    for path, reference in datasets.items():
        if path not in known:
            near = closest(path, sorted(known))
            hint = f"did you mean {near!r}?" if near else f"`awase mixture blends {blend.name}`"
            raise UsageError(f"{blend.name} has no source {path!r}; {hint} lists them")
        parse_reference(reference, what=f"dataset of {path}")
    parse_reference(tokenizer, what="tokenizer")
    builder = _Builder(blend, datasets, by_weight=blend.by_repeat and budget_tokens is not None)
    root = builder.group(blend.root)
    if builder.missing and not partial:
        raise UsageError(
            f"{blend.name}: no dataset is given for {', '.join(builder.missing)}; map each "
            "(a group may stand for all in it), or leave them out with --partial"
        )
    if root is None:
        raise UsageError(f"{blend.name}: no source is mapped to a dataset")
    weighed = root.shares
    return Mixture(
        name=check_name(name or blend.name, what="mixture"),
        tokenizer=tokenizer,
        sequence_length=blend.sequence_length,
        root=root,
        budget_tokens=(budget_tokens or blend.total_tokens) if weighed else None,
        description=f"{blend.description} (blend {blend.name}, evidence {blend.evidence})",
    )


class _Builder:
    def __init__(self, blend: Blend, datasets: Mapping[str, str], *, by_weight: bool) -> None:
        self.blend = blend
        self.datasets = datasets
        self.by_weight = by_weight
        self.missing: list[str] = []

    def group(self, group: Group) -> Group | None:
        children = [self.child(child) for child in group.children]
        kept = tuple(child for child in children if child is not None)
        if not kept:
            return None
        weight = group.weight
        if self.by_weight and group.path:
            weight = sum((child.weight or Fraction(0) for child in kept), Fraction(0))
        return replace(group, children=kept, weight=weight)

    def child(self, child: Group | Source) -> Group | Source | None:
        reference = self.datasets.get(child.path)
        if isinstance(child, Group):
            return self.group(child) if reference is None else self.whole(child, reference)
        if reference is None:
            self.missing.append(child.path)
            return None
        return self.source(child, reference)

    def source(self, source: Source, reference: str) -> Source:
        if not self.by_weight:
            return replace(source, dataset=reference)
        weight = self.seen(source)
        return replace(source, dataset=reference, weight=weight, repeat=None)

    def seen(self, source: Source) -> Fraction:
        """Billions of tokens seen, so that weights stay readable."""
        tokens = self.blend.published[source.path].tokens or 0
        return Fraction(tokens, 10**9) * (source.repeat or 1)

    def whole(self, group: Group, reference: str) -> Source:
        """One dataset for all of a group."""
        if self.by_weight:
            weight = sum((self.seen(source) for source in group.walk()), Fraction(0))
            return Source(group.path, reference, weight)
        if shares(group):
            return Source(group.path, reference, group.weight)
        repeats = {source.repeat for source in group.walk()}
        if len(repeats) > 1:
            each = ", ".join(f"{source.path} {source.repeat}" for source in group.walk())
            raise UsageError(
                f"{group.path}: one dataset cannot stand for sources that repeat differently "
                f"({each}); map each of them, or give a budget to share by weight"
            )
        return Source(group.path, reference, None, repeats.pop())


def notes_of(blend: Blend, mixture: Mixture) -> dict[str, str]:
    """Comments for `mixtures.spec_write.to_yaml`: what was published of each source."""
    share = blend.shares()
    notes = {
        "": f"Blend {blend.name}, evidence {blend.evidence} "
        f"({'read in source code' if blend.evidence == 'C' else 'read on a page'}).\n"
        f"Source: {blend.source}." + (f"\nAccuracy: {blend.accuracy}" if blend.accuracy else "")
    }
    for source in mixture.walk():
        published = blend.published.get(source.path)
        parts = []
        if published is not None and published.tokens is not None:
            parts.append(f"{published.tokens / 10**9:g}B tokens {blend.counts}")
        if source.path in share:
            parts.append(f"{float(share[source.path] * 100):.4g}%")
        if parts:
            notes[source.path] = "published: " + ", ".join(parts)
    return notes


def document_of(blend: Blend) -> dict[str, Any]:
    """A blend as JSON data."""
    share = blend.shares()
    return {
        "name": blend.name,
        "description": blend.description,
        "evidence": blend.evidence,
        "source": blend.source,
        "accuracy": blend.accuracy,
        "counts": blend.counts,
        "total_tokens": blend.total_tokens,
        "languages": {name: float(part) for name, part in blend.languages().items()},
        "sources": [
            {
                "path": source.path,
                "language": blend.published[source.path].language,
                "tokens": blend.published[source.path].tokens,
                "repeat": None if source.repeat is None else float(source.repeat),
                "share": float(share[source.path]) if source.path in share else None,
            }
            for source in blend.root.walk()
        ],
    }
