"""datatrove and HojiChar as the benchmarks run them: objects in memory, one process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Decision = tuple[bool, str]
_JAPANESE = "jpn_Jpan"


def datatrove_chain(*, language: str | None, japanese: bool = False) -> list[Any]:
    """The filters of datatrove's chain in the order of its examples/fineweb.py."""
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
    )

    filters: list[Any] = []
    if language is not None:
        filters.append(_language_filter(language))
    if not japanese:
        return [
            *filters,
            GopherRepetitionFilter(),
            GopherQualityFilter(),
            C4QualityFilter(filter_no_terminal_punct=False),
            FineWebQualityFilter(),
        ]
    return [
        *filters,
        GopherRepetitionFilter(
            language=_JAPANESE,
            dup_para_frac=0,
            dup_line_char_frac=0,
            dup_para_char_frac=0,
            dup_line_frac=0.328,
            top_n_grams=((2, 0.239), (3, 0.196), (4, 0.172)),
            dup_n_grams=((5, 0.243), (6, 0.225), (7, 0.207), (8, 0.19), (9, 0.175), (10, 0.159)),
        ),
        FineWebQualityFilter(
            language=_JAPANESE,
            short_line_thr=999,
            char_duplicates_ratio=0.1,
            line_punct_thr=0.096,
            new_line_ratio=0.13,
        ),
        GopherQualityFilter(
            language=_JAPANESE,
            max_avg_word_length=6,
            min_avg_word_length=1,
            stop_words=list("のにをはたてがとで年し・月れさ"),
            max_non_alpha_words_ratio=0.759,
            min_stop_words=2,
        ),
    ]


def _language_filter(language: str) -> Any:
    from datatrove.pipeline.filters import LanguageFilter
    from fasttext.FastText import _FastText

    from curation.language import model_path

    found = LanguageFilter(languages=[language])
    found.model._model = _FastText(str(model_path(None)))
    return found


def decide(filters: Sequence[Any], texts: Sequence[str]) -> list[Decision]:
    """(kept, first reason) of every text, each dropped at its first failing filter."""
    from datatrove.data import Document

    found = []
    for text in texts:
        document = Document(text=text, id="x")
        decision: Decision = (True, "")
        for filter_ in filters:
            answer = filter_.filter(document)
            kept, reason = answer if isinstance(answer, tuple) else (bool(answer), "")
            if not kept:
                decision = (False, reason or "language")
                break
        found.append(decision)
    return found


def forget_words() -> None:
    """Empty datatrove's cache of the last five texts."""
    from datatrove.utils.text import split_into_parts

    split_into_parts.cache_clear()


def hojichar_decide(filters: Sequence[Any], texts: Sequence[str]) -> list[Decision]:
    """(kept, name of the first filter that rejects) of every text, each filter on every text."""
    from hojichar import Document

    found = []
    for text in texts:
        names = [
            type(filter_).__name__
            for filter_ in filters
            if filter_.apply(Document(text)).is_rejected
        ]
        found.append((not names, names[0] if names else ""))
    return found


Run = Callable[[], object]
