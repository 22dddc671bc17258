"""The options of the step `decontaminate` in a recipe or profile, with the place of every fault."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from curation.base.errors import AwaseError
from curation.base.fields import Fields
from curation.base.licenses import read_license
from curation.base.nodes import List
from curation.decontaminate.sets import EvaluationSet
from curation.decontaminate.step import (
    ACTIONS,
    COMMON,
    DEFAULTS,
    UNITS,
    Decontaminate,
)
from curation.steps import PART, Rule

OPTIONS = ("action", "sets", "unit", "n", "shortest", "whole_below", "common")
SET_KEYS = ("name", "path", "fields", "id", "license")
MAX_SETS, MAX_FIELDS = 200, 20


def read_decontaminate(
    fields: Fields, folder: Path, *, rules: Sequence[Rule], name: str | None, words: bool
) -> Decontaminate | None:
    """The step of `fields` (a step of a recipe or profile); None where a fault was reported.

    Paths are looked up from `folder`; `words` is the unit where none is given.
    """
    before = len(fields.problems.found)
    inner = fields.inner("options", known=OPTIONS, required=("action", "sets"))
    if inner is None:
        fields.report("options", "say what happens (action) and what is looked for (sets)")
        return None
    action = ACTIONS[ACTIONS.index(inner.choice("action", ACTIONS, "drop"))]
    unit = UNITS[UNITS.index(inner.choice("unit", UNITS, UNITS[words]))]
    usual, low, high, least, whole = DEFAULTS[unit]
    n = inner.integer("n", usual, minimum=low, maximum=high) or usual
    options: dict[str, Any] = {
        "n": n,
        "shortest": inner.integer("shortest", min(least, n), minimum=1, maximum=n),
        "whole_below": inner.integer("whole_below", max(whole, n), minimum=n, maximum=10_000),
        "common": inner.integer("common", COMMON, minimum=1, maximum=10**6) or COMMON,
    }
    sets = _sets(inner, folder)
    if len(fields.problems.found) > before:
        return None
    try:
        return Decontaminate(sets=sets, action=action, unit=unit, rules=rules, name=name, **options)
    except AwaseError as error:
        inner.report("sets", str(error))
        return None


def _sets(fields: Fields, folder: Path) -> list[EvaluationSet]:
    found: list[EvaluationSet] = []
    nodes = fields.items("sets", maximum=MAX_SETS)
    if isinstance(node := fields.value("sets"), List) and not node.items:
        fields.report("sets", "name at least one evaluation set")
    for number, node in enumerate(nodes):
        path = f"{fields.key_path('sets')}[{number}]"
        item = Fields(node, fields.problems, path, known=SET_KEYS, required=("name", "path"))
        one = _set(item, folder)
        if one is not None and any(one.name == other.name for other in found):
            item.report("name", f"a second evaluation set named {one.name!r}")
        elif one is not None:
            found.append(one)
    return found


def _set(fields: Fields, folder: Path) -> EvaluationSet | None:
    name, path = fields.text("name"), fields.text("path")
    if name is None or path is None:
        return None
    if not PART.fullmatch(name):
        fields.report(
            "name", f"a name has at most 63 of a-z, 0-9 and '_', a letter first; found {name!r}"
        )
    license = fields.text("license") or "NOASSERTION"
    if read_license(license).unread:
        fields.report("license", f"{license!r} is no SPDX expression; NOASSERTION says: unknown")
    names = tuple(node.text for node in fields.texts("fields", maximum=MAX_FIELDS))
    if any(not part.strip() for entry in names for part in entry.split("+")):
        fields.report("fields", "an entry is a field, or several joined by '+'")
    item = EvaluationSet(name, str((folder / path).absolute()), names, fields.text("id"), license)
    try:
        return item.pinned()
    except AwaseError as error:
        fields.report("path", str(error))
        return None
