"""From YAML to a `Recipe`, or to every fault of the file with its line and column."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

from curation.base import predicate, yaml
from curation.base.errors import AwaseError, InvalidDocument
from curation.base.fields import Fields, nearest
from curation.base.names import NAME
from curation.base.predicate import Predicate
from curation.chat import ChatStep
from curation.dedup.datatrove import HASHES, DatatroveMinHash, Hash
from curation.dedup.minhash import PRESETS, UNITS, MinHash, Unit
from curation.language import MARGIN, PREFIX_CHARACTERS, Language, labels
from curation.normalise import SWITCHES, Normalise
from curation.recipe.model import VERSION, DatasetRecipe, Dedup, OutputOptions, Recipe
from curation.recipe.read_input import INPUT_KEYS, input_of, size_of
from curation.steps import Step
from curation.words.languages import LANGUAGES

KEYS = ("version", "name", "description", "input", "normalise", "language", "datasets", "output")
UNSPACED = frozenset({"ja", "zh", "th", "lo", "km", "my"})  # written without spaces between words
_DATASET = ("languages", "min_score", "profile", "steps", "annotate", "keep", "dedup")


def read_recipe(path: str | Path) -> Recipe:
    """The recipe in a file; NotFound or InvalidDocument with every fault's line and column."""
    return _recipe(yaml.read(path), Path(path).parent)


def parse_recipe(text: str, *, file: str = "<recipe>", folder: Path = Path()) -> Recipe:
    """The recipe in a text; profile files are looked up from `folder`."""
    return _recipe(yaml.load(text, file=file), folder)


def _recipe(document: yaml.Document, folder: Path) -> Recipe:
    problems = document.problems
    if document.broken:
        problems.finish()  # keys that its end would have held are not missing
    fields = Fields(document.root, problems, known=KEYS, required=("version", "datasets"))
    fields.integer("version", minimum=VERSION, maximum=VERSION)
    options = input_of(fields.inner("input", known=INPUT_KEYS), folder)
    normalise = _normalise(fields)
    own_model = "model" in getattr(fields.value("language"), "entries", ())
    chat = options.read.chat is not None
    datasets = _datasets(fields, folder, chat=chat, known=() if own_model else labels())
    prefix = None if any(dataset.whole_text for dataset in datasets) else PREFIX_CHARACTERS
    inner = fields.inner("language", known=("model", "prefix", "margin"))
    language = _language(inner, folder, prefix=prefix)
    output = _output(fields.inner("output", known=("shard_bytes", "row_group_bytes")))
    name = fields.text("name") or Path(document.file).stem
    description = fields.text("description") or ""
    problems.finish()
    return Recipe(name, description, options, normalise, language, datasets, output, document.text)


def _normalise(fields: Fields) -> Normalise | None:
    node = fields.value("normalise")
    if isinstance(node, yaml.Scalar):
        return Normalise() if fields.flag("normalise", True) else None
    inner = fields.inner("normalise", known=SWITCHES)
    if inner is None:
        return Normalise()
    return Normalise(frozenset(name for name in SWITCHES if not inner.flag(name, True)))


def _language(fields: Fields | None, folder: Path, *, prefix: int | None) -> Language:
    if fields is None:
        return Language(prefix=prefix)
    model = fields.text("model")
    node = fields.value("prefix")
    if isinstance(node, yaml.Scalar) and node.kind == "null":
        prefix = None
    else:
        prefix = fields.integer("prefix", prefix, minimum=1, maximum=10**9)
    margin = fields.share("margin", MARGIN)
    try:
        return Language(None if model is None else str(folder / model), prefix, margin)
    except AwaseError as error:
        fields.report("model", str(error))
        return Language()


def _datasets(
    fields: Fields, folder: Path, *, chat: bool, known: tuple[str, ...]
) -> tuple[DatasetRecipe, ...]:
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
        dataset = _dataset(name, item, folder, chat=chat, known=known)
        for language in dataset.languages or (None,):
            if language in taken:
                what = "all other languages" if language is None else language
                inner.report_key(name, f"{what} already go to {taken[language]}")
            taken[language] = name
        found.append(dataset)
    if not found and not inner.entries and isinstance(inner.node, yaml.Mapping):
        fields.report("datasets", "name at least one dataset")
    return tuple(found)


