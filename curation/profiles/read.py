"""From a profile's YAML to steps; every fault is reported with its line and column."""

from __future__ import annotations

import re
from collections.abc import Mapping as Mapping_
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from curation.base.errors import AwaseError, NotFound
from curation.base.fields import Fields, nearest
from curation.base.yaml import Document, Mapping, Node, Problems, Scalar, read
from curation.profiles.kinds import KINDS, step_class
from curation.rules.base import RuleStep
from curation.steps import PART, Op, Rule, Statistic, Step
from curation.words.languages import LANGUAGES

FOLDER = Path(__file__).parent
MAX_STEPS = 100
REASON = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}", re.ASCII)
BOUNDS: dict[str, Op] = {"max": ">", "min": "<", "under": ">=", "over": "<=", "is": "=="}


@dataclass(frozen=True, slots=True)
class Profile:
    """A named, ordered list of steps."""

    name: str
    description: str
    steps: tuple[Step, ...]
    whole_text: bool = False  # its peer identifies the language of whole texts


def profile_names() -> list[str]:
    """The profiles that ship with awase, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


@dataclass(frozen=True, slots=True)
class Around:
    """What steps are read within: the folder of their file, and whether text has words by spaces
    (the unit of a step that compares characters or words)."""

    folder: Path = Path()
    words: bool = True


def load_profile(name: str | Path) -> list[Step]:
    """The steps of a shipped profile, or of a profile file given by path.

    NotFound lists the shipped ones; InvalidDocument carries every fault of the file.
    """
    return list(read_profile(name).steps)


def read_profile(name: str | Path, *, words: bool = True) -> Profile:
    """As `load_profile`, with the profile's name and description."""
    text = str(name)
    if isinstance(name, Path) or text.endswith((".yaml", ".yml")) or "/" in text:
        return _profile(read(name), Around(Path(name).parent, words))
    if text not in profile_names():
        raise NotFound(
            f"there is no profile {text!r}{nearest(text, profile_names())}; "
            "a file of your own is named by its path, ending in .yaml"
        )
    return _profile(read(FOLDER / f"{text}.yaml", file=f"{text}.yaml"), Around(FOLDER, words))


def _profile(document: Document, around: Around) -> Profile:
    problems = document.problems
    keys = ("version", "name", "description", "language", "steps")
    fields = Fields(document.root, problems, known=keys, required=("version", "name", "steps"))
    fields.integer("version", minimum=1, maximum=1)
    name = fields.text("name") or ""
    description = fields.text("description") or ""
    whole = fields.choice("language", ("prefix", "whole"), "prefix") == "whole"
    steps = read_steps(fields.items("steps", maximum=MAX_STEPS), problems, "steps", around)
    problems.finish()
    return Profile(name, description, tuple(steps), whole)


def read_steps(nodes: Sequence[Node], problems: Problems, path: str, around: Around) -> list[Step]:
    """The steps under a `steps:` key; where problems were found the list is short of some."""
    steps: list[Step] = []
    for index, node in enumerate(nodes):
        step = _step(node, problems, f"{path}[{index}]", around)
        if step is None:
            continue
        if any(step.name == other.name for other in steps):
            problems.add(
                node.line,
                node.column,
                f"{path}[{index}]",
                f"a second step named {step.name!r}: give it another `name`",
            )
            continue
        steps.append(step)
    return steps


def _step(node: Node, problems: Problems, path: str, around: Around) -> Step | None:
    before = len(problems.found)
    fields = Fields(
        node,
        problems,
        path,
        known=("step", "name", "source", "options", "rules"),
        required=("step",),
    )
    kind = fields.text("step")
    if kind is None:
        return None
    if kind not in KINDS:
        fields.report("step", f"there is no step {kind!r}{nearest(kind, KINDS)}")
        return None
    cls = step_class(kind)
    name = fields.text("name")
    if name is not None and not PART.fullmatch(name):
        fields.report(
            "name", f"a name has at most 63 of a-z, 0-9 and '_', a letter first; found {name!r}"
        )
    source = fields.text("source") or ""
    rules = _rules(fields, {statistic.name: statistic for statistic in cls.statistics})
    if kind == "decontaminate":  # its options are not plain values
        from curation.decontaminate.read import read_decontaminate

        own = read_decontaminate(fields, around.folder, rules=rules, name=name, words=around.words)
        if own is not None and source:
            own.source = source
        return own
    options = _options(fields, cls.options)
    if len(problems.found) > before:
        return None
    try:
        step: RuleStep = cls(rules=rules, name=name, **options)
    except AwaseError as error:  # an option's value: a list that is not there, too many stop words
        fields.report("options", str(error))
        return None
    names = {statistic.name for statistic in step.statistics}
    for rule in rules:
        if rule.statistic not in names:
            fields.report(
                "options",
                f"they leave out {rule.statistic!r}, on which the rule {rule.reason!r} is set",
            )
            return None
    step.source = source
    return step


