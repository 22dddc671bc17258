"""`make bench-curation`: rule kernels against datatrove 0.10.1 and HojiChar 0.18.1.

One core, in CPU seconds of the process; both sides start from objects in memory (Arrow arrays here,
Document objects there) and judge the same documents: awase computes all statistics of all
documents, the peers drop early as they do in use. `python -m benchmarks.curation en-rules` runs
the cases that start so.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks import _peers as peers
from benchmarks._curation_compile import compile_time
from benchmarks._curation_decontaminate import decontaminate
from benchmarks._curation_language import language as identification
from benchmarks._curation_minhash import minhash
from benchmarks._curation_pipeline import PIPELINE_MEGABYTES, memory, pipeline
from benchmarks._table import RUNS, Measured, Table
from benchmarks._table import measure as measure_wall
from curation.profiles import load_profile
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
def english_chain(language: str | None) -> Chain:
    return Chain(english_texts(), language=language, japanese=False)


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


def english_rules(table: Table, cases: Sequence[str]) -> None:
    """en-rules-rerun, en-rules-unseen, en-rules-cold."""
    from curation.words.english.splitter import english_words

    words = english_words()
    texts = english_texts()
    work = size_of(texts)
    mine = Profile(load_profile("fineweb"), texts)
    mine.run()
    chain = english_chain(None)
    theirs = chain.measured(RUNS)
    differ = mine.differences(chain.decisions)
    if "en-rules-rerun" in cases:
        found = measure(mine.run, work=work, before=words.forget_texts)
        table.add(
            "en-rules-rerun",
            "MB/s",
            found,
            peer="datatrove",
            peer_value=theirs,
            differences=differ,
            target=">= 40x",
        )
    if "en-rules-unseen" in cases:
        others = sample("en", 25, sources=english_halves()[1])
        words.forget()
        Profile(load_profile("fineweb"), others).run()
        words.forget_texts()
        words.looked_up = words.missed = 0
        mine.run()
        hits = 1 - words.missed / words.looked_up
        speeds: list[float] = []
        for _ in range(RUNS):
            words.forget()
            Profile(load_profile("fineweb"), others).run()
            speeds += measure(mine.run, work=work, runs=1).values
        table.add(
            "en-rules-unseen",
            "MB/s",
            Measured(tuple(speeds)),
            peer="datatrove",
            peer_value=theirs,
            differences=mine.differences(chain.decisions),
            target=">= 25x",
            notes=f"memo knew {hits:.1%} of the chunks",
        )
    if "en-rules-cold" in cases:
        found = measure(mine.run, work=work, before=words.forget)
        table.add(
            "en-rules-cold",
            "MB/s",
            found,
            peer="datatrove",
            peer_value=theirs,
            differences=mine.differences(chain.decisions),
            target=">= 25x",
        )


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


def english_chains(table: Table, cases: Sequence[str]) -> None:
    """en-chain-rerun with whole-text language ID, en-default-rerun with a prefix."""
    from curation.words.english.splitter import english_words

    words = english_words()
    texts = english_texts()
    chain = english_chain("en")
    theirs = chain.measured(RUNS)
    for case, profile, prefix, target in (
        ("en-chain-rerun", "fineweb", None, ">= 15x"),
        ("en-default-rerun", "en-default", 2000, ">= 25x"),
    ):
        if case not in cases:
            continue
        mine = WithLanguage(load_profile(profile), texts, language="en", prefix=prefix)
        mine.run()
        found = measure(mine.run, work=size_of(texts), before=words.forget_texts)
        table.add(
            case,
            "MB/s",
            found,
            peer="datatrove",
            peer_value=theirs,
            differences=mine.differences(chain.decisions) if prefix is None else None,
            target=target,
        )


def japanese_rules(table: Table, cases: Sequence[str]) -> None:
    """ja-words-rerun, ja-hojichar-rerun, ja-swallow-rerun, ja-default-rerun."""
    texts = sample("ja", PEER_MEGABYTES)
    work = size_of(texts)
    if "ja-words-rerun" in cases:
        from curation.words.japanese import japanese_words

        few = sample("ja", 1.0)
        chain = Chain(few, language=None, japanese=True)
        theirs = chain.measured(RUNS)
        mine = Profile(load_profile("fineweb2-jpn"), few)
        mine.run()
        found = measure(mine.run, work=size_of(few), before=japanese_words().forget_texts)
        table.add(
            "ja-words-rerun",
            "MB/s",
            found,
            peer="datatrove",
            peer_value=theirs,
            differences=mine.differences(chain.decisions),
            target=">= 4x",
        )
    if "ja-hojichar-rerun" in cases:
        from hojichar import document_filters

        mine = Profile(load_profile("hojichar-ja"), texts)
        names = [rule.reason for step in mine.steps for rule in step.rules]
        filters = [getattr(document_filters, name)() for name in names]
        decisions = peers.hojichar_decide(filters, texts)
        theirs = measure(lambda: peers.hojichar_decide(filters, texts), work=work)
        mine.run()
        found = measure(mine.run, work=work)
        table.add(
            "ja-hojichar-rerun",
            "MB/s",
            found,
            peer="HojiChar",
            peer_value=theirs,
            differences=mine.differences(decisions),
            target=">= 20x",
        )
    for case, profile in (("ja-swallow-rerun", "swallow-v1"), ("ja-default-rerun", "ja-default")):
        if case in cases:
            mine = Profile(load_profile(profile), texts)
            mine.run()
            table.add(case, "MB/s", measure(mine.run, work=work), target=">= 20 MB/s")


def pipelines_of(table: Table, names: Sequence[str]) -> None:
    """Reader to committed Parquet with en-default and ja-default, by processes."""
    texts = sample("ja", PIPELINE_MEGABYTES) + sample("en", PIPELINE_MEGABYTES)
    random.Random(1).shuffle(texts)
    pipeline(table, names, texts)


def signatures(table: Table, names: Sequence[str]) -> None:
    """minhash-rerun."""
    minhash(table, english_texts())


def evaluation_items(table: Table, names: Sequence[str]) -> None:
    """decontaminate-ja, decontaminate-en: items from one half of the documents, timed the other."""
    for case, language, unit in (
        ("decontaminate-ja", "ja", "characters"),
        ("decontaminate-en", "en", "words"),
    ):
        if case in names:
            texts = sample(language, 2 * PEER_MEGABYTES)
            half = len(texts) // 2
            decontaminate(table, case, unit, texts[:half], texts[half:])


GROUPS = {
    english_rules: ("en-rules-rerun", "en-rules-unseen", "en-rules-cold"),
    english_chains: ("en-chain-rerun", "en-default-rerun"),
    japanese_rules: (
        "ja-words-rerun",
        "ja-hojichar-rerun",
        "ja-swallow-rerun",
        "ja-default-rerun",
    ),
    partial(identification, sample=sample): ("language-prefix",),
    signatures: ("minhash-rerun",),
    evaluation_items: ("decontaminate-ja", "decontaminate-en"),
    compile_time: ("compile-first", "compile-cached"),
    pipelines_of: ("pipeline-1", "pipeline-2"),
    memory: ("memory-random",),
}


def main(arguments: Sequence[str]) -> None:
    from loguru import logger

    logger.remove()
    table = Table("curation")
    for group, names in GROUPS.items():
        chosen = [name for name in names if not arguments or name.startswith(tuple(arguments))]
        if chosen:
            group(table, chosen)
    table.finish()


if __name__ == "__main__":
    main(sys.argv[1:])
