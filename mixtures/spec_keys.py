"""The keys of a mixture: one table for the reader, the JSON Schema and the documentation."""

from __future__ import annotations

from typing import Final

MAX_SEQUENCE_LENGTH: Final = 1 << 24
MAX_SEED: Final = (1 << 63) - 1
MAX_SOURCES: Final = 2_000
MAX_LICENSES: Final = 1_000  # SPDX lists about 700
MAX_STAGES: Final = 1_000
MAX_WHERE: Final = 10_000  # characters
MAX_CONDITIONS: Final = 100_000  # characters of all `where` together
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

HELP: Final = {
    "version": "The version of this format: 1.",
    "name": "What the mixture is published as: a-z, 0-9, '.', '_', '-'.",
    "description": "For people.",
    "tags": "For people: a list of words.",
    "extends": "Start from another mixture: a file beside this one, or a published mixture "
    "(`base@3`). Keys here replace its keys; `sources` merge by name, null leaves one out.",
    "tokenizer": "A tokenizer of the store: `ja-32k`, `ja-32k@1`, `ja-32k@prod`.",
    "sequence_length": "Tokens a sequence.",
    "seed": "Decides the order of documents and sequences; 0 if absent.",
    "budget": "Tokens to deliver, padding included: `100B tokens`, `1.5T`, 4000000 (B = 1e9). "
    "Absent where every source has `repeat`.",
    "packing": "concat joins documents and cuts; best_fit packs whole documents; documents gives "
    "each its own sequences. Default concat.",
    "by": "What weights count: tokens (default) or documents.",
    "separators": "Tokens around each document; `{bos, eos}` puts both. Default: eos alone.",
    "separators.bos": "Begin each document with the tokenizer's bos token; default false.",
    "separators.eos": "End each document with the tokenizer's eos token; default true.",
    "labels": "shift: labels are the sequence itself, moved by one; overlap: sequences hold one "
    "token more, so that no label is lost. Default shift.",
    "loss": "all tokens, or only those the assistant wrote. Default all.",
    "holdout": "The part of documents kept out of training and read by split=holdout: 0.001, 0.1%.",
    "sampling": "Share the mixture by the sizes of its sources, in place of their weights.",
    "sampling.temperature": "weight = tokens ** temperature: 1 proportional, 0 uniform.",
    "sampling.unimax": "Equal tokens for all, with a cap on repeats (UniMax, arXiv 2304.09151).",
    "unimax.max_epochs": "The cap: how often one source may be read.",
    "sources": "Sources and groups of sources by name.",
    "source.dataset": "A dataset of the store: `web-ja`, `web-ja@3`, `web-ja@prod`.",
    "source.weight": "Part of its group, relative to its siblings: 0.5, 3, 40%.",
    "source.repeat": "Epochs, taken before any weight: 8, 0.25. In place of weight.",
    "source.where": "Which documents: a condition on columns and scores, such as "
    "`edu.score >= 2.5 and license != 'NOASSERTION'`.",
    "source.max_epochs": "Refuse a plan that reads it more often.",
    "group.weight": "Part of the group above, relative to its siblings.",
    "group.sampling": "Share the group by the sizes of its children, in place of their weights.",
    "group.sources": "Sources and groups inside this one.",
    "stages": "Other weights from some point on. The last `until` equals the budget.",
    "stage.until": "Where the stage ends, in tokens from the start (80B) or of the budget (40%).",
    "stage.weights": "New weights by dotted path (`ja.web`); what is not named keeps its weight "
    "from the stage before, then siblings are normalised.",
    "stage.ramp": "linear: move from the weights of the stage before to these in 64 equal steps.",
    "licenses": "What may go in; a plan that breaks a rule is refused.",
    "licenses.allow": "Only these SPDX licences (or Hub ids).",
    "licenses.deny": "None of these licences.",
    "licenses.deny_terms": "None of these terms of use (openai-tos, llama3.1, gemma, ...).",
}
