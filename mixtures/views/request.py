"""What is asked of a view: the inputs that decide it, and so its name."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

from awase_client.engine.tokensets import TokenSetManifest
from curation.base.errors import IntegrityError, RefusedPlan, UsageError
from curation.base.predicate import Predicate
from curation.shards.manifest import DatasetManifest

PACKINGS = ("concat", "best_fit", "documents")
LABELS = ("shift", "overlap")


class Version(Protocol):
    """What a build needs of mixtures.catalog's DatasetVersion."""

    @property
    def manifest(self) -> DatasetManifest: ...


class Separators(Protocol):
    """What a build needs of mixtures.spec's separators."""

    @property
    def bos(self) -> bool: ...
    @property
    def eos(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class ViewRequest:
    """What decides a view.

    path    dotted path of the source in its mixture; with `seed` it fixes the order of documents
    labels  "shift": windows of L ids; "overlap": L + 1, the last one again the next one's first
    """

    dataset: Version
    token_set: TokenSetManifest
    where: Predicate | None
    holdout: Fraction
    sequence_length: int
    packing: str
    separators: Separators
    labels: str
    seed: int
    path: str

    def key(self, selection: str | None) -> dict[str, Any]:
        """Everything that decides the view; `selection` is the SHA-256 of its rows' bits."""
        # Of the packings only `documents` shuffles nothing but sequences: its views suit any seed.
        ordered = self.packing != "documents"
        return {
            "version": 1,
            "text_digest": self.token_set.text_digest,
            "tokenizer_digest": self.token_set.tokenizer_digest,
            "selection": selection,
            "holdout": f"{self.holdout.numerator}/{self.holdout.denominator}",
            "sequence_length": self.sequence_length,
            "packing": self.packing,
            "separators": {"bos": bool(self.separators.bos), "eos": bool(self.separators.eos)},
            "labels": self.labels,
            "seed": self.seed if ordered else None,
            "path": self.path if ordered else None,
        }

    def check(self) -> None:
        """Raise UsageError, RefusedPlan or IntegrityError where there can be no such view."""
        path, token_set, manifest = self.path, self.token_set, self.dataset.manifest
        known = self.packing in PACKINGS and self.labels in LABELS
        if self.sequence_length < 1 or not known:
            raise UsageError(
                f"source {path}: no view of sequence_length {self.sequence_length}, "
                f"packing {self.packing!r}, labels {self.labels!r}"
            )
        for name in ("bos", "eos"):
            if getattr(self.separators, name) and getattr(token_set, name) is None:
                raise RefusedPlan(
                    f"source {path}: separators ask for {name}, but tokenizer "
                    f"{token_set.tokenizer_digest} has none: set `separators: {{{name}: false}}`"
                )
        if (manifest.text_digest, manifest.rows) != (token_set.text_digest, token_set.documents):
            raise IntegrityError(
                f"source {path}: {manifest.reference} has {manifest.rows} rows of text "
                f"{manifest.text_digest}, its token set {token_set.documents} of "
                f"{token_set.text_digest}: run `awase tokenize {manifest.name}` again"
            )
