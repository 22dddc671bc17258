"""The two sides of a curation benchmark on the same documents: a profile's steps, a peer's chain.

Both start from objects in memory: awase from Arrow arrays, computing all statistics of all
documents; datatrove from texts, dropping early as it does in use.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks import _peers as peers
from benchmarks._table import Measured
from benchmarks._table import measure as measure_wall
from curation.steps import Step

measure = partial(measure_wall, clock=time.process_time)  # one thread, nothing read: CPU seconds
DATA = Path(__file__).parents[1] / "../shared/data"
BATCH = 1000
PEER_MEGABYTES = 2.5


@cache
def documents(language: str) -> list[tuple[str, str]]:
    """(text, source) of the benchmark's text, shuffled by a fixed seed."""
    import io
    import json

    import zstandard

    path = data_folder() / f"{language}.jsonl.zst"
    with path.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as stream:
        rows = [json.loads(line) for line in io.TextIOWrapper(stream, encoding="utf-8")]
    found = [(row["text"], row["source"]) for row in rows]
    random.Random(0).shuffle(found)
    return found


def data_folder() -> Path:
    """AWASE_BENCH_DATA, else ../shared/data beside the repository."""
    import os

    return Path(os.environ.get("AWASE_BENCH_DATA", DATA))


def sample(language: str, megabytes: float, *, sources: set[str] | None = None) -> list[str]:
    """So many MB of documents, of these sources if named, none longer than a tenth of it."""
    texts: list[str] = []
    size = 0.0
    for text, source in documents(language):
        n = len(text.encode())
        if (sources is not None and source not in sources) or n > megabytes * 1e5 or n == 0:
            continue
        texts.append(text)
        size += n
        if size >= megabytes * 1e6:
            break
    return texts


def size_of(texts: Sequence[str]) -> float:
    """MB of UTF-8."""
    return sum(len(text.encode()) for text in texts) / 1e6


class Profile:
    """A profile over batches of texts in memory: every statistic, then the decisions."""

    def __init__(self, steps: Sequence[Step], texts: Sequence[str]) -> None:
        self.steps = steps
        array = pa.array(texts, pa.large_string())
        self.batches = [array[at : at + BATCH] for at in range(0, len(array), BATCH)]
        self.decisions: list[peers.Decision] = []

    def run(self) -> None:
        self.decisions = []
        for batch in self.batches:
            reasons: list[str] = []
            first = np.full(len(batch), -1)
            text = batch
            for step in self.steps:
                scored = step.score(text, {})
                for rule in step.rules:
                    if not rule.annotate:
                        first[rule.failed(scored.scores) & (first < 0)] = len(reasons)
                        reasons.append(rule.reason)
                text = text if scored.text is None else scored.text
            self.decisions += [(k < 0, reasons[k] if k >= 0 else "") for k in first.tolist()]

    def differences(self, theirs: Sequence[peers.Decision]) -> int:
        """Documents whose decision or first reason differs."""
        return sum(a != b for a, b in zip(self.decisions, theirs, strict=True))


class Chain:
    """datatrove's filters over texts in memory, timed `runs` times on first use."""

    def __init__(self, texts: Sequence[str], *, language: str | None, japanese: bool) -> None:
        self.texts = texts
        self.filters = peers.datatrove_chain(language=language, japanese=japanese)
        peers.decide(self.filters, texts[:3])  # loads models and tokenizers
        self.decisions: list[peers.Decision] = []

    def run(self) -> None:
        self.decisions = peers.decide(self.filters, self.texts)

    @cache  # noqa: B019 (one chain lives as long as the benchmark)
    def measured(self, runs: int) -> Measured:
        return measure(self.run, work=size_of(self.texts), runs=runs, before=peers.forget_words)


@cache
def english_texts() -> list[str]:
    """The timed English documents, from one half of the packages."""
    return sample("en", PEER_MEGABYTES, sources=english_halves()[0])


@cache
def english_halves() -> tuple[set[str], set[str]]:
    """The packages in two halves: timed, and those the memo of `unseen` is built from."""
    sources = sorted({source for _, source in documents("en")})
    random.Random(1).shuffle(sources)
    return set(sources[::2]), set(sources[1::2])


class WithLanguage(Profile):
    """A profile behind language identification, which drops as datatrove's filter does."""

    def __init__(
        self, steps: Sequence[Step], texts: Sequence[str], *, language: str, prefix: int | None
    ) -> None:
        from curation.language import Language

        super().__init__(steps, texts)
        self.judge = Language(prefix=prefix)
        self.language = language

    def run(self) -> None:
        spoken: list[bool] = []
        for batch in self.batches:
            scores = self.judge.score(batch, {}).scores
            spoken += [
                label == self.language and score > 0.65
                for label, score in zip(
                    scores["label"].to_pylist(), scores["score"].to_pylist(), strict=True
                )
            ]
        super().run()
        self.decisions = [
            decision if right else (False, "language")
            for decision, right in zip(self.decisions, spoken, strict=True)
        ]
