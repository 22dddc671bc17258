"""`make bench-curation`: rule kernels against datatrove 0.10.1 and HojiChar 0.18.1.

One core, in CPU seconds of the process; both sides start from objects in memory (Arrow arrays here,
Document objects there) and judge the same documents: awase computes all statistics of all
documents, the peers drop early as they do in use. `python -m benchmarks.curation en-rules` runs
the cases that start so.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from functools import cache

from benchmarks import _peers as peers
from benchmarks._curation_compile import compile_time
from benchmarks._curation_decontaminate import decontaminate
from benchmarks._curation_language import identification
from benchmarks._curation_minhash import minhash
from benchmarks._curation_pipeline import PIPELINE_MEGABYTES, memory, pipeline
from benchmarks._curation_sides import (
    PEER_MEGABYTES,
    Chain,
    Profile,
    WithLanguage,
    english_halves,
    english_texts,
    measure,
    sample,
    size_of,
)
from benchmarks._table import RUNS, Measured, Table, chosen
from curation.decontaminate.step import Unit
from curation.profiles import load_profile


@cache
def english_chain(language: str | None) -> Chain:
    return Chain(english_texts(), language=language, japanese=False)


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
    cases: tuple[tuple[str, str, Unit], ...] = (
        ("decontaminate-ja", "ja", "characters"),
        ("decontaminate-en", "en", "words"),
    )
    for case, language, unit in cases:
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
    identification: ("language-prefix",),
    signatures: ("minhash-rerun",),
    evaluation_items: ("decontaminate-ja", "decontaminate-en"),
    compile_time: ("compile-first", "compile-cached"),
    pipelines_of: ("pipeline-1", "pipeline-2"),
    memory: ("memory-random",),
}


def main(arguments: Sequence[str]) -> None:
    from loguru import logger

    cases = chosen(arguments, [name for names in GROUPS.values() for name in names])
    logger.remove()
    table = Table("curation")
    for group, names in GROUPS.items():
        if own := [name for name in names if name in cases]:
            group(table, own)
    table.finish()


if __name__ == "__main__":
    main(sys.argv[1:])
