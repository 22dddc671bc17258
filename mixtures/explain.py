"""What a plan means to a person: tokens, epochs and shares a stage and source; trees; what-ifs.

    describe(draft)                    the JSON that `mixture plan --json` prints
    tree(draft)                        the lines of `mixture explain`
    changed(mixture, {"budget": ...})  a mixture with what `--what-if` names replaced

Tokens are token slots: sequences times the sequence length, padding included.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from curation.base.errors import UsageError
from curation.base.fields import nearest
from mixtures.budget import Leg
from mixtures.plan import Draft, Resolved
from mixtures.quantities import (
    parse_epochs,
    parse_tokens,
    parse_weight,
    show_epochs,
    show_share,
    show_tokens,
)
from mixtures.shares import asked
from mixtures.spec import Group, Mixture, Source

_LAST, _MORE, _BAR, _GAP = "└── ", "├── ", "│   ", "    "


@dataclass(frozen=True, slots=True)
class Line:
    """One source in one stage, or over the whole stream.

    available, used    tokens of one epoch, and tokens delivered
    share, realised    asked and delivered part of the tokens, 0 to 1
    bytes_read         of the token files, for all that is delivered
    """

    item: Resolved
    available: int
    used: int
    share: Fraction
    realised: Fraction
    bytes_read: int

    @property
    def epochs(self) -> Fraction:
        return Fraction(self.used, self.available) if self.available else Fraction(0)

    def document(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "path": self.item.path,
            "dataset": self.item.dataset.reference,
            "tokens_available": self.available,
            "tokens_used": self.used,
            "epochs": float(self.epochs),
            "share_asked": float(self.share),
            "share_realised": float(self.realised),
            "licenses": entry["licenses"],
            "terms": entry["terms"],
            "bytes_read": self.bytes_read,
        }


def stage_lines(draft: Draft) -> list[tuple[Leg, list[Line]]]:
    """Every stage of the mixture with a line a source; a ramp is one stage."""
    length, start, found = draft.mixture.sequence_length, 0, []
    for number, leg in enumerate(draft.demand.legs):
        counts = [0] * len(draft.resolved)
        for row in draft.rows:
            if row.leg == number:
                counts = [a + b for a, b in zip(counts, row.counts, strict=True)]
        lines = _lines(draft.resolved, counts, asked(leg), leg.until - start, length)
        found.append((leg, lines))
        start = leg.until
    return found


def total_lines(draft: Draft) -> list[Line]:
    """A line a source over the whole stream."""
    total, start = draft.demand.total, 0
    counts = [sum(column) for column in zip(*(row.counts for row in draft.rows), strict=True)]
    shares = [Fraction(0)] * len(counts)
    for leg in draft.demand.legs:
        part = Fraction(leg.until - start, total)
        shares = [a + part * b for a, b in zip(shares, asked(leg), strict=True)]
        start = leg.until
    return _lines(draft.resolved, counts, shares, total, draft.mixture.sequence_length)


def _lines(
    resolved: Sequence[Resolved],
    counts: Sequence[int],
    shares: Sequence[Fraction],
    total: int,
    length: int,
) -> list[Line]:
    return [
        Line(
            item=item,
            available=item.view.sequences * length,
            used=count * length,
            share=share,
            realised=Fraction(count, total),
            bytes_read=_bytes_read(item, count),
        )
        for item, count, share in zip(resolved, counts, shares, strict=True)
    ]


def _bytes_read(item: Resolved, count: int) -> int:
    """Stored tokens of one epoch, scaled to `count` sequences, in bytes of the token files."""
    size = 2 if item.token_set.dtype == "uint16" else 4
    per_epoch = item.view.stored_tokens - item.view.tail_tokens
    return max(0, per_epoch) * size * count // max(1, item.view.sequences)


def describe(draft: Draft) -> dict[str, Any]:
    """The plan as `mixture plan --json` and the HTTP service give it."""
    mixture, length = draft.mixture, draft.mixture.sequence_length
    entries = draft.document["sources"]
    ramps = [stage.ramp for stage in mixture.stages] or [False]
    stages = [
        {
            "until_tokens": leg.until * length,
            "until_sequences": leg.until,
            "ramp": ramp,
            "sources": [line.document(entry) for line, entry in zip(lines, entries, strict=True)],
        }
        for (leg, lines), ramp in zip(stage_lines(draft), ramps, strict=True)
    ]
    sources = [
        line.document(entry)
        | {
            "version": entry["version"],
            "view": entry["view"],
            "sequences_available": entry["sequences"],
            "sequences_used": line.used // length,
            "documents": line.item.view.documents,
            "tokens_unused_tail": line.item.view.tail_tokens,
            "tokens_padding": line.item.view.padding_tokens,
            "tokens_holdout": entry["holdout_sequences"] * length,
        }
        for line, entry in zip(total_lines(draft), entries, strict=True)
    ]
    return {
        "plan": draft.plan.digest,
        "mixture": mixture.name,
        "tokenizer": draft.plan.tokenizer,
        "sequence_length": length,
        "packing": mixture.packing,
        "seed": mixture.seed,
        "budget_tokens": mixture.budget_tokens,
        "tokens": draft.demand.total * length,
        "sequences": draft.demand.total,
        "stages": stages,
        "sources": sources,
        "licenses": draft.verdict.document(),
    }


def headline(draft: Draft) -> str:
    """One line: the plan's short digest, its length, and what rounding took."""
    total, length = draft.demand.total, draft.mixture.sequence_length
    text = (
        f"plan {draft.plan.digest[7:19]} of {draft.mixture.name}: {total:,} sequences of "
        f"{length:,} = {total * length:,} tokens"
    )
    budget = draft.mixture.budget_tokens
    if budget is not None and budget != total * length:
        text += f" (budget {budget:,}, rounded down to whole sequences)"
    return text


