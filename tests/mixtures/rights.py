"""A dataset of 1,000 rows of which one states no licence and one was made with GPT-4."""

from __future__ import annotations

from curation.base.store import Store
from mixtures.catalog import Catalog
from tests.tokenstore import TOKENIZER, write_corpus

ROWS = 1000
UNSTATED, MADE = 600, 700  # rows


def add_mixed(store: Store, catalog: Catalog) -> None:
    """Register `mixed`, tokenized by `tok`: 7 tokens a row, `score` from 0 to 999."""
    catalog.register_tokenizer("tok", TOKENIZER, {"kind": "test"})
    columns = {
        "score": [float(row) for row in range(ROWS)],
        "license": [None if row == UNSTATED else "CC-BY-4.0" for row in range(ROWS)],
        "generated_by": ["gpt-4-0613" if row == MADE else None for row in range(ROWS)],
    }
    documents = [[10 + row % 90] * 7 for row in range(ROWS)]
    corpus = write_corpus(store, "mixed", [documents], columns=columns)
    catalog.register_dataset("mixed", corpus.version.manifest)


def mixture(where: str | None, *, rules: str = "") -> str:
    """A mixture named `rights` of the rows that `where` selects."""
    condition = f', where: "{where}"' if where else ""
    return (
        "version: 1\nname: rights\ntokenizer: tok\nsequence_length: 8\nbudget: 800\n"
        f"sources:\n  web: {{dataset: mixed, weight: 1{condition}}}\n{rules}"
    )
