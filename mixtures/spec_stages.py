"""The `stages` of a mixture: until when, which weights, whether they ramp."""

from __future__ import annotations

from fractions import Fraction

from curation.base.fields import Fields
from curation.base.yaml import Mapping, Node
from mixtures import spec_keys as keys
from mixtures.quantities import parse_percent, parse_tokens, weight_of, whole_text
from mixtures.spec import Group, Mixture, Place, Source, Stage, shares


def read_stages(top: Fields, mixture: Mixture) -> tuple[Stage, ...]:
    """The stages under `top`, checked against the mixture's sources and budget."""
    nodes = top.items("stages", maximum=keys.MAX_STAGES)
    if "stages" not in top:
        return ()
    if not nodes:
        if not top.problems.found:
            top.report("stages", "expected at least one stage, or no `stages` at all")
        return ()
    if mixture.budget_tokens is None:
        if not top.problems.found:
            top.report("stages", "stages divide a budget; a mixture of `repeat` alone has none")
        return ()
    reader = _StageReader(top, mixture)
    stages = [reader.stage(node, index) for index, node in enumerate(nodes)]
    reader.check_end([stage for stage in stages if stage is not None], complete=None not in stages)
    return tuple(stage for stage in stages if stage is not None)


class _StageReader:
    def __init__(self, top: Fields, mixture: Mixture) -> None:
        self.top = top
        self.budget = mixture.budget_tokens or 0
        self.before = 0
        self.last: Fields | None = None
        self.children: dict[str, Group | Source] = {}
        self.parents: dict[str, Group] = {}
        for group in mixture.root.groups():
            for child in group.children:
                self.children[child.path] = child
                self.parents[child.path] = group
        self.current = {path: child.weight for path, child in self.children.items()}

    def stage(self, node: Node, index: int) -> Stage | None:
        path = f"stages.{index}"
        fields = Fields(node, self.top.problems, path, known=keys.STAGE, required=("until",))
        if not isinstance(fields.node, Mapping):
            return None
        self.last = fields
        until = self.until(fields)
        weights = self.weights(fields)
        ramp = fields.choice("ramp", keys.RAMPS, "") == "linear"
        if ramp and not weights and "weights" not in fields:
            fields.report("ramp", "a ramp needs `weights` to run to")
        place = Place(fields.node.file, fields.node.line, fields.node.column)
        return None if until is None else Stage(until, weights, ramp, place)

    def until(self, fields: Fields) -> int | None:
        node = fields.scalar("until", what="tokens such as 80B, or 40%")
        if node is None:
            return None
        percent = parse_percent(node.text)
        try:
            if percent is not None:
                until = int(self.budget * percent)
            else:
                until = parse_tokens(whole_text(node))
        except ValueError as error:
            fields.report("until", str(error) + " or a percentage of the budget")
            return None
        if until > self.budget:
            fields.report("until", f"{node.text} is past the budget of {self.budget} tokens")
        elif until <= self.before:
            text = f"{node.text} does not come after the stage before (until {self.before} tokens)"
            fields.report("until", text)
        self.before = max(until, self.before)
        return until

    def weights(self, fields: Fields) -> dict[str, Fraction]:
        inner = fields.inner("weights", known=None)
        weights: dict[str, Fraction] = {}
        for path in inner.entries if inner is not None else ():
            assert inner is not None
            child = self.children.get(path)
            if child is None:
                inner.report_key(
                    path, "no source or group has this path" + inner.meant_by(path, self.children)
                )
            elif not shares(child):
                inner.report_key(path, "it has `repeat`, which no weight changes")
            elif self.parents[path].sampling is not None:
                inner.report_key(path, "its group's `sampling` sets this weight")
            else:
                weight = weight_of(inner, path)
                if weight is not None:
                    weights[path] = weight
        self.current.update(weights)
        zeroed = [path for path, weight in weights.items() if not weight]  # no other can empty one
        for group in {id(self.parents[path]): self.parents[path] for path in zeroed}.values():
            some = any(self.current[child.path] for child in group.children if shares(child))
            if not some and inner is not None:
                where = f"group {group.path!r}" if group.path else "the mixture"
                fields.report("weights", f"all weights of {where} are 0 in this stage")
        return weights

    def check_end(self, stages: list[Stage], *, complete: bool) -> None:
        if complete and stages and stages[-1].until_tokens < self.budget:
            assert self.last is not None
            text = f"the last stage ends at {stages[-1].until_tokens} tokens, before the budget "
            self.last.report("until", text + f"of {self.budget}")
