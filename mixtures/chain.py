"""Plans that continue a plan from a position on: the entries of a run's journal.

    skip(parent, start=p, end=q)             what the parent delivers at q comes at p
    reweigh(parent, at=p, weights={...})     other weights from p to the parent's end
    continue_plan(parent, mixture, ..., at=p)   another mixture from p on

Each takes the parent's plan.json and gives a new one, for `mixtures.plan.write_plan`. All that the
parent does before the position is embedded: its stages, the last one cut short. So the new plan
alone replays the run from zero, and (plan, position) stays the whole state. Sources go on from the
draws they have had, which follow from the embedded stages.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from typing import Any

from awase_client.engine.order import Order
from awase_client.engine.plan import Plan
from curation.base.digest import canonical
from curation.base.errors import RefusedPlan, UsageError
from curation.base.fields import nearest
from curation.base.store import Store
from mixtures.budget import Leg, Row, apportion
from mixtures.catalog import Catalog
from mixtures.plan import Resolved, resolve, settings_of, tree_of, verdict_of
from mixtures.quantities import show_epochs
from mixtures.shares import demand_of
from mixtures.spec import Mixture

Document = Mapping[str, Any]


def skip(parent: Document, *, start: int, end: int) -> dict[str, Any]:
    """Leave out what the parent delivers at positions start .. end - 1; the stream gets shorter.

    The sources are drawn as if it had been delivered: nothing comes later instead.
    """
    plan = _plan(parent)
    if not 0 <= start < end <= plan.total:
        raise UsageError(
            f"skip {start}..{end}: from < to, within the {plan.total} positions of {plan.digest}"
        )
    first, last = _slot(plan, start), _slot(plan, end - 1) + 1
    omit: list[list[int]] = []
    for low, high in sorted([*map(list, plan.omit), [first, last]]):
        if omit and low <= omit[-1][1]:
            omit[-1][1] = max(omit[-1][1], high)
        else:
            omit.append([low, high])
    return {**parent, "omit": omit, "parent": plan.digest, "from": start, "restart": []}


def reweigh(parent: Document, *, at: int, weights: Mapping[str, Fraction]) -> dict[str, Any]:
    """Give sources or groups, by dotted path, other weights from position `at` to the end.

    A weight is relative to its siblings'; a sibling that is not named weighs what its share of the
    group is in the parent, stage by stage. RefusedPlan where a named weight yields no sequence.
    """
    plan = _plan(parent)
    if not 0 <= at < plan.total:
        raise UsageError(f"position {at} is outside 0..{plan.total - 1} of {plan.digest}")
    slot = _slot(plan, at)
    rest = [stage for stage in plan.stages if stage.until > slot]
    paths = _paths(plan, {stage.tree for stage in rest})
    for path in weights:
        if path not in paths:
            near = nearest(path, sorted(paths))
            raise UsageError(f"weights: no source or group {path!r} in {plan.digest}{near}")
    legs = []
    for stage in rest:
        vector = [Fraction(0)] * len(plan.sources)
        tree, counts = plan.trees[stage.tree], stage.counts.tolist()
        _share_out(plan, tree, "", Fraction(1), counts, weights, vector)
        legs.append(Leg(stage.until, tuple(vector)))
    rows = apportion(legs, start=slot)
    for path, weight in weights.items():
        for index, source in enumerate(plan.sources):
            inside = source.path == path or source.path.startswith(path + ".")
            asked = weight and any(leg.shares[index] for leg in legs)
            if inside and asked and not any(row.counts[index] for row in rows):
                raise RefusedPlan(
                    f"weights: {path}: {weight} yields source {source.path} no sequence in the "
                    f"{plan.total - at} positions from {at}: give it more weight, or 0"
                )
    return _continued(parent, plan, at, rows, [stage.tree for stage in rest])


def continue_plan(
    parent: Document,
    mixture: Mixture,
    catalog: Catalog,
    store: Store,
    *,
    at: int,
    restart: Collection[str] = (),
    workers: int = 2,
) -> dict[str, Any]:
    """Go on with `mixture` from position `at`; its `budget` and `until` count from position 0.

    Stages that end before `at` are past; the one that holds it begins there. A source goes on from
    the draws it had; one whose view is another now is refused unless `restart` names its path:
    then it begins anew. RefusedPlan, as make_plan, and where a setting of the stream differs.
    """
    plan = _plan(parent)
    resolved = resolve(mixture, catalog, store, workers=workers)
    _same_settings(parent, settings_of(mixture, resolved[0].token_set))
    if not 0 <= at <= plan.total:
        raise UsageError(f"position {at} is outside 0..{plan.total} of {plan.digest}")
    demand = demand_of(mixture, {item.path: item.supply for item in resolved})
    if demand.total <= at:
        raise RefusedPlan(
            f"budget: {demand.total} sequences end before position {at}, where it continues"
        )
    shift = _slot(plan, at) - at
    legs = [
        Leg(leg.until + shift, leg.shares, leg.ramp_from) for leg in demand.legs if leg.until > at
    ]
    rows = apportion(legs, start=at + shift)
    verdict = verdict_of(mixture, resolved, rows)
    if verdict.refusals:
        raise RefusedPlan("\n".join(str(finding) for finding in verdict.refusals))
    sources, ids = _joined(parent, plan, resolved, restart)
    drawn = Order(plan).counts(at).tolist() + [0] * (len(sources) - len(plan.sources))
    _check_counts(resolved, ids, drawn, legs, rows)
    spread = [Row(row.until, row.leg, _spread(row.counts, ids, len(sources))) for row in rows]
    trees = list(parent["trees"])
    tree = tree_of(mixture.root, {item.path: ids[k] for k, item in enumerate(resolved)})
    if tree not in trees:
        trees.append(tree)
    number = trees.index(tree)
    wider = {**parent, "sources": sources, "trees": trees}
    return _continued(wider, plan, at, spread, [number] * len(legs), restart=restart)


def _continued(
    parent: Document,
    plan: Plan,
    at: int,
    rows: Sequence[Row],
    trees: Sequence[int],
    *,
    restart: Collection[str] = (),
) -> dict[str, Any]:
    """The parent up to `at`, then `rows`; trees[leg] is the tree of the rows of a leg."""
    slot, count = _slot(plan, at), len(parent["sources"])
    stages = [
        {
            "until": min(stage.until, slot),
            "tree": stage.tree,
            "counts": stage.counts.tolist() + [0] * (count - len(plan.sources)),
        }
        for stage in plan.stages
        if stage.start < slot
    ]
    stages += [
        {"until": row.until, "tree": trees[row.leg], "counts": list(row.counts)} for row in rows
    ]
    return {
        **parent,
        "stages": stages,
        "omit": [[first, to] for first, to in plan.omit if first < slot],
        "parent": plan.digest,
        "from": at,
        "restart": sorted(restart),
    }


def _plan(document: Document) -> Plan:
    return Plan.from_bytes(canonical(document))


def _slot(plan: Plan, position: int) -> int:
    """The slot of a position; for the position after the last one, the first slot not drawn."""
    slot = position
    for first, to in plan.omit:
        if slot < first:
            break
        slot += to - first
    return slot


# reweigh: shares of a group, from counts and the weights named.
def _paths(plan: Plan, trees: Collection[int]) -> set[str]:
    """Every source and group of the trees, by dotted path."""
    paths = set()
    for index in trees:
        for child, _ in _nodes(plan, plan.trees[index], ""):
            paths.add(child)
    return paths


def _nodes(plan: Plan, tree: Any, path: str) -> list[tuple[str, Any]]:
    found = []
    for child, node in _children(plan, tree, path):
        found.append((child, node))
        if not isinstance(node, int):
            found += _nodes(plan, node, child)
    return found


def _children(plan: Plan, tree: Any, path: str) -> list[tuple[str, Any]]:
    """(dotted path, node) of a group's children; a group is named by what its sources share."""
    depth = path.count(".") + 2 if path else 1
    named = []
    for node in tree:
        leaf = node
        while not isinstance(leaf, int):
            leaf = leaf[0]
        named.append((".".join(plan.sources[leaf].path.split(".")[:depth]), node))
    return named