def _dataset(
    name: str, fields: Fields, folder: Path, *, chat: bool, known: tuple[str, ...]
) -> DatasetRecipe:
    languages = None
    if "languages" in fields:
        nodes = fields.texts("languages")
        languages = tuple(node.text for node in nodes)
        for node in nodes if known else ():
            if node.text not in known:
                text = f"the language model has no {node.text!r}{nearest(node.text, known)}"
                fields.fault(node, fields.key_path("languages"), text)
        listed = fields.value("languages")
        if isinstance(listed, yaml.List) and not listed.items:
            fields.report("languages", "name at least one language, or leave the key out for all")
    # No languages stands for all, those written without spaces among them.
    words = languages is not None and UNSPACED.isdisjoint(languages)
    own, whole = _steps(fields, folder, chat=chat, words=words)
    steps = _annotated(own, fields)
    return DatasetRecipe(
        name,
        languages,
        fields.share("min_score", 0.0),
        steps,
        _keep(fields),
        _dedup(fields, words=languages is None or "ja" not in languages),
        whole,
    )


def _steps(
    fields: Fields, folder: Path, *, chat: bool, words: bool
) -> tuple[tuple[Step, ...], bool]:
    """(steps of the profile and the dataset's own, whether whole texts decide the language)"""
    from curation.profiles import Around, read_profile, read_steps

    steps: list[Step] = []
    whole = False
    profile = fields.text("profile")
    if profile is not None:
        path = folder / profile if profile.endswith((".yaml", ".yml")) else None
        try:
            found = read_profile(profile if path is None else path, words=words)
            steps += found.steps
            whole = found.whole_text
        except InvalidDocument as error:
            fields.problems.extend(error.problems)
        except AwaseError as error:
            fields.report("profile", str(error))
    own = fields.items("steps")
    around = Around(folder, words)
    steps += read_steps(own, fields.problems, fields.key_path("steps"), around)
    if chat:
        steps.append(ChatStep())
    names = [step.name for step in steps]
    for name in sorted({name for name in names if names.count(name) > 1}):
        fields.report("steps", f"the step {name!r} is in the profile already: give it a `name`")
    return tuple(steps), whole


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
    rules = tuple(
        replace(rule, annotate=True) if f"{step.name}.{rule.reason}" in chosen else rule
        for rule in step.rules
    )
    changed = copy.copy(step)
    object.__setattr__(changed, "rules", rules)  # a frozen step too: the copy is not in use yet
    return changed


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
    options = inner.inner("minhash", known=_MINHASH)
    return Dedup(exact, MinHash(unit=unit) if options is None else _minhash(options, unit))


_MINHASH = ("preset", "bands", "rows", "unit", "ngram", "language", "seed", "hash")


def _minhash(options: Fields, unit: Unit) -> MinHash | DatatroveMinHash:
    bands, rows = PRESETS[options.choice("preset", tuple(PRESETS), "14x8")]
    bands = options.integer("bands", bands, minimum=1, maximum=450) or bands
    rows = options.integer("rows", rows, minimum=1, maximum=64) or rows
    ngram = options.integer("ngram", 5, minimum=1, maximum=64) or 5
    chosen = options.choice("unit", UNITS, unit)
    if chosen == "datatrove":
        language = options.choice("language", LANGUAGES, "en" if unit == "words" else "ja")
        seed = options.integer("seed", 1, minimum=0, maximum=(1 << 32) - 1)
        hash: Hash = "sha1" if options.choice("hash", HASHES, "xxhash") == "sha1" else "xxhash"
        return DatatroveMinHash(bands, rows, ngram, language, 1 if seed is None else seed, hash)
    for key in ("language", "seed", "hash"):
        if key in options:
            options.report(key, f"only `unit: datatrove` has {key!r}")
    return MinHash(bands, rows, "words" if chosen == "words" else "characters", ngram)


def _output(fields: Fields | None) -> OutputOptions:
    if fields is None:
        return OutputOptions()
    default = OutputOptions()
    return OutputOptions(
        size_of(fields, "shard_bytes", default.shard_bytes),
        size_of(fields, "row_group_bytes", default.row_group_bytes),
    )
