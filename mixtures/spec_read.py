"""YAML nodes to a Mixture. One pass, every problem; nothing raises before the end."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

from curation.base.errors import InvalidDocument, UsageError
from curation.base.fields import Fields, nearest
from curation.base.licenses import HUB_IDS, known_licenses, parse_expression
from curation.base.names import check_name, parse_reference
from curation.base.predicate import Predicate, parse
from curation.base.yaml import Document, Entry, Mapping, Node, Problems, Scalar, load
from mixtures import spec_keys as keys
from mixtures.extends import extend
from mixtures.license_table import OWN_TERMS, TERMS
from mixtures.quantities import parse_tokens, share_of, weight_of, whole_text
from mixtures.spec import Group, Licenses, Mixture, Place, Resolver, Sampling, Source, shares
from mixtures.spec_stages import read_stages

_NAME = re.compile(keys.SOURCE_NAME, re.ASCII)


def read(text: str | bytes, *, file: str, resolver: Resolver | None) -> Mixture:
    """What `mixtures.spec.read_mixture` promises."""
    document = load(text, file=file)
    if document.broken or not version_is_known(document):
        document.problems.finish()
    root = extend(document, resolver)
    mixture = _Reader(root, document.problems).mixture()
    document.problems.finish()
    assert mixture is not None
    return mixture


def version_is_known(document: Document) -> bool:
    """Whether the document says `version: 1`; anything else is its only problem."""
    root = document.root
    entry = root.entries.get("version") if isinstance(root, Mapping) else None
    if not isinstance(root, Mapping):
        text = f"a mixture is a mapping of keys, found {root.describe()}"
    elif entry is None:
        text = "the key 'version' is missing: write `version: 1` first"
    elif isinstance(entry.value, Scalar) and entry.value.text == "1":
        return True
    else:
        text = f"this awase reads version 1, found {entry.value.describe()}"
    document.problems.at(entry.value if entry else root, "version" if entry else "", text)
    return False


class _Reader:
    def __init__(self, root: Node, problems: Problems) -> None:
        self.problems = problems
        self.top = Fields(root, problems, known=keys.TOP, required=keys.REQUIRED)
        self.advice: list[str] = []
        self.count = 0

    def mixture(self) -> Mixture | None:
        """The mixture, or None where a key that everything needs is missing."""
        top = self.top
        name = self.name()
        tokenizer = self.reference(top, "tokenizer")
        length = top.integer("sequence_length", minimum=2, maximum=keys.MAX_SEQUENCE_LENGTH)
        root = self.root()
        budget = self.budget(root)
        separators = self.separators()
        description = top.text("description", "") or ""
        tags = tuple(scalar.text for scalar in top.texts("tags"))
        mixture = Mixture(
            name=name or "?",
            tokenizer=tokenizer or "?",
            sequence_length=length or 2,
            root=root,
            seed=top.integer("seed", 0, minimum=0, maximum=keys.MAX_SEED) or 0,
            budget_tokens=budget,
            packing=top.choice("packing", keys.PACKINGS, "concat"),  # type: ignore[arg-type]
            licenses=self.licenses(),
            holdout=self.holdout(),
            by=top.choice("by", keys.BY, "tokens"),  # type: ignore[arg-type]
            bos=separators["bos"],
            eos=separators["eos"],
            labels=top.choice("labels", keys.LABELS, "shift"),  # type: ignore[arg-type]
            loss=top.choice("loss", keys.LOSSES, "all"),  # type: ignore[arg-type]
            description=description,
            tags=tags,
            places={entry.key: _place(entry.value) for entry in top.entries.values()},
        )
        stages = read_stages(top, mixture)
        return replace(mixture, stages=stages, advice=tuple(self.advice))

    def name(self) -> str | None:
        name = self.top.text("name")
        if name is None:
            return None
        try:
            return check_name(name)
        except UsageError as error:
            self.top.report("name", str(error).removeprefix("name "))
            return None

    def reference(self, fields: Fields, key: str) -> str | None:
        text = fields.text(key)
        if text is None:
            return None
        try:
            return str(parse_reference(text, what=key))
        except UsageError as error:
            fields.report(key, str(error).removeprefix(key + " "))
            return None

    def root(self) -> Group:
        place = _place(self.top.node)
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
            place = _place(fields.entries["weight"].value)
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
        return Group(path, children, weight, sampling, _place(fields.node))

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
            dataset=self.reference(fields, "dataset") or "?",
            weight=weight,
            repeat=repeat,
            where=condition.canonical() if condition else None,
            max_epochs=most,
            condition=condition,
            place=_place(fields.node),
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
        try:
            predicate = parse(text, file=node.file, key=key, place=node.offset)
        except InvalidDocument as error:
            self.problems.extend(error.problems)
            return None
        self.advice.extend(f"{_place(node)}: {key}: {text}" for text in predicate.advice)
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

    def budget(self, root: Group) -> int | None:
        top = self.top
        node = top.scalar("budget", what="tokens such as 100B")
        if node is None:
            if root.shares and not top.says("budget"):
                text = "the key 'budget' is missing: weights share a number of tokens"
                self.problems.at(top.node, "", text)
            return None
        if repeats(root):
            text = "every source has `repeat`, so the data gives the length: leave budget out"
            top.report("budget", text)
            return None
        try:
            return parse_tokens(whole_text(node))
        except ValueError as error:
            top.report("budget", str(error))
            return None

    def holdout(self) -> Fraction:
        number = share_of(self.top, "holdout")
        if number is None or 0 <= number < 1:
            return number or Fraction(0)
        shown = getattr(self.top.value("holdout"), "text", "")
        self.top.report("holdout", f"expected a fraction from 0 to under 1, found {shown}")
        return Fraction(0)

    def separators(self) -> dict[str, bool]:
        result = {"bos": False, "eos": True}
        inner = self.top.inner("separators", known=keys.SEPARATORS)
        for key in result:
            if inner is not None and key in inner:
                node = inner.value(key)
                # the short form {bos, eos} names what is on
                null = isinstance(node, Scalar) and node.kind == "null"
                result[key] = True if null else inner.flag(key, result[key])
        return result

    def licenses(self) -> Licenses:
        inner = self.top.inner("licenses", known=keys.LICENSES)
        if inner is None:
            return Licenses()
        allow, deny = self.license_ids(inner, "allow"), self.license_ids(inner, "deny")
        terms = []
        for node in inner.texts("deny_terms"):
            name = node.text
            if name not in TERMS and not name.startswith(OWN_TERMS):
                text = f"unknown terms {node.text!r}{nearest(name, TERMS)}"
                text += f" (names of your own begin with {OWN_TERMS!r})"
                self.problems.at(node, inner.key_path("deny_terms"), text)
            terms.append(name)
        return Licenses(
            allow=allow if "allow" in inner else None,
            deny=deny,
            deny_terms=tuple(dict.fromkeys(terms)),
            place=_place(inner.node),
        )

    def license_ids(self, fields: Fields, key: str) -> tuple[str, ...]:
        found = []
        for node in fields.texts(key):
            try:
                found.append(parse_expression(HUB_IDS.get(node.text.strip().lower(), node.text)))
            except ValueError as error:
                near = nearest(node.text, known_licenses()).partition("; there are")[0]
                self.problems.at(node, fields.key_path(key), f"{error}{near}")
        return tuple(dict.fromkeys(found))


def repeats(group: Group) -> bool:
    """Whether there are sources and all of them say `repeat`."""
    return any(True for _ in group.walk()) and not group.shares


def _place(node: Node) -> Place:
    return Place(node.file, node.line, node.column)
