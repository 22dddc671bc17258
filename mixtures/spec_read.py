"""YAML nodes to a Mixture. One pass, every problem; nothing raises before the end."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from curation.base.errors import UsageError
from curation.base.fields import Fields, nearest
from curation.base.licenses import HUB_IDS, known_licenses, parse_expression
from curation.base.names import check_name
from curation.base.yaml import Document, Mapping, Node, Problems, Scalar, load
from mixtures import spec_keys as keys
from mixtures.extends import extend
from mixtures.license_table import OWN_TERMS, TERMS
from mixtures.quantities import parse_tokens, share_of, whole_text
from mixtures.spec import Group, Licenses, Mixture, Resolver
from mixtures.spec_stages import read_stages
from mixtures.spec_tree import Tree, place_of, reference, repeats


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

    def mixture(self) -> Mixture | None:
        """The mixture, or None where a key that everything needs is missing."""
        top = self.top
        name = self.name()
        tokenizer = reference(top, "tokenizer")
        length = top.integer("sequence_length", minimum=2, maximum=keys.MAX_SEQUENCE_LENGTH)
        tree = Tree(top)
        root = tree.read()
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
            places={entry.key: place_of(entry.value) for entry in top.entries.values()},
        )
        stages = read_stages(top, mixture)
        return replace(mixture, stages=stages, advice=tuple(tree.advice))

    def name(self) -> str | None:
        name = self.top.text("name")
        if name is None:
            return None
        try:
            return check_name(name)
        except UsageError as error:
            self.top.report("name", str(error).removeprefix("name "))
            return None

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
        for node in inner.texts("deny_terms", maximum=keys.MAX_LICENSES):
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
            place=place_of(inner.node),
        )

    def license_ids(self, fields: Fields, key: str) -> tuple[str, ...]:
        found = []
        for node in fields.texts(key, maximum=keys.MAX_LICENSES):
            try:
                found.append(parse_expression(HUB_IDS.get(node.text.strip().lower(), node.text)))
            except ValueError as error:
                near = fields.meant_by(node.text, known_licenses()).partition("; there are")[0]
                self.problems.at(node, fields.key_path(key), f"{error}{near}")
        return tuple(dict.fromkeys(found))
