"""What a recipe says, once it is read: plain values, and the document that names the result."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from curation.base.digest import digest_of
from curation.base.predicate import Predicate
from curation.dedup.datatrove import DatatroveMinHash
from curation.dedup.minhash import MinHash
from curation.extraction import Extraction
from curation.language import Language
from curation.normalise import Normalise
from curation.readers.records import ReadOptions
from curation.steps import Step, fingerprint_of, rules_document

VERSION = 1


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
    minhash: MinHash | DatatroveMinHash | None = field(default_factory=MinHash)


@dataclass(frozen=True, slots=True)
class DatasetRecipe:
    """One dataset of a recipe; `languages` None takes whatever no earlier dataset took."""

    name: str
    languages: tuple[str, ...] | None
    min_score: float
    steps: tuple[Step, ...]
    keep: Predicate | None
    dedup: Dedup
    whole_text: bool = False  # its profile asks for the language of whole texts


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
    extraction: Extraction | None = None  # set by the run, where pages are read

    def document(self) -> dict[str, Any]:
        """What decides the result, as canonical JSON values; its digest names the recipe."""
        read = self.input.read
        return {
            "version": VERSION,
            "input": {
                "format": self.input.format or "auto",
                **({} if read.hub is None else {"hub": read.hub.document()}),
                "text": read.text_field,
                "fields": dict(read.fields),
                "columns": dict(read.typed),
                "constants": dict(read.constants),
                "max_bad_records": read.max_bad_records,
                "max_record_bytes": read.max_record_bytes,
                "task_bytes": self.input.task_bytes,
                **({} if read.chat is None else {"chat": read.chat.settings}),
            },
            **({} if self.extraction is None else {"extraction": _step_document(self.extraction)}),
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
    source = getattr(step, "source", "")
    named = {"source": source} if source else {}
    return fingerprint_of(step) | named | {"rules": rules_document(step)}


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