# The tree.
def tree(draft: Draft) -> Iterator[str]:
    """The mixture as a tree: share asked and realised, epochs, short digests."""
    lines = {line.item.path: line for line in total_lines(draft)}
    yield headline(draft)
    yield from _branches(draft.mixture.root, lines, "")
    for number, stage in enumerate(draft.mixture.stages):
        leg = draft.demand.legs[number]
        weights = ", ".join(f"{path} {float(w):g}" for path, w in stage.weights.items())
        kind = "ramp to" if stage.ramp else "weights" if weights else "weights as before"
        text = f"stage {number + 1} until {show_tokens(leg.until * draft.mixture.sequence_length)}"
        yield f"{text}: {kind} {weights}".rstrip()
    yield from draft.verdict.lines()


def _branches(group: Group, lines: Mapping[str, Line], indent: str) -> Iterator[str]:
    for child in group.children:
        last = child is group.children[-1]
        yield indent + (_LAST if last else _MORE) + _node(child, lines)
        if isinstance(child, Group):
            yield from _branches(child, lines, indent + (_GAP if last else _BAR))


def _node(child: Group | Source, lines: Mapping[str, Line]) -> str:
    leaves = child.walk() if isinstance(child, Group) else [child]
    inside = [lines[leaf.path] for leaf in leaves]
    share = sum((line.share for line in inside), Fraction(0))
    realised = sum((line.realised for line in inside), Fraction(0))
    used = sum(line.used for line in inside)
    name = child.path.rpartition(".")[2]
    text = f"{name}  {show_tokens(used)} asked {show_share(share)} realised {show_share(realised)}"
    if isinstance(child, Group):
        return text + (f"  by {child.sampling.kind}" if child.sampling else "")
    line = inside[0]
    version, view = line.item.dataset, line.item.view
    return (
        f"{text}  {epochs(line)} epochs of {show_tokens(line.available)}  "
        f"{version.reference} {version.digest[7:19]} view {view.digest[7:19]}"
        + (f" where {child.where}" if child.where else "")
    )


def epochs(line: Line) -> str:
    """Epochs for people: 3.2, 0.0125."""
    return f"{float(line.epochs):.3g}" if line.epochs < 1000 else show_epochs(line.epochs)


# What if.
def changed(mixture: Mixture, changes: Mapping[str, str]) -> Mixture:
    """The mixture with a budget, weights or caps replaced; UsageError names a wrong key or value.

    Keys are `budget`, `weights.PATH` (in every stage) and `max_epochs.PATH`. With another budget
    the stages keep their part of it.
    """
    for key, text in changes.items():
        kind, _, path = key.partition(".")
        if key == "budget":
            mixture = _with_budget(mixture, _parsed(key, text, parse_tokens))
        elif kind == "weights" and path:
            mixture = _with_weight(mixture, path, _parsed(key, text, parse_weight))
        elif kind == "max_epochs" and path:
            cap = _parsed(key, text, parse_epochs)
            root, found = _replaced(mixture.root, path, max_epochs=cap)
            if not found:
                raise _unknown(mixture, path, "source")
            mixture = replace(mixture, root=root)
        else:
            raise UsageError(f"what-if: {key!r} is none of budget, weights.PATH, max_epochs.PATH")
    return mixture


def _parsed(key: str, text: str, parse: Any) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        raise UsageError(f"what-if: {key}={text[:60]}: {error}") from error


def _with_budget(mixture: Mixture, budget: int) -> Mixture:
    if mixture.budget_tokens is None:
        raise UsageError("what-if: a mixture of `repeat` alone has no budget to change")
    scale = Fraction(budget, mixture.budget_tokens)
    stages = tuple(
        replace(stage, until_tokens=int(stage.until_tokens * scale)) for stage in mixture.stages
    )
    return replace(mixture, budget_tokens=budget, stages=stages)


def _with_weight(mixture: Mixture, path: str, weight: Fraction) -> Mixture:
    root, found = _replaced(mixture.root, path, weight=weight)
    if not found:
        raise _unknown(mixture, path, "weighed source or group")
    stages = tuple(
        replace(stage, weights={**stage.weights, path: weight}) if path in stage.weights else stage
        for stage in mixture.stages
    )
    return replace(mixture, root=root, stages=stages)


def _replaced(group: Group, path: str, **values: Any) -> tuple[Group, bool]:
    """`group` with values of the child at `path` replaced, and whether that child may have them."""
    children, found = [], False
    for child in group.children:
        new: Group | Source = child
        if child.path == path:
            # Only what has a weight gets another; only a source has a cap.
            found = child.weight is not None if "weight" in values else isinstance(child, Source)
            new = replace(child, **values) if found else child
        elif isinstance(child, Group) and path.startswith(child.path + "."):
            new, found = _replaced(child, path, **values)
        children.append(new)
    return replace(group, children=tuple(children)), found


def _unknown(mixture: Mixture, path: str, what: str) -> UsageError:
    names = [child.path for group in mixture.root.groups() for child in group.children]
    return UsageError(f"what-if: there is no {what} {path!r}{nearest(path, names)}")