def _options(fields: Fields, known: dict[str, type]) -> dict[str, Any]:
    inner = fields.inner("options", known=list(known))
    options: dict[str, Any] = {}
    if inner is None:
        return options
    for key, kind in known.items():
        if key not in inner:
            continue
        if kind is bool:
            options[key] = inner.flag(key, False)
        elif key == "language":
            options[key] = inner.choice(key, LANGUAGES, LANGUAGES[0])
        elif kind is str:
            options[key] = inner.text(key)
        elif kind is int:
            options[key] = inner.integer(key, minimum=0, maximum=1 << 40)
        elif kind is float:
            options[key] = inner.share(key, 0.0)
        else:
            options[key] = [node.text for node in inner.texts(key)]
    return options


def _rules(fields: Fields, statistics: Mapping_[str, Statistic]) -> list[Rule]:
    inner = fields.inner("rules", known=None)
    rules: list[Rule] = []
    for reason in inner.entries if inner is not None else ():
        assert inner is not None
        if not REASON.fullmatch(reason):
            inner.report_key(
                reason, "a reason has at most 63 letters, digits and '_', a letter first"
            )
        rule = _rule(inner, reason, statistics)
        if rule is not None:
            rules.append(rule)
    return rules


def _rule(parent: Fields, reason: str, statistics: Mapping_[str, Statistic]) -> Rule | None:
    known = ("statistic", "source", "annotate", *BOUNDS)
    fields = parent.inner(reason, known=known, required=("source",))
    if fields is None or not isinstance(fields.node, Mapping):
        return None
    statistic = fields.text("statistic", reason) or reason
    if statistic not in statistics:
        where = "statistic" if "statistic" in fields else reason
        holder = fields if "statistic" in fields else parent
        holder.report(where, f"there is no statistic {statistic!r}{nearest(statistic, statistics)}")
    bounds = [key for key in BOUNDS if key in fields]
    if len(bounds) != 1:
        parent.report(reason, f"give exactly one of {', '.join(BOUNDS)}; found {len(bounds)}")
        return None
    if statistic in statistics:
        _check_kind(fields, bounds[0], statistics[statistic])
    source = fields.text("source")
    if source is not None and not source.strip():
        fields.report("source", "say where the threshold comes from")
    return Rule(
        reason=reason,
        statistic=statistic,
        op=BOUNDS[bounds[0]],
        threshold=_threshold(fields, bounds[0]),
        source=source or "",
        annotate=fields.flag("annotate", False),
    )


def _check_kind(fields: Fields, key: str, statistic: Statistic) -> None:
    """A bound is of the statistic's own kind: a flag `is` true or false, a number is no flag."""
    node = fields.value(key)
    if not isinstance(node, Scalar):
        return
    flag = statistic.dtype == pa.bool_()
    if flag and not (key == "is" and node.kind == "boolean"):
        found = f"found {key}: {node.text}"
        fields.report(key, f"{statistic.name} is true or false: write `is: true`, {found}")
    elif not flag and key == "is" and node.kind not in ("integer", "float"):
        fields.report(key, f"{statistic.name} is a number, found {node.describe()}")


def _threshold(fields: Fields, key: str) -> float | int | bool | str:
    node = fields.scalar(key, what="a number, true, false or a string")
    if node is None:
        return 0
    if node.kind == "boolean":
        return node.plain() is True
    if node.kind == "string" and key == "is":
        return node.text
    number = fields.number(key)
    if number is None:
        return 0
    return int(number) if node.kind == "integer" else float(number)
