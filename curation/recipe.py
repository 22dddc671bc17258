"""A recipe: which documents are read, what is asked of them, and which datasets they become.

    version: 1
    input: {text: text, max_bad_records: 10}
    datasets:
      web-ja:
        languages: [ja]
        profile: ja-default
        dedup: {minhash: {preset: 14x8, unit: characters}}
    output: {shard_bytes: 512MB}

Documents go to the first dataset that names their language; one that fits none is recorded with the
reason `language` in the audit of the first dataset, so that the datasets add up to the input.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from curation.base import predicate, yaml
from curation.base.digest import digest_of
from curation.base.errors import AwaseError, InvalidDocument
from curation.base.fields import Fields, nearest
from curation.base.names import NAME
from curation.base.predicate import Predicate
from curation.dedup.minhash import PRESETS, MinHash, Unit
from curation.language import MARGIN, PREFIX_CHARACTERS, Language
from curation.normalise import SWITCHES, Normalise
from curation.readers.foreign import PREFIX, reader_names
from curation.readers.records import ReadOptions
from curation.steps import PART, Step, fingerprint_of, rules_document

VERSION = 1
KEYS = ("version", "name", "description", "input", "normalise", "language", "datasets", "output")
_INPUT = (
    *("format", "text", "fields", "columns", "constants", "max_bad_records", "max_record_bytes"),
    *("max_expansion", "task_bytes", "datatrove"),
)
_DATASET = ("languages", "min_score", "profile", "steps", "annotate", "keep", "dedup")
FORMATS = ("auto", "jsonl", "parquet", "text", "html")
RENAMED = ("id", "url", "source", "license", "terms", "generated_by", "judged_by")
TYPES = ("string", "int64", "double", "bool")
_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


@dataclass(frozen=True, slots=True)
class InputOptions:
    format: str | None = None  # None: by the file's name
    read: ReadOptions = field(default_factory=ReadOptions)
    max_expansion: int = 200
    task_bytes: int = 32_000_000


@dataclass(frozen=True, slots=True)
class Dedup:
    """`exact` and `minhash` are switched apart; None: no near deduplication."""

    exact: bool = True
    minhash: MinHash | None = field(default_factory=MinHash)


@dataclass(frozen=True, slots=True)
class DatasetRecipe:
    """One dataset of a recipe; `languages` None takes whatever no earlier dataset took."""

    name: str
    languages: tuple[str, ...] | None
    min_score: float
    steps: tuple[Step, ...]
    keep: Predicate | None
    dedup: Dedup


@dataclass(frozen=True, slots=True)
class OutputOptions:
    shard_bytes: int = 512_000_000
    row_group_bytes: int = 64_000_000


@dataclass(frozen=True, slots=True)
class Recipe:
    name: str
    description: str
    input: InputOptions
    normalise: Normalise | None
    language: Language
    datasets: tuple[DatasetRecipe, ...]
    output: OutputOptions
    text: str  # as it was written

    def document(self) -> dict[str, Any]:
        """What decides the result, as canonical JSON values; its digest names the recipe."""
        read = self.input.read
        return {
            "version": VERSION,
            "input": {
                "format": self.input.format or "auto",
                "text": read.text_field,
                "fields": dict(read.fields),
                "columns": dict(read.typed),
                "constants": dict(read.constants),
                "max_bad_records": read.max_bad_records,
                "max_record_bytes": read.max_record_bytes,
                "task_bytes": self.input.task_bytes,
            },
            "normalise": None if self.normalise is None else _step_document(self.normalise),
            "language": _step_document(self.language),
            "datasets": [_dataset_document(dataset) for dataset in self.datasets],
            "output": {
                "shard_bytes": self.output.shard_bytes,
                "row_group_bytes": self.output.row_group_bytes,
            },
        }

    @property
    def fingerprint(self) -> str:
        return digest_of(self.document())


def _step_document(step: Step) -> dict[str, Any]:
    return fingerprint_of(step) | {"rules": rules_document(step)}


def _dataset_document(dataset: DatasetRecipe) -> dict[str, Any]:
    minhash = dataset.dedup.minhash
    return {
        "name": dataset.name,
        "languages": None if dataset.languages is None else list(dataset.languages),
        "min_score": repr(dataset.min_score),
        "steps": [_step_document(step) for step in dataset.steps],
        "keep": None if dataset.keep is None else dataset.keep.canonical(),
        "dedup": {
            "exact": dataset.dedup.exact,
            "minhash": None if minhash is None else minhash.settings,
        },
    }


def read_recipe(path: str | Path) -> Recipe:
    """The recipe in a file; NotFound or InvalidDocument with every fault's line and column."""
    return _recipe(yaml.read(path), Path(path).read_text("utf-8"), Path(path).parent)


def parse_recipe(text: str, *, file: str = "<recipe>", folder: Path = Path()) -> Recipe:
    """The recipe in a text; profile files are looked up from `folder`."""
    return _recipe(yaml.load(text, file=file), text, folder)


