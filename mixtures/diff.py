"""What changed between two mixtures, in what matters before training, and in lines of YAML.

Tokens and epochs come from the shares and the budget, counted as a plan counts them, against the
whole token set of each source. No view is built, so a `where` or a hold-out makes the real epochs
higher than those shown; a note says so.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from curation.base.errors import NotFound, RefusedPlan
from curation.base.licenses import read_license
from mixtures.budget import apportion
from mixtures.catalog import Catalog, DatasetVersion
from mixtures.quantities import show_share, show_tokens
from mixtures.shares import Supply, demand_of
from mixtures.spec import Mixture, Source

# Stands for a source whose tokens are not known: so large that no share or cap depends on it.
_UNKNOWN = Supply(1 << 40, 1 << 40)
_OF_SOURCES = ("sources", "name", "version")


@dataclass(frozen=True, slots=True)
class Facts:
    """One source of one mixture. `available` and `epochs` are None where it is not tokenized."""

    dataset: str
    version: str | None
    where: str | None
    share: Fraction | None
    tokens: int | None
    available: int | None
    licenses: tuple[str, ...]
    terms: tuple[str, ...]

    @property
    def epochs(self) -> float | None:
        if self.tokens is None or not self.available:
            return None
        return self.tokens / self.available

    def document(self) -> dict[str, Any]:
        return {
            "dataset": self.dataset,
            "version": self.version,
            "where": self.where,
            "share": None if self.share is None else float(self.share),
            "tokens": self.tokens,
            "available_tokens": self.available,
            "epochs": None if self.epochs is None else round(self.epochs, 4),
            "licenses": list(self.licenses),
            "terms": list(self.terms),
        }


@dataclass(frozen=True, slots=True)
class Change:
    """A source before and after; None where it is not in that mixture."""

    path: str
    before: Facts | None
    after: Facts | None

    @property
    def kind(self) -> str:
        if self.before is None:
            return "added"
        if self.after is None:
            return "removed"
        return "same" if self.before == self.after else "changed"


@dataclass(frozen=True, slots=True)
class Diff:
    """All that differs from mixture `before` to mixture `after` (references)."""

    before: str
    after: str
    settings: tuple[tuple[str, str, str], ...]
    sources: tuple[Change, ...]
    text: tuple[str, ...]
    notes: tuple[str, ...]

    def obligations(self) -> dict[str, list[str]]:
        """Licences and terms that come in and go out with this change."""
        old, new = (self._all(side) for side in ("before", "after"))
        return {"added": sorted(new - old), "removed": sorted(old - new)}

    def _all(self, side: str) -> set[str]:
        found = [getattr(change, side) for change in self.sources]
        return {name for facts in found if facts for name in (*facts.licenses, *facts.terms)}

    def document(self) -> dict[str, Any]:
        return {
            "from": self.before,
            "to": self.after,
            "settings": [{"key": key, "from": old, "to": new} for key, old, new in self.settings],
            "sources": [
                {
                    "path": change.path,
                    "change": change.kind,
                    "from": None if change.before is None else change.before.document(),
                    "to": None if change.after is None else change.after.document(),
                }
                for change in self.sources
            ],
            "licenses_and_terms": self.obligations(),
            "lines": list(self.text),
            "notes": list(self.notes),
        }

    def lines(self) -> Iterator[str]:
        """The difference for a person: sources first, YAML last."""
        yield f"{self.before} -> {self.after}"
        for change in self.sources:
            if change.kind != "same":
                yield f"  {change.kind:<8} {change.path}: {_moved(change)}"
        for key, old, new in self.settings:
            yield f"  {key}: {old} -> {new}"
        for word, names in self.obligations().items():
            if names:
                yield f"  licences and terms {word}: {', '.join(names)}"
        for note in self.notes:
            yield f"  note: {note}"
        yield from self.text


def diff(
    catalog: Catalog,
    before: tuple[str, str, Mixture],
    after: tuple[str, str, Mixture],
) -> Diff:
    """Compare two mixtures, each given as (reference, text, mixture)."""
    notes: list[str] = []
    old, new = (_facts(catalog, name, mixture, notes) for name, _, mixture in (before, after))
    paths = list(dict.fromkeys([*new, *old]))
    lines = difflib.unified_diff(
        before[1].splitlines(), after[1].splitlines(), before[0], after[0], lineterm="", n=2
    )
    return Diff(
        before[0],
        after[0],
        tuple(_settings(before[2], after[2])),
        tuple(Change(path, old.get(path), new.get(path)) for path in paths),
        tuple(lines),
        tuple(dict.fromkeys(notes)),
    )


def _settings(before: Mixture, after: Mixture) -> Iterator[tuple[str, str, str]]:
    old, new = before.document(), after.document()
    for key in dict.fromkeys([*old, *new]):
        if key not in _OF_SOURCES and old.get(key) != new.get(key):
            yield key, _shown(old.get(key)), _shown(new.get(key))


def _shown(value: Any) -> str:
    return "-" if value is None else json.dumps(value, ensure_ascii=False)


def _facts(catalog: Catalog, name: str, mixture: Mixture, notes: list[str]) -> dict[str, Facts]:
    versions: dict[str, DatasetVersion | None] = {}
    tokens: dict[str, int | None] = {}
    for source in mixture.walk():
        versions[source.path] = _version(catalog, source, notes)
        tokens[source.path] = _available(catalog, mixture, versions[source.path], notes)
        if source.where is not None or mixture.holdout:
            notes.append("epochs count whole token sets: `where` and hold-out make them higher")
    used = _used(name, mixture, tokens, notes)
    total = sum(used.values())
    return {
        source.path: Facts(
            source.dataset,
            _reference(versions[source.path]),
            source.where,
            Fraction(used[source.path], total) if total else None,
            used.get(source.path),
            tokens[source.path],
            *_rights(versions[source.path]),
        )
        for source in mixture.walk()
    }


def _version(catalog: Catalog, source: Source, notes: list[str]) -> DatasetVersion | None:
    try:
        return catalog.dataset(source.dataset)
    except NotFound as error:
        notes.append(str(error))
        return None


def _available(
    catalog: Catalog, mixture: Mixture, version: DatasetVersion | None, notes: list[str]
) -> int | None:
    """Tokens of one epoch with separators; None where the version is not tokenized."""
    if version is None:
        return None
    try:
        digest = catalog.tokenizer(mixture.tokenizer).digest
        found = catalog.token_set(version.text_digest, digest)
    except NotFound as error:
        notes.append(str(error))
        return None
    return int(found.tokens + found.documents * (mixture.bos + mixture.eos))


def _used(
    name: str, mixture: Mixture, tokens: Mapping[str, int | None], notes: list[str]
) -> dict[str, int]:
    """Tokens that each source gives over the whole stream; empty where that cannot be said."""
    length = mixture.sequence_length
    sized = any(group.sampling for group in mixture.root.groups()) or any(
        source.repeat is not None for source in mixture.walk()
    )
    if sized and None in tokens.values():
        notes.append(f"{name}: `sampling` and `repeat` need the tokens of every source")
        return {}
    supplies = {
        path: _UNKNOWN if count is None else Supply(count // length, count // length)
        for path, count in tokens.items()
    }
    try:
        demand = demand_of(mixture, supplies)
    except RefusedPlan as error:
        notes.append(f"{name}: {error}")
        return {}
    sums = [0] * len(supplies)
    for row in apportion(demand.legs):
        sums = [total + count for total, count in zip(sums, row.counts, strict=True)]
    return {path: count * length for path, count in zip(supplies, sums, strict=True)}


def _reference(version: DatasetVersion | None) -> str | None:
    return None if version is None else version.reference


def _rights(version: DatasetVersion | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if version is None:
        return (), ()
    rights = [read_license(license) for license in version.manifest.licenses]
    licenses = {one.expression for one in rights}
    terms = {name for one in rights for name in one.terms} | set(version.manifest.terms)
    return tuple(sorted(licenses)), tuple(sorted(terms))


def _moved(change: Change) -> str:
    """`36B tokens, 2.1 epochs, 40% -> 41B tokens, 2.4 epochs, 45%`."""
    old, new = change.before, change.after
    if old is None or new is None:
        facts = new or old
        assert facts is not None
        return f"{facts.dataset}, {_amounts(facts)}, {', '.join(facts.licenses) or '?'}"
    parts = [f"{_amounts(old)} -> {_amounts(new)}"]
    for label, first, second in (
        ("", old.version or old.dataset, new.version or new.dataset),
        ("where ", old.where or "everything", new.where or "everything"),
        ("", ", ".join(old.licenses + old.terms), ", ".join(new.licenses + new.terms)),
    ):
        if first != second:
            parts.append(f"{label}{first} -> {second}")
    return "; ".join(parts)


def _amounts(facts: Facts) -> str:
    tokens = "? tokens" if facts.tokens is None else f"{show_tokens(facts.tokens)} tokens"
    epochs = "? epochs" if facts.epochs is None else f"{facts.epochs:.2f} epochs"
    share = "?" if facts.share is None else show_share(facts.share)
    return f"{tokens}, {epochs}, {share}"