def _share_out(
    plan: Plan,
    tree: Any,
    path: str,
    share: Fraction,
    counts: Sequence[int],
    weights: Mapping[str, Fraction],
    vector: list[Fraction],
) -> None:
    """Share a group's part among its children, down to the sources in `vector`."""
    children = _children(plan, tree, path)
    amounts = [_amount(node, counts) for _, node in children]
    whole = sum(amounts)
    parts = [
        weights.get(child, Fraction(amount, whole) if whole else Fraction(0))
        for (child, _), amount in zip(children, amounts, strict=True)
    ]
    total = sum(parts)
    if not total:
        raise RefusedPlan(
            f"weights: nothing is left in {'group ' + path if path else 'the mixture'} to draw "
            "from: name a weight above 0 for one of its children"
        )
    for (child, node), part in zip(children, parts, strict=True):
        if isinstance(node, int):
            vector[node] = share * part / total
        elif part:
            _share_out(plan, node, child, share * part / total, counts, weights, vector)


def _amount(node: Any, counts: Sequence[int]) -> int:
    if isinstance(node, int):
        return counts[node]
    return sum(_amount(child, counts) for child in node)


# continue_plan: whose draws go on, and what may not change.
def _same_settings(parent: Document, settings: Mapping[str, Any]) -> None:
    for key, value in settings.items():
        if parent[key] != value:
            raise RefusedPlan(
                f"{key}: {value!r}, the plan it continues has {parent[key]!r}: a stream keeps its "
                "settings; start a new run for others"
            )


