"""Pages whose main text could not be extracted: recorded like every other reason for a drop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from curation.batch import EXTRACTION
from curation.readers.extractor import SECONDS
from curation.steps import Rule, Scored, Statistic

FORMATS = ("html", "warc")  # what is extracted


@dataclass(frozen=True)
class Extraction:
    """The step `extraction`: there when a run reads pages. It only takes over what readers found.

    `seconds` of processor time a page is what decides; a slower machine may lose other pages.
    """

    seconds: float = SECONDS
    name: str = "extraction"
    rewrites: bool = False
    statistics: tuple[Statistic, ...] = (
        Statistic("error", pa.string(), "", "why the page has no text; null where it has"),
    )
    rules: tuple[Rule, ...] = (
        Rule("failed", "error", "!=", "", "awase: a hang or crash costs one page"),
    )
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.settings["seconds"] = repr(self.seconds)

    def score(self, text: pa.Array, columns: Mapping[str, pa.Array]) -> Scored:
        found = columns.get(EXTRACTION)
        return Scored({"error": pa.nulls(len(text), pa.string()) if found is None else found})
