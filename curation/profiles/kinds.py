"""The kinds of step that a profile can name, and where each lives; imported when first used."""

from __future__ import annotations

import importlib
from typing import Any

KINDS = {
    "characters": "curation.rules.characters:Characters",
    "lines": "curation.rules.lines:Lines",
    "repetition": "curation.rules.repetition:Repetition",
    "quality": "curation.rules.quality:Quality",
    "fineweb": "curation.rules.fineweb:FineWeb",
    "c4": "curation.rules.c4:C4",
    "hojichar": "curation.rules.hojichar:HojiChar",
    "japanese": "curation.rules.japanese:Japanese",
    "address": "curation.rules.llm_jp:Address",
    "kuten": "curation.rules.llm_jp:Kuten",
    "compression": "curation.rules.llm_jp:Compression",
    "extract": "curation.rules.llm_jp:Extract",
    "punctuation": "curation.rules.endings:Punctuation",
    "footer": "curation.rules.endings:Footer",
    "header_footer": "curation.rules.endings:HeaderFooter",
    "pii": "curation.pii:PersonalData",
    "decontaminate": "curation.decontaminate.step:Decontaminate",
    "word_hits": "curation.rules.hojichar:WordHits",
}


def step_class(kind: str) -> Any:
    """The class behind a kind of step; its `options` maps option names to their types."""
    module, _, name = KINDS[kind].partition(":")
    return getattr(importlib.import_module(module), name)