def _joined(
    parent: Document, plan: Plan, resolved: Sequence[Resolved], restart: Collection[str]
) -> tuple[list[dict[str, Any]], list[int]]:
    """Sources of parent and mixture as one list, and the id of each resolved source in it."""
    missing = sorted(set(restart) - {item.path for item in resolved})
    if missing:
        raise UsageError(f"restart: the mixture has no source {missing[0]!r}")
    # A path that restarted before stands more than once: the last one is in use.
    present = {source.path: index for index, source in enumerate(plan.sources)}
    sources, ids, changed = list(parent["sources"]), [], []
    for item in resolved:
        index = present.get(item.path)
        if index is None or item.path in restart:
            ids.append(len(sources))
            sources.append(item.entry())
            continue
        old = plan.sources[index]
        if old.view != item.view.digest:
            changed.append(
                f"source {item.path}: its view changed, {old.dataset}@{old.version} had "
                f"{old.sequences} sequences, {item.dataset.reference} has {item.view.sequences}"
            )
        ids.append(index)
        sources[index] = item.entry()
    if changed:
        changed.append("go on with the same versions, or list the sources under restart")
        raise RefusedPlan("\n".join(changed))
    return sources, ids


def _check_counts(
    resolved: Sequence[Resolved],
    ids: Sequence[int],
    drawn: Sequence[int],
    legs: Sequence[Leg],
    rows: Sequence[Row],
) -> None:
    """Caps count all draws of a source; a share that yields nothing is refused."""
    for k, item in enumerate(resolved):
        new, size = sum(row.counts[k] for row in rows), item.view.sequences
        if new == 0 and any(leg.shares[k] for leg in legs):
            raise RefusedPlan(f"source {item.path}: its weight yields no sequence")
        if new and not size:
            raise RefusedPlan(f"source {item.path} holds no whole sequence")
        most, used = item.source.max_epochs, drawn[ids[k]] + new
        if most is not None and new and used > most * size:
            raise RefusedPlan(
                f"source {item.path}: {drawn[ids[k]]} sequences drawn and {new} more are "
                f"{show_epochs(used / size)} epochs of its {size}, "
                f"max_epochs is {show_epochs(most)}"
            )


def _spread(counts: Sequence[int], ids: Sequence[int], size: int) -> tuple[int, ...]:
    out = [0] * size
    for index, count in zip(ids, counts, strict=True):
        out[index] = count
    return tuple(out)
