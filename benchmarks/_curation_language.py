"""Language identification by a prefix, as the default profiles have it, against whole texts.

Every document of up to three megabytes a language is judged both ways; those whose labels differ
are printed, one a line, and counted in `differences`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pyarrow as pa

from benchmarks._curation_sides import measure, sample, size_of
from benchmarks._table import RUNS, Table
from curation.language import PREFIX_CHARACTERS, Language, load, model_path, predict

LANGUAGES = ("ar", "de", "el", "en", "es", "fr", "hi", "it", "ja", "ko", "pt", "ru", "th", "vi")
MEGABYTES = 3.0
CASE = "language-prefix"


def identification(table: Table, names: Sequence[str]) -> None:
    """Add the row: one core, texts in memory."""
    texts = [text for name in LANGUAGES for text in sample(name, MEGABYTES)]
    array = pa.array(texts, pa.large_string())
    batches = [array[at : at + 1000] for at in range(0, len(array), 1000)]
    step = Language()
    model = load(str(model_path(None)))

    def by_prefix() -> list[tuple[str, float, bool]]:
        found = [step.score(batch, {}).scores for batch in batches]
        columns = [[row for s in found for row in s[n].to_pylist()] for n in ("label", "score")]
        whole = [row for s in found for row in s["whole"].to_pylist()]
        return list(zip(*columns, whole, strict=True))

    mine = by_prefix()
    theirs = [predict(model, text) for text in texts]
    moved: Counter[str] = Counter()
    for text, (label, score, _), (expected, certainty, _) in zip(texts, mine, theirs, strict=True):
        if label != expected:
            moved[f"{expected} -> {label}"] += 1
            start = " ".join(text[:80].split())
            print(f"{CASE}: {expected} {certainty:.2f} whole, {label} {score:.2f} prefix: {start}")
    work = size_of(texts)
    pairs = zip(texts, mine, strict=True)
    whole = sum(judged and len(text) > PREFIX_CHARACTERS for text, (_, _, judged) in pairs)
    named = ", ".join(f"{pair} {count}" for pair, count in moved.most_common())
    table.add(
        CASE,
        "MB/s",
        measure(by_prefix, work=work),
        peer="fastText, whole texts",
        peer_value=measure(
            lambda: [predict(model, text) for text in texts],
            work=work, runs=RUNS,
        ),
        differences=moved.total(),
        notes=f"of {len(texts)} documents, {whole} judged whole by the margin; whole -> prefix: "
        + (named or "none"),
    )  # fmt: skip
