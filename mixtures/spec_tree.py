"""The sources of a mixture: groups that nest, each child weighed, repeated or sampled."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

from curation.base.errors import InvalidDocument, UsageError
from curation.base.fields import Fields
from curation.base.names import parse_reference
from curation.base.nodes import Entry, Mapping, Node, Scalar
from curation.base.predicate import Predicate, parse
from mixtures import spec_keys as keys
from mixtures.quantities import weight_of
from mixtures.spec import Group, Place, Sampling, Source, shares

_NAME = re.compile(keys.SOURCE_NAME, re.ASCII)


def repeats(group: Group) -> bool:
    """Whether there are sources and all of them say `repeat`."""
    return any(True for _ in group.walk()) and not group.shares


def place_of(node: Node) -> Place:
    return Place(node.file, node.line, node.column)


def reference(fields: Fields, key: str) -> str | None:
    text = fields.text(key)
    if text is None:
        return None
    try:
        return str(parse_reference(text, what=key))
    except UsageError as error:
        fields.report(key, str(error).removeprefix(key + " "))
        return None


class Tree:
    """Reads `sources` of a document; `advice` collects what is allowed and probably not meant."""

    def __init__(self, top: Fields) -> None:
        self.top = top
        self.problems = top.problems
        self.advice: list[str] = []
        self.count = 0
        self.conditions = 0  # characters of `where` so far

    def read(self) -> Group:
        place = place_of(self.top.node)
        found = self.top.inner("sources", known=None)
        if found is None:
            return Group("", (), place=place)
        sampling = self.sampling(self.top)
        if not found.entries and isinstance(found.node, Mapping):
            self.top.report("sources", "expected at least one source")
        return Group("", self.children(found, "", sampling), sampling=sampling, place=place)

    def children(
        self, fields: Fields, prefix: str, sampling: Sampling | None
    ) -> tuple[Group | Source, ...]:
        before = len(self.problems.found)
        children: list[Group | Source] = []
        for entry in fields.entries.values():
            if not _NAME.fullmatch(entry.key):
                text = "a source's name is 1 to 64 of letters, digits, '_' and '-'"
                fields.report_key(entry.key, text)
                continue
            where = fields.key_path(entry.key)
            child = self.child(entry, prefix + entry.key, where, sampling)
            if child is not None:
                children.append(child)
        whole = len(self.problems.found) == before
        part = [child.weight for child in children if shares(child)]
        if whole and sampling is None and part and not sum(weight or 0 for weight in part):
            self.problems.at(fields.node, fields.path, "all weights of this group are 0")
        return tuple(children)

    def child(
        self, entry: Entry, path: str, where: str, sampling: Sampling | None
    ) -> Group | Source | None:
        node = entry.value
        if not isinstance(node, Mapping):
            text = f"expected a mapping such as {{dataset: {entry.key}, weight: 1}}, "
            self.problems.at(node, where, text + f"found {node.describe()}")
            return None
        known = keys.GROUP if "sources" in node.entries else (*keys.SOURCE, "sources")
        fields = Fields(node, self.problems, where, known=known)
        child = self.group(fields, path) if "sources" in fields else self.source(fields, path)
        return self.weighed(fields, child, sampling)

    def weighed(
        self, fields: Fields, child: Group | Source, sampling: Sampling | None
    ) -> Group | Source:
        """Hold the child to its group's way of sharing: weights, or sampling, or neither."""
        if isinstance(child, Group) and child.weight is not None and repeats(child):
            text = "every source in this group repeats, so it shares nothing: leave weight out"
            fields.report_key("weight", text)
        elif sampling is not None and child.weight is not None:
            text = f"replaced by the sampling ({sampling.kind}) of its group"
            place = place_of(fields.entries["weight"].value)
            self.advice.append(f"{place}: {fields.key_path('weight')}: {text}")
            return replace(child, weight=None)
        elif sampling is None and shares(child) and not fields.says("weight"):
            if isinstance(child, Group):
                text = "the key 'weight' is missing: a group is weighed among its siblings"
                fields.fault(fields.node, fields.path, text)
            elif not fields.says("repeat"):
                text = "a source has one of weight and repeat; both are missing"
                fields.fault(fields.node, fields.path, text)
        return child

    def group(self, fields: Fields, path: str) -> Group:
        weight = weight_of(fields, "weight")
        sampling = self.sampling(fields)
        inner = fields.inner("sources", known=None)
        assert inner is not None
        if not inner.entries and isinstance(inner.node, Mapping):
            fields.report("sources", "expected at least one source")
        children = self.children(inner, path + ".", sampling)
        return Group(path, children, weight, sampling, place_of(fields.node))

    def source(self, fields: Fields, path: str) -> Source:
        self.count += 1
        if self.count == keys.MAX_SOURCES + 1:
            text = f"a mixture has at most {keys.MAX_SOURCES} sources"
            fields.fault(fields.node, fields.path, text)
        if not fields.says("dataset") and not fields.says("sources"):
            text = "expected the key 'dataset', or 'sources' for a group"
            fields.fault(fields.node, fields.path, text)
        weight = weight_of(fields, "weight")
        repeat = self.epochs(fields, "repeat")
        most = self.epochs(fields, "max_epochs")
        if repeat is not None and most is not None and repeat > most:
            fields.report("repeat", f"repeats {repeat} times, over max_epochs {most}")
        if "weight" in fields and "repeat" in fields:
            text = "a source has one of weight and repeat; leave one out"
            fields.report_key("repeat", text)
            repeat = None
        elif "repeat" in fields and repeat is None:
            repeat = Fraction(1)  # its fault is reported; it still is no source with a weight
        condition = self.condition(fields)
        return Source(
            path=path,
            dataset=reference(fields, "dataset") or "?",
            weight=weight,
            repeat=repeat,
            where=condition.canonical() if condition else None,
            max_epochs=most,
            condition=condition,
            place=place_of(fields.node),
        )

    def epochs(self, fields: Fields, key: str) -> Fraction | None:
        number = fields.number(key)
        if number is not None and not 0 < number <= keys.MAX_EPOCHS:
            shown = getattr(fields.value(key), "text", "")
            fields.report(key, f"epochs are over 0, up to {keys.MAX_EPOCHS}; found {shown}")
            return None
        return number

    def condition(self, fields: Fields) -> Predicate | None:
        text = fields.text("where", maximum=keys.MAX_WHERE)
        node = fields.value("where")
        if text is None or not isinstance(node, Scalar):
            return None
        key = fields.key_path("where")
        self.conditions += len(text)
        if self.conditions > keys.MAX_CONDITIONS:
            self.problems.at(
                node, key, f"all `where` have at most {keys.MAX_CONDITIONS} characters together"
            )
            return None
        try:
            predicate = parse(text, file=node.file, key=key, place=node.offset)
        except InvalidDocument as error:
            self.problems.extend(error.problems)
            return None
        self.advice.extend(f"{place_of(node)}: {key}: {text}" for text in predicate.advice)
        return predicate

    def sampling(self, fields: Fields) -> Sampling | None:
        inner = fields.inner("sampling", known=keys.SAMPLING)
        if inner is None or not isinstance(inner.node, Mapping):
            return None
        if len(inner.entries.keys() & set(keys.SAMPLING)) != 1:
            if set(inner.entries) <= set(keys.SAMPLING):
                fields.report("sampling", "expected one of temperature and unimax")
            return None
        if "temperature" in inner:
            number = inner.number("temperature")
            if number is None or 0 <= number <= 1:
                return None if number is None else Sampling("temperature", number)
            text = "temperature is the exponent of the size, 0 (uniform) to 1 (proportional)"
            inner.report("temperature", f"{text}; found {inner.value('temperature').text}")  # type: ignore[union-attr]
            return None
        unimax = inner.inner("unimax", known=("max_epochs",), required=("max_epochs",))
        most = None if unimax is None else self.epochs(unimax, "max_epochs")
        return None if most is None else Sampling("unimax", most)
