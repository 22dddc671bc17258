"""What changed between two mixtures, in what matters before training, and in lines of YAML.

What each source gives is mixtures.diff_facts. Where either mixture extends another, the lines are
those of both as resolved, so that what a base brings in shows too.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from curation.base.licenses import NOASSERTION
from mixtures.catalog import Catalog
from mixtures.diff_facts import Facts, facts_of
from mixtures.quantities import show_share, show_tokens
from mixtures.spec import Mixture
from mixtures.spec_write import to_yaml

_OF_SOURCES = ("sources", "name", "version")


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
        if not self.text and not self.settings and all(c.kind == "same" for c in self.sources):
            yield f"{self.before} and {self.after} are the same"
            return
        yield f"{self.before} -> {self.after}"
        for change in self.sources:
            if change.kind != "same":
                yield f"  {change.kind:<8} {change.path}: {_moved(change)}"
        for key, old, new in self.settings:
            yield f"  {key}: {old} -> {new}"
        for word, names in self.obligations().items():
            if names:
                yield f"  licences and terms {word}: {_named(names)}"
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
    old, new = (facts_of(catalog, name, mixture, notes) for name, _, mixture in (before, after))
    paths = list(dict.fromkeys([*new, *old]))
    resolved = any("extends" in mixture.places for _, _, mixture in (before, after))
    texts = [
        (to_yaml(mixture) if resolved else text).splitlines()
        for _, text, mixture in (before, after)
    ]
    names = [f"{name} (resolved)" if resolved else name for name, _, _ in (before, after)]
    lines = difflib.unified_diff(texts[0], texts[1], names[0], names[1], lineterm="", n=2)
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


def _moved(change: Change) -> str:
    """`36B tokens, 2.1 epochs, 40% -> 41B tokens, 2.4 epochs, 45%`."""
    old, new = change.before, change.after
    if old is None or new is None:
        facts = new or old
        assert facts is not None
        names = _named(facts.licenses + facts.terms)
        where = f", where {facts.where}" if facts.where else ""
        return f"{facts.dataset}{where}, {_amounts(facts)}, {names}"
    parts = [f"{_amounts(old)} -> {_amounts(new)}"]
    for label, first, second in (
        ("", old.version or old.dataset, new.version or new.dataset),
        ("where ", old.where or "everything", new.where or "everything"),
        ("", _named(old.licenses + old.terms), _named(new.licenses + new.terms)),
    ):
        if first != second:
            parts.append(f"{label}{first} -> {second}")
    return "; ".join(parts)


def _named(names: Sequence[str]) -> str:
    """Licences and terms for a person; what nobody stated is "?"."""
    return ", ".join("?" if name == NOASSERTION else name for name in names) or "?"


def _amounts(facts: Facts) -> str:
    tokens = "? tokens" if facts.tokens is None else f"{show_tokens(facts.tokens)} tokens"
    epochs = "? epochs" if facts.epochs is None else f"{facts.epochs:.2f} epochs"
    if facts.rough and facts.epochs is not None:
        epochs += " of the whole set"
    share = "?" if facts.share is None else show_share(facts.share)
    return f"{tokens}, {epochs}, {share}"
