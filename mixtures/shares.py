"""From weights, repeats and sampling to what part of each stage a source is asked for; exact.

    legs = legs_of(mixture, supplies)      one Leg a stage, for mixtures.budget.apportion

Sizes count sequences, which is what a stream delivers. `repeat` is taken first and spread evenly
over the whole stream; the weights share the rest of every stage. Sibling weights are normalised
within their group. With `by: documents` a weight counts documents: a source's part in sequences is
its weight times its sequences a document.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from curation.base.errors import RefusedPlan
from mixtures.budget import Leg
from mixtures.sampling import temperature_weights, unimax
from mixtures.spec import Group, Mixture, Source, shares, stage_weights

ZERO = Fraction(0)


class TooLittle(RefusedPlan):
    """Only a larger budget could be planned."""


class TooMuch(RefusedPlan):
    """Only a smaller budget could be planned."""


Weights = Mapping[str, Fraction]


@dataclass(frozen=True, slots=True)
class Supply:
    """What one epoch of a source holds; padding counts, documents without tokens do not."""

    sequences: int
    documents: int


@dataclass(frozen=True, slots=True)
class Demand:
    """What a mixture asks of a stream of `total` sequences.

    legs         one a stage; its shares are in the order of the sources
    repeats      sequences of each source with `repeat`, 0 of the others
    """

    total: int
    legs: tuple[Leg, ...]
    repeats: tuple[int, ...]


def demand_of(
    mixture: Mixture, supplies: Mapping[str, Supply], *, total: int | None = None
) -> Demand:
    """What the mixture asks of `total` sequences (default: its budget, in whole sequences).

    Another total scales the stages with it. RefusedPlan where the budget or a stage is under one
    sequence, where `repeat` leaves nothing to the weights, and where UniMax reaches all its caps.
    """
    sources = tuple(mixture.walk())
    repeats = tuple(_repeat(source, supplies[source.path]) for source in sources)
    weighed = any(source.repeat is None for source in sources)
    if total is None:
        budget = mixture.budget_tokens
        total = sum(repeats) if budget is None else budget // mixture.sequence_length
    rest = total - sum(repeats)
    if total < 1 or rest < 0 or (weighed and rest == 0):
        raise TooLittle(_too_small(mixture, sources, repeats, total))
    untils = _untils(mixture, total)
    vectors = _vectors(mixture, supplies, untils, rest=Fraction(rest, total)) if weighed else None
    fixed = [Fraction(count, total) for count in repeats]

    def blended(stage: int) -> tuple[Fraction, ...]:
        if vectors is None:
            return tuple(fixed)
        part = Fraction(rest, total)
        return tuple(
            part * vectors[stage].get(source.path, ZERO) + share
            for source, share in zip(sources, fixed, strict=True)
        )

    ramps = [stage.ramp for stage in mixture.stages] or [False]
    legs = tuple(
        Leg(until, blended(k + 1), blended(k) if ramp else None)
        for k, (until, ramp) in enumerate(zip(untils, ramps, strict=True))
    )
    return Demand(total, legs, repeats)


def asked(leg: Leg) -> tuple[Fraction, ...]:
    """The mean shares of a leg, which a ramp gives as a whole."""
    if leg.ramp_from is None:
        return leg.shares
    return tuple((a + b) / 2 for a, b in zip(leg.ramp_from, leg.shares, strict=True))


def _repeat(source: Source, supply: Supply) -> int:
    return 0 if source.repeat is None else int(source.repeat * supply.sequences)


def _too_small(
    mixture: Mixture, sources: Sequence[Source], repeats: Sequence[int], total: int
) -> str:
    length = mixture.sequence_length
    if total < 1 and mixture.budget_tokens is None:
        return f"{mixture.name}: the sources hold no whole sequence of {length} tokens"
    if total < 1:
        return f"budget: {mixture.budget_tokens} tokens are under one sequence of {length}"
    taken = ", ".join(
        f"{source.path} {source.repeat} epochs = {count * length}"
        for source, count in zip(sources, repeats, strict=True)
        if source.repeat is not None
    )
    needed = sum(repeats) + any(source.repeat is None for source in sources)
    return (
        f"budget: {total * length} tokens, but `repeat` takes {sum(repeats) * length} ({taken}) "
        f"and leaves nothing to the weights; the nearest feasible budget is above {needed * length}"
    )


def _untils(mixture: Mixture, total: int) -> list[int]:
    """The stages' ends in sequences, rounded down; scaled where total is not the budget's own."""
    if not mixture.stages:
        return [total]
    length, budget = mixture.sequence_length, mixture.stages[-1].until_tokens
    scale = Fraction(1) if total == budget // length else Fraction(total * length, budget)
    untils = [int(stage.until_tokens * scale) // length for stage in mixture.stages[:-1]]
    untils.append(total)
    for number, (before, until) in enumerate(pairwise([0, *untils])):
        if until <= before:
            raise TooLittle(
                f"stage {number + 1}: until {mixture.stages[number].until_tokens} tokens adds no "
                f"whole sequence of {length} tokens to the stage before"
            )
    return untils


def _vectors(
    mixture: Mixture, supplies: Mapping[str, Supply], untils: Sequence[int], *, rest: Fraction
) -> list[dict[str, Fraction]]:
    """Shares of the weighed sources before the first stage and in each one; each adds up to 1."""
    weights: list[Weights] = [
        *stage_weights(replace(mixture, stages=())),
        *(stage_weights(mixture) if mixture.stages else stage_weights(replace(mixture, stages=()))),
    ]
    sampler = _Sampler(mixture, supplies, weights, untils, rest)
    vectors = []
    for number, stage in enumerate(weights):
        vector = _vector(mixture, mixture.root, stage, sampler.weights, supplies)
        total = sum(vector.values())
        if not total:
            raise RefusedPlan(f"stage {max(1, number)}: all weights of the mixture are 0")
        vectors.append({path: share / total for path, share in vector.items()})
    return vectors


def _vector(
    mixture: Mixture,
    group: Group,
    weights: Weights,
    sampled: Mapping[str, Weights],
    supplies: Mapping[str, Supply],
) -> dict[str, Fraction]:
    """Sequences of each weighed source below `group`, for one unit of weight given to the group.

    A unit is a sequence, or with `by: documents` a document.
    """
    parts: dict[str, dict[str, Fraction]] = {}
    for child in group.children:
        if isinstance(child, Group):
            if child.shares:
                parts[child.path] = _vector(mixture, child, weights, sampled, supplies)
        elif child.repeat is None:
            parts[child.path] = {child.path: _unit(mixture, supplies[child.path])}
    if group.path in sampled:
        # Sampling shares sequences whatever a unit is: undo what a unit of the child would give.
        scale = {
            path: weight / mass if (mass := sum(parts[path].values())) else ZERO
            for path, weight in sampled[group.path].items()
        }
    else:
        scale = {path: weights[path] for path in parts}
    total = sum(scale.values())
    return {
        path: value * scale[child] / total if total else ZERO
        for child, part in parts.items()
        for path, value in part.items()
    }


def _unit(mixture: Mixture, supply: Supply) -> Fraction:
    if mixture.by == "tokens":
        return Fraction(1)
    return Fraction(supply.sequences, supply.documents) if supply.documents else ZERO


class _Sampler:
    """Weights of the children of each group that says `sampling`, from the top down."""

    def __init__(
        self,
        mixture: Mixture,
        supplies: Mapping[str, Supply],
        stages: Sequence[Weights],
        untils: Sequence[int],
        rest: Fraction,
    ) -> None:
        self.weights: dict[str, Weights] = {}
        self._mixture, self._supplies, self._stages = mixture, supplies, stages
        # Sequences for the weights before the first stage (none: only a ramp starts there) and in
        # each; a ramp takes half from each of its ends.
        ramps = [stage.ramp for stage in mixture.stages] or [False]
        self._lengths = [ZERO] * len(stages)
        for k, (before, until) in enumerate(pairwise([0, *untils])):
            length = (until - before) * rest
            half = length / 2 if ramps[k] else ZERO
            self._lengths[k] += half
            self._lengths[k + 1] += length - half
        self._visit(mixture.root, self._lengths)

    def _visit(self, group: Group, lengths: Sequence[Fraction]) -> None:
        """`lengths`: the group's sequences, by the stage whose weights share them."""
        children = [child for child in group.children if shares(child)]
        if group.sampling is not None:
            self.weights[group.path] = self._sample(group, children, int(sum(lengths)))
        for child in children:
            if not isinstance(child, Group):
                continue
            below = []
            for weights, length in zip(self._stages, lengths, strict=True):
                own = self.weights.get(group.path, weights)
                total = sum(own[sibling.path] for sibling in children)
                below.append(length * own[child.path] / total if total else ZERO)
            self._visit(child, below)

    def _sample(self, group: Group, children: Sequence[Group | Source], budget: int) -> Weights:
        assert group.sampling is not None
        sizes = [self._size(child) for child in children]
        value, length = group.sampling.value, self._mixture.sequence_length
        if group.sampling.kind == "temperature":
            parts: Sequence[Fraction | int] = temperature_weights(
                [size * length for size in sizes], value
            )
        else:
            if self._mixture.by == "documents":
                raise RefusedPlan(
                    f"group {group.path or 'of all sources'}: UniMax shares tokens, and with "
                    "`by: documents` nobody knows the group's tokens before: use `by: tokens`"
                )
            found = unimax(sizes, budget=budget, max_epochs=value)
            if found.shortfall:
                raise TooMuch(
                    f"group {group.path or 'of all sources'}: UniMax with max_epochs {value} can "
                    f"give {int(budget - found.shortfall) * length} tokens, {budget * length} are "
                    f"asked: {_sizes(children, sizes, length)}; give the group less or more epochs"
                )
            parts = found.tokens
        return {child.path: Fraction(part) for child, part in zip(children, parts, strict=True)}

    def _size(self, child: Group | Source) -> int:
        leaves = child.walk() if isinstance(child, Group) else [child]
        return sum(self._supplies[leaf.path].sequences for leaf in leaves if leaf.repeat is None)


def _sizes(children: Sequence[Group | Source], sizes: Sequence[int], length: int) -> str:
    shown = [f"{c.path} {n * length}" for c, n in zip(children[:10], sizes[:10], strict=True)]
    return "one epoch holds " + ", ".join(shown) + (", ..." if len(children) > 10 else "")