def _recipe(document: yaml.Document, text: str, folder: Path) -> Recipe:
    problems = document.problems
    fields = Fields(document.root, problems, known=KEYS, required=("version", "datasets"))
    fields.integer("version", minimum=VERSION, maximum=VERSION)
    options = _input(fields.inner("input", known=_INPUT))
    normalise = _normalise(fields)
    language = _language(fields.inner("language", known=("model", "prefix", "margin")), folder)
    datasets = _datasets(fields, folder)
    output = _output(fields.inner("output", known=("shard_bytes", "row_group_bytes")))
    name = fields.text("name") or Path(document.file).stem
    description = fields.text("description") or ""
    problems.finish()
    return Recipe(name, description, options, normalise, language, datasets, output, text)


def _input(fields: Fields | None) -> InputOptions:
    if fields is None:
        return InputOptions()
    format = fields.choice("format", FORMATS, "auto")
    default = ReadOptions()
    read = ReadOptions(
        text_field=fields.text("text") or default.text_field,
        fields=_texts(fields, "fields", known=RENAMED),
        typed=_columns(fields),
        constants=_texts(fields, "constants", known=RENAMED[1:]),
        max_bad_records=fields.integer("max_bad_records", 0, minimum=0, maximum=10**9) or 0,
        max_record_bytes=_size(fields, "max_record_bytes", default.max_record_bytes),
    )
    chosen = None if format == "auto" else format
    if "datatrove" in fields:
        chosen = PREFIX + fields.choice("datatrove", reader_names(), "")
    return InputOptions(
        chosen,
        read,
        fields.integer("max_expansion", 200, minimum=1, maximum=10**6) or 200,
        _size(fields, "task_bytes", InputOptions().task_bytes),
    )


