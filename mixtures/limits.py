"""What a plan must keep: caps on epochs, and that no weighed source vanishes. Refusals say numbers.

rows = checked_rows(mixture, supplies)      RefusedPlan lists every breach and the nearest
                                            budget that has none
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from awase_client.engine.plan import MAX_SLOTS
from curation.base.errors import RefusedPlan
from mixtures.budget import Leg, Row, apportion
from mixtures.quantities import show_epochs
from mixtures.shares import Demand, Supply, TooLittle, TooMuch, asked, demand_of
from mixtures.spec import Mixture, Source

MAX_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Breach:
    """One reason to refuse; a smaller budget would mend it, or a larger one, or none."""

    mend: Literal["smaller", "larger", "never"]
    text: str


def checked_rows(mixture: Mixture, supplies: Mapping[str, Supply]) -> tuple[Demand, list[Row]]:
    """Counts for the mixture's budget; RefusedPlan with every breach and the nearest budget."""
    try:
        demand = demand_of(mixture, supplies)
    except (TooLittle, TooMuch) as error:
        larger = isinstance(error, TooLittle)
        raise RefusedPlan(str(error) + _nearest(mixture, supplies, larger=larger)) from error
    if demand.total > MAX_SLOTS:
        raise RefusedPlan(
            f"budget: {demand.total} sequences of {mixture.sequence_length} tokens; "
            f"one plan holds {MAX_SLOTS} at most"
        )
    rows = apportion(demand.legs)
    breaches = list(_breaches(mixture, supplies, demand, rows))
    if not breaches:
        return demand, rows
    lines = [breach.text for breach in breaches[:MAX_SHOWN]]
    if len(breaches) > MAX_SHOWN:
        lines.append(f"and {len(breaches) - MAX_SHOWN} more")
    mends = {breach.mend for breach in breaches}
    if mends == {"smaller"} or mends == {"larger"}:
        lines[-1] += _nearest(mixture, supplies, larger=mends == {"larger"})
    raise RefusedPlan("\n".join(lines))


def _breaches(
    mixture: Mixture, supplies: Mapping[str, Supply], demand: Demand, rows: list[Row]
) -> Iterator[Breach]:
    length = mixture.sequence_length
    sources = tuple(mixture.walk())
    used = [0] * len(sources)
    by_leg = [[0] * len(sources) for _ in demand.legs]
    for row in rows:
        for index, count in enumerate(row.counts):
            used[index] += count
            by_leg[row.leg][index] += count
    for index, source in enumerate(sources):
        supply = supplies[source.path]
        wanted = [_wants(source, leg, index) for leg in demand.legs]
        if not supply.sequences:
            if source.repeat is not None or source.weight is None or any(wanted):
                yield Breach("never", f"{_at(source)} holds no whole sequence of {length} tokens")
            continue
        yield from _cap(source, supply, used[index], length)
        if source.repeat is not None and not demand.repeats[index]:
            text = f"{_at(source)}: repeat {source.repeat} of {supply.sequences} sequences is none"
            yield Breach("never", text)
            continue
        for number, (leg, wants) in enumerate(zip(demand.legs, wanted, strict=True)):
            if wants and not by_leg[number][index]:
                share = float(asked(leg)[index])
                before = demand.legs[number - 1].until if number else 0
                yield Breach(
                    "larger",
                    f"{_at(source)}: a share of {share:.3g} of {leg.until - before} sequences"
                    + (f" in stage {number + 1}" if len(demand.legs) > 1 else "")
                    + " yields no sequence: give it more weight, or none",
                )


def _wants(source: Source, leg: Leg, index: int) -> bool:
    return source.repeat is None and asked(leg)[index] > 0


def _cap(source: Source, supply: Supply, used: int, length: int) -> Iterator[Breach]:
    most = source.max_epochs
    if most is not None and used > most * supply.sequences:
        yield Breach(
            "never" if source.repeat is not None else "smaller",
            f"{_at(source)}: {used * length} tokens are "
            f"{show_epochs(Fraction(used, supply.sequences))} epochs of its "
            f"{supply.sequences * length}, max_epochs is {_number(most)}: "
            f"{int(most * supply.sequences) * length} tokens at most",
        )


def _at(source: Source) -> str:
    place = f"{source.place}: " if source.place.file else ""
    return f"{place}source {source.path}"


def _number(value: Fraction) -> str:
    return str(value) if value.denominator == 1 else f"{float(value):g}"


# The nearest budget.
def _nearest(mixture: Mixture, supplies: Mapping[str, Supply], *, larger: bool) -> str:
    if mixture.budget_tokens is None:
        return ""
    length = mixture.sequence_length
    total = _search(mixture, supplies, mixture.budget_tokens // length, larger=larger)
    if total is None:
        return "; no other budget is feasible with these weights and caps"
    return (
        f"; the nearest feasible budget is {total * length} tokens ({total} sequences of {length})"
    )


def _search(
    mixture: Mixture, supplies: Mapping[str, Supply], total: int, *, larger: bool
) -> int | None:
    """The largest feasible total below `total`, or the smallest above it; None without one."""
    if larger:
        low, high = total, max(1, total)
        while _mend(mixture, supplies, high) == "larger":
            low, high = high, 2 * high
            if high > MAX_SLOTS:
                return None
        while high - low > 1:
            middle = (low + high) // 2
            if _mend(mixture, supplies, middle) == "larger":
                low = middle
            else:
                high = middle
        found = range(high, high + 3)
    else:
        low, high = 0, total
        while high - low > 1:
            middle = (low + high) // 2
            if _mend(mixture, supplies, middle) == "smaller":
                high = middle
            else:
                low = middle
        found = range(low, max(0, low - 3), -1)
    return next((t for t in found if _mend(mixture, supplies, t, exact=True) is None), None)


def _mend(
    mixture: Mixture, supplies: Mapping[str, Supply], total: int, *, exact: bool = False
) -> str | None:
    """What would mend a stream of `total` sequences: "smaller", "larger", "never"; None if fine.

    Without `exact` a ramp counts by its mean, which differs by a sequence at most.
    """
    try:
        demand = demand_of(mixture, supplies, total=total)
    except TooLittle:
        return "larger"
    except TooMuch:
        return "smaller"
    if not exact:
        legs = tuple(Leg(leg.until, asked(leg)) for leg in demand.legs)
        demand = Demand(demand.total, legs, demand.repeats)
    mends = {b.mend for b in _breaches(mixture, supplies, demand, apportion(demand.legs))}
    return next((mend for mend in ("smaller", "larger", "never") if mend in mends), None)
