"""The keys of a mixture: one table for the reader, the JSON Schema and the documentation."""

from __future__ import annotations

from typing import Final

MAX_SEQUENCE_LENGTH: Final = 1 << 24
MAX_SEED: Final = (1 << 63) - 1
MAX_SOURCES: Final = 10_000
MAX_STAGES: Final = 1_000
MAX_WHERE: Final = 10_000  # characters
MAX_WEIGHT: Final = 10**12
MAX_EPOCHS: Final = 10**6

PACKINGS: Final = ("concat", "best_fit", "documents")
BY: Final = ("tokens", "documents")
LABELS: Final = ("shift", "overlap")
LOSSES: Final = ("all", "assistant")
RAMPS: Final = ("linear",)

REQUIRED: Final = ("version", "name", "tokenizer", "sequence_length", "sources")
SOURCE_NAME: Final = r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}"

TOP: Final = (
    "version",
    "name",
    "description",
    "tags",
    "extends",
    "tokenizer",
    "sequence_length",
    "seed",
    "budget",
    "packing",
    "by",
    "separators",
    "labels",
    "loss",
    "holdout",
    "sampling",
    "sources",
    "stages",
    "licenses",
)
SOURCE: Final = ("dataset", "weight", "repeat", "where", "max_epochs")
GROUP: Final = ("weight", "sampling", "sources")
STAGE: Final = ("until", "weights", "ramp")
SAMPLING: Final = ("temperature", "unimax")
LICENSES: Final = ("allow", "deny", "deny_terms")
SEPARATORS: Final = ("bos", "eos")
