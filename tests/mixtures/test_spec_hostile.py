"""Documents made to be slow: as large as is read at all, and refused or read within a second."""

from __future__ import annotations

import time

import pytest

from curation.base.errors import InvalidDocument
from curation.base.yaml import MAX_BYTES, MAX_NODES
from mixtures.spec import read_mixture
from mixtures.spec_keys import MAX_CONDITIONS, MAX_LICENSES, MAX_SOURCES, MAX_WHERE

SECONDS = 1.0
N = MAX_BYTES
HEAD = "version: 1\nname: m\ntokenizer: t\nsequence_length: 8\nbudget: 1B\nsources:\n"
ONE = HEAD + "  a: {dataset: d, weight: 1}\n"


def lines(form: str, count: int) -> str:
    return "".join(form.replace("#", str(number)) for number in range(count))


# name: (document, a part of its first problem; "" where it is a mixture)
SHAPES = {
    "list": ("[" + "1," * (N // 2 - 1) + "]", f"at most {MAX_NODES} nodes"),
    "empty lists": ("[" + "[]," * (N // 3 - 1) + "]", f"at most {MAX_NODES} nodes"),
    "keys": (lines("k#: 1\n", N // 11), f"at most {MAX_NODES} nodes"),
    "keys with comments": (
        lines("k#: 1 ! c\n\n! d\n", N // 26).replace("!", "#"),
        f"at most {MAX_NODES} nodes",
    ),
    "dashes": ("- 1\n" * (N // 4), f"at most {MAX_NODES} nodes"),
    "deep dashes": (("- " * 31 + "1\n") * (N // 64), f"at most {MAX_NODES} nodes"),
    "brackets": ("[" * N, "nesting goes at most"),
    "braces": ("{" * N, "a key is one word"),
    "questions": ("? " * (N // 2), "a key is one word"),
    "the same key": ("a: 1\n" * (N // 5), "duplicate key"),
    "flow pairs": ("{" + "a: 1," * (N // 5 - 1) + "}", "duplicate key"),
    "anchors": ("[" + "&a 1," * (N // 5 - 1) + "]", "anchors (&a) are not used"),
    "aliases": ("a: &a 1\nb: [" + "*a," * (N // 3 - 8) + "]", "anchors (&a) are not used"),
    "tags": ("[" + "!!str 1," * (N // 8 - 1) + "]", "tags (!!str) are not used"),
    "line ends": ("\n" * N, "the document is empty"),
    "carriage returns": ("\r" * N, "the document is empty"),
    "spaces": (" " * N, "the document is empty"),
    "words": ("a: " + "x " * (N // 2 - 2), "the key 'version' is missing"),
    "folded lines": ("a: >\n" + "  x\n" * (N // 4 - 2), "the key 'version' is missing"),
    "escapes": ('a: "' + "\\u0041" * (N // 6 - 1) + '"', "the key 'version' is missing"),
    "no end": ('a: "' + "x" * (N - 4), "what starts here has no end"),
    "one byte more": ("a" * (N + 1), f"at most {N} bytes"),
    "most sources": (HEAD + lines("  s#: {dataset: d, weight: 1}\n", MAX_SOURCES), ""),
    "sources": (
        HEAD + lines("  s#: {dataset: d, weight: 1}\n", MAX_SOURCES + 1),
        f"at most {MAX_SOURCES} sources",
    ),
    "wrong keys": (HEAD + lines("  s#: {datset: d, wieght: 1}\n", MAX_SOURCES), "unknown key"),
    "conditions": (
        HEAD
        + lines("  s#: {dataset: d, weight: 1, where: '" + "a > 1 and " * 20 + "a > #'}\n", 1400),
        f"all `where` have at most {MAX_CONDITIONS} characters together",
    ),
    "one condition": (
        HEAD + "  a: {dataset: d, weight: 1, where: '" + "(" * (N - 200) + "'}",
        f"at most {MAX_WHERE} characters",
    ),
    "paths that are none": (
        HEAD
        + lines("  source-number-#: {dataset: d, weight: 1}\n", 1500)
        + "stages:\n  - until: 100%\n    weights:\n"
        + lines("      sorce-number-#: 1\n", 2500),
        "no source or group has this path",
    ),
    "stages": (
        HEAD
        + lines("  s#: {dataset: d, weight: 1}\n", 1000)
        + "stages:\n"
        + lines("  - {until: 1#, weights: {s1: 1, s2: 0}, ramp: linear}\n", 800),
        "the last stage ends at",
    ),
    "licences": (
        ONE + "licenses: {allow: [" + lines("Apache-2.#x, ", MAX_LICENSES) + "]}",
        "Apache-2.0x",
    ),
    "more licences": (
        ONE + "licenses: {allow: [" + "MIT, " * (MAX_LICENSES + 1) + "]}",
        f"at most {MAX_LICENSES} entries",
    ),
    "one licence": (ONE + "licenses: {allow: ['" + "(" * (N - 300) + "']}", "characters"),
}


@pytest.mark.parametrize("name", SHAPES)
def test_no_document_takes_a_second(name: str) -> None:
    """CPU time of the best of four runs: the first may import, other processes slow the core."""
    text, expected = SHAPES[name]
    assert len(text.encode()) <= N + 1
    seconds = []
    for _ in range(4):
        started = time.thread_time()
        found = ""
        try:
            read_mixture(text)
        except InvalidDocument as error:
            found = min(error.problems).message
        seconds.append(time.thread_time() - started)
        assert (expected in found) if expected else not found
        if seconds[-1] < SECONDS:
            break
    assert min(seconds) < SECONDS
