"""The start-up check: chunks of every special case and of random pieces, against spaCy itself."""

from __future__ import annotations

import random

import pyarrow as pa

from curation.words.english.splitter import EnglishWords
from curation.words.english.tables import Unsupported

_PIECES = [
    *"abzABZ019.,:;!?'\"()[]{}<>_#*&%$£€+-=/\\|~^@`’‘“”–—…°²µ中あ가é🙂★",
    "://",
    "http",
    "www.",
    "com",
    "user@",
    "192.168.",
    "8.8.8.8",
    ":80",
    "..",
    "--",
    "'s",
    "n't",
    "US$",
    "km",
    "foo",
    "Bar",
    "x.y",
]


def sample_chunks(words: EnglishWords, *, count: int, seed: int) -> list[str]:
    """Every special case bare and in brackets, and `count` random chunks of pieces of the rules."""
    cases = [case for case in words._tokenizer.rules if not any(c.isspace() for c in case)]
    pieces = cases + _PIECES
    draw = random.Random(seed)  # noqa: S311 (a fixed sample, not a secret)
    chunks = ["".join(draw.choices(pieces, k=draw.randint(1, 6))) for _ in range(count)]
    return [*cases, *(f"({case})," for case in cases), *chunks]


def self_check(words: EnglishWords, *, count: int = 1000, seed: int = 0) -> None:
    """Raise Unsupported where the kernels and the installed spaCy differ on a fixed sample."""
    chunks = sample_chunks(words, count=count, seed=seed)
    batch = words.split(pa.array(chunks, pa.large_string()))
    for index, chunk in enumerate(chunks):
        expected = [words._room.number(word) for word in words._ask(chunk)]
        if batch.ids[batch.ptr[index] : batch.ptr[index + 1]].tolist() != expected:
            raise Unsupported(
                f"the installed spaCy splits {chunk!r} otherwise than spaCy 3.8.18: "
                "install spacy==3.8.18, or use a profile without word rules"
            )
    words.forget()
    words.asked = 0