def _texts(fields: Fields, key: str, *, known: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    inner = fields.inner(key, known=known)
    if inner is None:
        return ()
    found = [(name, inner.text(name)) for name in known if name in inner]
    return tuple((name, text) for name, text in found if text is not None)


def _columns(fields: Fields) -> tuple[tuple[str, str], ...]:
    inner = fields.inner("columns", known=None)
    found: list[tuple[str, str]] = []
    for name in inner.entries if inner is not None else ():
        assert inner is not None
        if not PART.fullmatch(name) or name in ("text", "metadata", "language", *RENAMED):
            inner.report_key(name, "this name cannot become a column: use a-z, 0-9, '_', not ours")
        found.append((name, inner.choice(name, TYPES, "string")))
    return tuple(found)


def _size(fields: Fields, key: str, default: int) -> int:
    """Bytes: a whole number, or one with KB, MB, GB, KiB, MiB, GiB."""
    node = fields.scalar(key, what="a size such as 512MB")
    if node is None:
        return default
    text = node.text.replace(" ", "").upper()
    digits = text.rstrip("KMGIB")
    unit = text[len(digits) :]
    try:
        size = Fraction(digits) * _UNITS[unit]
    except (ValueError, KeyError, ZeroDivisionError):
        fields.report(key, f"expected a size such as 512MB or 64MiB, found {node.describe()}")
        return default
    if size.denominator != 1 or not 1 <= size <= 1 << 50:
        fields.report(key, f"expected a whole number of bytes up to 1 PiB, found {node.text}")
        return default
    return int(size)


def _normalise(fields: Fields) -> Normalise | None:
    node = fields.value("normalise")
    if isinstance(node, yaml.Scalar):
        return Normalise() if fields.flag("normalise", True) else None
    inner = fields.inner("normalise", known=SWITCHES)
    if inner is None:
        return Normalise()
    return Normalise(frozenset(name for name in SWITCHES if not inner.flag(name, True)))


def _language(fields: Fields | None, folder: Path) -> Language:
    if fields is None:
        return Language()
    model = fields.text("model")
    prefix: int | None = PREFIX_CHARACTERS
    node = fields.value("prefix")
    if isinstance(node, yaml.Scalar) and node.kind == "null":
        prefix = None
    else:
        prefix = fields.integer("prefix", PREFIX_CHARACTERS, minimum=1, maximum=10**9)
    margin = _share(fields, "margin", MARGIN)
    try:
        return Language(None if model is None else str(folder / model), prefix, margin)
    except AwaseError as error:
        fields.report("model", str(error))
        return Language()


def _share(fields: Fields, key: str, default: float) -> float:
    number = fields.number(key)
    if number is None:
        return default
    if not 0 <= number <= 1:
        fields.report(key, f"expected a number from 0 to 1, found {float(number)}")
    return float(number)


def _datasets(fields: Fields, folder: Path) -> tuple[DatasetRecipe, ...]:
    inner = fields.inner("datasets", known=None)
    found: list[DatasetRecipe] = []
    taken: dict[str | None, str] = {}
    if inner is None:
        return ()
    for name in inner.entries:
        if not NAME.fullmatch(name):
            inner.report_key(name, "a dataset's name has a-z, 0-9, '.', '_', '-'")
        item = inner.inner(name, known=_DATASET)
        if item is None:
            continue
        dataset = _dataset(name, item, folder)
        for language in dataset.languages or (None,):
            if language in taken:
                what = "all other languages" if language is None else language
                inner.report_key(name, f"{what} already go to {taken[language]}")
            taken[language] = name
        found.append(dataset)
    if not found:
        fields.report("datasets", "name at least one dataset")
    return tuple(found)


def _dataset(name: str, fields: Fields, folder: Path) -> DatasetRecipe:
    languages = None
    if "languages" in fields:
        languages = tuple(node.text for node in fields.texts("languages"))
        if not languages:
            fields.report("languages", "name at least one language, or leave the key out for all")
    steps = _annotated(_steps(fields, folder), fields)
    return DatasetRecipe(
        name,
        languages,
        _share(fields, "min_score", 0.0),
        steps,
        _keep(fields),
        _dedup(fields, words=languages is None or "ja" not in languages),
    )


def _steps(fields: Fields, folder: Path) -> tuple[Step, ...]:
    from curation.profiles import read_profile, read_steps

    steps: list[Step] = []
    profile = fields.text("profile")
    if profile is not None:
        path = folder / profile if profile.endswith((".yaml", ".yml")) else None
        try:
            steps += read_profile(profile if path is None else path).steps
        except InvalidDocument as error:
            fields.problems.extend(error.problems)
        except AwaseError as error:
            fields.report("profile", str(error))
    own = fields.items("steps")
    steps += read_steps(own, fields.problems, fields.key_path("steps"))
    names = [step.name for step in steps]
    for name in sorted({name for name in names if names.count(name) > 1}):
        fields.report("steps", f"the step {name!r} is in the profile already: give it a `name`")
    return tuple(steps)


def _annotated(steps: tuple[Step, ...], fields: Fields) -> tuple[Step, ...]:
    """The steps with the rules named under `annotate` counted only; `step.reason` names a rule."""
    known = [f"{step.name}.{rule.reason}" for step in steps for rule in step.rules]
    chosen: set[str] = set()
    for node in fields.texts("annotate"):
        if node.text in known:
            chosen.add(node.text)
        else:
            fields.fault(
                node,
                fields.key_path("annotate"),
                f"no rule {node.text!r}{nearest(node.text, known)}",
            )
    return tuple(_with_annotated(step, chosen) for step in steps)


def _with_annotated(step: Step, chosen: set[str]) -> Step:
    if not any(name.startswith(f"{step.name}.") for name in chosen):
        return step
    changed: Any = copy.copy(step)
    changed.rules = tuple(
        replace(rule, annotate=True) if f"{step.name}.{rule.reason}" in chosen else rule
        for rule in step.rules
    )
    answer: Step = changed
    return answer


def _keep(fields: Fields) -> Predicate | None:
    node = fields.scalar("keep", what="a condition")
    if node is None:
        return None
    key = fields.key_path("keep")
    try:
        return predicate.parse(node.text, file=fields.problems.file, key=key, place=node.offset)
    except InvalidDocument as error:
        fields.problems.extend(error.problems)
        return None


def _dedup(fields: Fields, *, words: bool) -> Dedup:
    unit: Unit = "words" if words else "characters"
    node = fields.value("dedup")
    if isinstance(node, yaml.Scalar):
        on = fields.flag("dedup", True)
        return Dedup(on, MinHash(unit=unit) if on else None)
    inner = fields.inner("dedup", known=("exact", "minhash"))
    if inner is None:
        return Dedup(True, MinHash(unit=unit))
    exact = inner.flag("exact", True)
    if isinstance(inner.value("minhash"), yaml.Scalar):
        return Dedup(exact, MinHash(unit=unit) if inner.flag("minhash", True) else None)
    options = inner.inner("minhash", known=("preset", "bands", "rows", "unit", "ngram"))
    if options is None:
        return Dedup(exact, MinHash(unit=unit))
    bands, rows = PRESETS[options.choice("preset", tuple(PRESETS), "14x8")]
    chosen = options.choice("unit", ("characters", "words"), unit)
    return Dedup(
        exact,
        MinHash(
            options.integer("bands", bands, minimum=1, maximum=450) or bands,
            options.integer("rows", rows, minimum=1, maximum=64) or rows,
            "words" if chosen == "words" else "characters",
            options.integer("ngram", 5, minimum=1, maximum=64) or 5,
        ),
    )


def _output(fields: Fields | None) -> OutputOptions:
    if fields is None:
        return OutputOptions()
    default = OutputOptions()
    return OutputOptions(
        _size(fields, "shard_bytes", default.shard_bytes),
        _size(fields, "row_group_bytes", default.row_group_bytes),
    )
