"""A mixture: which datasets, in which ratio, over which stages. YAML in, frozen values out.

    mixture = read_mixture(text, file="ja-en.yaml")      InvalidDocument lists every problem
    for source in mixture.walk(): ...                     sources in the order of the file
    mixture.document()                                    canonical: what digests and diffs see

Numbers are exact: weights and fractions are `fractions.Fraction` of the text as written, token
amounts are ints. Keys and their meaning: `mixtures.spec_keys`; reading: `mixtures.spec_read`;
`extends`: `mixtures.extends`; weights stage by stage: `stage_weights` here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal, NamedTuple

from curation.base.predicate import Predicate

Packing = Literal["concat", "best_fit", "documents"]


class Place(NamedTuple):
    """Where something stands in the file a person wrote; problems of a plan point there too."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a group's children share it by their sizes, in place of weights.

    kind "temperature": weight = tokens ** temperature (0 uniform, 1 proportional).
    kind "unimax": equal tokens each, none over `max_epochs` of itself (arXiv 2304.09151).
    """

    kind: Literal["temperature", "unimax"]
    value: Fraction  # the temperature, or max_epochs

    def document(self) -> dict[str, Any]:
        if self.kind == "temperature":
            return {"temperature": str(self.value)}
        return {"unimax": {"max_epochs": str(self.value)}}


@dataclass(frozen=True, slots=True)
class Source:
    """One dataset in the blend. Exactly one of `weight`, `repeat` is set, except under a group's
    `sampling`, which gives the weight."""

    path: str  # dotted: "ja.web"
    dataset: str  # a reference: "web-ja@prod"
    weight: Fraction | None = None  # relative to its siblings
    repeat: Fraction | None = None  # epochs, taken before any weight
    where: str | None = None  # canonical text
    max_epochs: Fraction | None = None
    condition: Predicate | None = field(default=None, compare=False)  # `where`, knows its place
    place: Place = field(default=Place("", 1, 1), compare=False)

    def document(self) -> dict[str, Any]:
        return _given(
            dataset=self.dataset,
            weight=_text(self.weight),
            repeat=_text(self.repeat),
            where=self.where,
            max_epochs=_text(self.max_epochs),
        )


@dataclass(frozen=True, slots=True)
class Group:
    """Sources and groups that share one weight. The root group has the path ""."""

    path: str
    children: tuple[Group | Source, ...]
    weight: Fraction | None = None  # None: the root, under `sampling`, or everything in it repeats
    sampling: Sampling | None = None
    place: Place = field(default=Place("", 1, 1), compare=False)

    @property
    def shares(self) -> bool:
        """Whether anything inside is weighed; a group of `repeat` sources alone is not."""
        return any(shares(child) for child in self.children)

    def walk(self) -> Iterator[Source]:
        for child in self.children:
            if isinstance(child, Source):
                yield child
            else:
                yield from child.walk()

    def groups(self) -> Iterator[Group]:
        """This group and all below, parents first."""
        yield self
        for child in self.children:
            if isinstance(child, Group):
                yield from child.groups()

    def document(self) -> dict[str, Any]:
        return _given(
            weight=_text(self.weight),
            sampling=self.sampling.document() if self.sampling else None,
            sources={child.path.rpartition(".")[2]: child.document() for child in self.children},
        )


def shares(child: Group | Source) -> bool:
    """Whether a node takes part in its parent's weights; sources with `repeat` do not."""
    return child.shares if isinstance(child, Group) else child.repeat is None


@dataclass(frozen=True, slots=True)
class Stage:
    """Up to `until_tokens` (from the start of the stream) these weights replace earlier ones."""

    until_tokens: int
    weights: dict[str, Fraction]  # dotted path -> weight among its siblings; the rest carry on
    ramp: bool = False  # from the weights of the stage before, in 64 equal steps
    place: Place = field(default=Place("", 1, 1), compare=False)


