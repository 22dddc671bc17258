"""Anything a mixture can turn into by accident is accepted, or refused at a place in the file."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.base.digest import digest_of
from curation.base.errors import InvalidDocument
from mixtures.extends import file_resolver
from mixtures.spec import read_mixture, stage_weights
from mixtures.spec_write import to_yaml

VALID = """\
version: 1
name: ja-en-base
description: "a blend: of two"
tags: [base, ja]
tokenizer: ja-32k@1
sequence_length: 4096
seed: 1
budget: 100B tokens
packing: best_fit
by: documents
separators: {bos: true, eos: true}
labels: overlap
loss: all
holdout: 0.1%
sources:
  ja:
    weight: 0.5
    sampling: {unimax: {max_epochs: 4}}
    sources:
      web: {dataset: web-ja@prod, where: "edu_score >= 2.5 and lang in ('ja', null)"}
      wiki: {dataset: wiki-ja, max_epochs: 8}
  en:
    weight: 4e-1
    sources:
      a: {dataset: a, weight: 1}
      b: {dataset: b@3, weight: 50%, where: 'not (x is null) or `odd name` != ''it'''}
  code: {dataset: code, repeat: 1.5, max_epochs: 2}
stages:
  - {until: 40%}
  - {until: 100B, weights: {ja: 0.7, en.a: 2}, ramp: linear}
licenses: {allow: [CC-BY-4.0, MIT OR Apache-2.0], deny: [GPL-3.0-only], deny_terms: [openai-tos]}
"""
PIECES = [
    "\n", " ", "  ", "\t", ":", ": ", "- ", "{", "}", "[", "]", ",", "'", '"', "|", ">", "#", "&a ",
    "*a", "!!int ", "? ", "%", "---\n", "...\n", "0", "-1", "1e400", ".nan", "1e-30", "null", "~",
    "true", "no", "é", "\u2028", "\ufeff", "\x07", "\\", "\\ud800", "<<: ", "extends: b.yaml\n",
    "weight: 0\n", "sources:\n", "(", ")", "and", "not", "9" * 70, "[" * 40,
]  # fmt: skip


def judge(text: str) -> None:
    try:
        mixture = read_mixture(text, file="m.yaml", resolver=file_resolver)
    except InvalidDocument as error:
        lines = text.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1
        for problem in error.problems:
            assert problem.file == "m.yaml"
            assert 1 <= problem.line <= lines + 1
            assert problem.column >= 1
            str(error).encode()
    else:
        digest_of(mixture.document())
        assert len(stage_weights(mixture)) == max(1, len(mixture.stages))


def test_the_unchanged_one_is_valid() -> None:
    assert len(list(read_mixture(VALID).walk())) == 5


@settings(max_examples=400, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(VALID)), st.integers(0, 30), st.sampled_from(PIECES) | st.just("")
        ),
        min_size=1,
        max_size=3,
    )
)
def test_cut_and_pasted_text(edits: list[tuple[int, int, str]]) -> None:
    text = VALID
    for start, length, piece in edits:
        text = text[:start] + piece + text[start + length :]
    judge(text)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, VALID.count("\n") - 1), min_size=1, max_size=4), st.booleans())
def test_lines_that_are_lost_doubled_or_moved(numbers: list[int], double: bool) -> None:
    lines = VALID.splitlines(keepends=True)
    for number in numbers:
        line = lines[number] if double else lines.pop(number)
        lines.insert((number * 7) % len(lines), line)
    judge("".join(lines))
    judge("".join(line for index, line in enumerate(lines) if index not in numbers))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200) | st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_any_text(text: str) -> None:
    judge(text)
    judge("version: 1\n" + text)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=100))
def test_any_bytes(data: bytes) -> None:
    with pytest.raises(InvalidDocument):
        read_mixture(data, file="m.yaml")


def test_a_folder_or_device_in_extends_is_a_problem() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.yaml"
        path.write_text(VALID)
        for reference in ("./", "../", "missing.yaml"):
            with pytest.raises(InvalidDocument) as caught:
                read_mixture(
                    VALID + f"extends: {reference}\n", file=str(path), resolver=file_resolver
                )
            assert caught.value.problems[0].key == "extends"


def test_written_yaml_reads_back_as_the_same_mixture() -> None:
    mixture = read_mixture(VALID)
    text = to_yaml(mixture)
    assert read_mixture(text) == mixture
    assert to_yaml(read_mixture(text)) == text