@dataclass(frozen=True, slots=True)
class Licenses:
    """What may go into the blend. `allow` None: everything that is not denied."""

    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()
    deny_terms: tuple[str, ...] = ()
    place: Place = field(default=Place("", 1, 1), compare=False)


@dataclass(frozen=True, slots=True)
class Mixture:
    name: str
    tokenizer: str
    sequence_length: int
    root: Group
    seed: int = 0
    budget_tokens: int | None = None  # None: every source repeats, the data gives the length
    packing: Packing = "concat"
    stages: tuple[Stage, ...] = ()
    licenses: Licenses = Licenses()
    holdout: Fraction = Fraction(0)
    by: Literal["tokens", "documents"] = "tokens"
    bos: bool = False
    eos: bool = True
    labels: Literal["shift", "overlap"] = "shift"
    loss: Literal["all", "assistant"] = "all"
    description: str = ""
    tags: tuple[str, ...] = ()
    advice: tuple[str, ...] = field(default=(), compare=False)  # legal, but perhaps not meant
    places: dict[str, Place] = field(default_factory=dict, compare=False)  # top-level key -> place

    @property
    def sources(self) -> tuple[Group | Source, ...]:
        return self.root.children

    def walk(self) -> Iterator[Source]:
        """Every source, in the order of the file."""
        return self.root.walk()

    def document(self) -> dict[str, Any]:
        """Everything that decides the plan, and the words for people, as canonical JSON data.

        Fractions are "p/q" strings; keys at their defaults are present, absent ones are not.
        """
        root = self.root.document()
        return _given(
            version=1,
            name=self.name,
            description=self.description or None,
            tags=list(self.tags) or None,
            tokenizer=self.tokenizer,
            sequence_length=self.sequence_length,
            seed=self.seed,
            budget=self.budget_tokens,
            packing=self.packing,
            by=self.by,
            separators={"bos": self.bos, "eos": self.eos},
            labels=self.labels,
            loss=self.loss,
            holdout=_text(self.holdout),
            sampling=root.get("sampling"),
            sources=root["sources"],
            stages=[
                _given(
                    until=stage.until_tokens,
                    weights={path: str(weight) for path, weight in stage.weights.items()} or None,
                    ramp="linear" if stage.ramp else None,
                )
                for stage in self.stages
            ]
            or None,
            licenses=_given(
                allow=None if self.licenses.allow is None else list(self.licenses.allow),
                deny=list(self.licenses.deny),
                deny_terms=list(self.licenses.deny_terms),
            ),
        )


def _given(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _text(number: Fraction | None) -> str | None:
    return None if number is None else str(number)


def stage_weights(mixture: Mixture) -> list[dict[str, Fraction]]:
    """Per stage, the weight of every weighed node by dotted path, as written, not normalised.

    One entry where the mixture names no stages. A stage changes the nodes it names; all others
    keep the weight they had in the stage before. Children of a group with `sampling` are absent:
    their weights come from their sizes (`mixtures.sampling`).
    """
    current = {
        child.path: child.weight
        for group in mixture.root.groups()
        if group.sampling is None
        for child in group.children
        if child.weight is not None
    }
    if not mixture.stages:
        return [current]
    result = []
    for stage in mixture.stages:
        current = {**current, **stage.weights}
        result.append(current)
    return result


# (reference as written, file it stands in) -> (text, name of that file)
Resolver = Callable[[str, str], tuple[str | bytes, str]]


def read_mixture(
    text: str | bytes, *, file: str = "<document>", resolver: Resolver | None = None
) -> Mixture:
    """Read a mixture; InvalidDocument carries every problem of the document and those it extends.

    `resolver` turns what `extends` says into text; without one `extends` is a problem.
    """
    from mixtures.spec_read import read

    return read(text, file=file, resolver=resolver)


__all__ = [
    "Group",
    "Licenses",
    "Mixture",
    "Packing",
    "Place",
    "Resolver",
    "Sampling",
    "Source",
    "Stage",
    "read_mixture",
    "shares",
    "stage_weights",
]
