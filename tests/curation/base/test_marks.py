"""Normal forms are those of the standard library, and take linear time on any run of marks."""

import time
import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.base.marks import ASSIGNED, SAFE_RUN, normal, ordered
from curation.kernels.buffers import utf8_view
from curation.kernels.marks import rows_with_long_runs

FORMS = ["NFC", "NFD", "NFKC", "NFKD"]
# classes 230, 202, 8, 1, 220; a mark of two marks; ﾞ, a mark in NFKD alone; bases that join them
PIECES = "\u0301\u0327\u3099\u0338\u0316\u0344\uff9eaeか한é漢"
TEXTS = st.lists(
    st.tuples(st.text(st.sampled_from(PIECES), max_size=5), st.integers(1, 50)).map(
        lambda pair: pair[0] * pair[1]
    )
    | st.text(st.characters(codec="utf-8"), max_size=5),
    max_size=5,
).map("".join)


@given(TEXTS, st.sampled_from(FORMS))
def test_the_form_is_that_of_the_standard_library(text, form):
    assert normal(form, text) == unicodedata.normalize(form, text)


@given(st.text(st.characters(codec="utf-8")))
def test_a_text_without_long_runs_is_left_alone(text):
    if len(text) <= SAFE_RUN:
        assert ordered("NFKC", text) is text


@given(TEXTS)
def test_rows_with_long_runs_are_those_that_an_expression_finds(text):
    run = longest = 0
    for character in text:
        marks = all(map(unicodedata.combining, unicodedata.normalize("NFKD", character)))
        run = run + 1 if marks else 0
        longest = max(longest, run)
    found = rows_with_long_runs(*utf8_view(pa.array(["", text, "x"], pa.large_string())))
    assert found.tolist() == ([1] if longest > SAFE_RUN else [])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("unit", ["\u0301\u0327", "\uff9e\u0327", "e\u0301\u3099\u0327"])
def test_a_long_run_out_of_order_takes_linear_time(form, unit):
    started = time.process_time()
    normal(form, "a" + unit * 200_000)
    assert time.process_time() - started < 10  # by insertion: minutes


def test_no_character_stands_outside_the_assigned_planes():
    held = [range(*planes) for planes in ASSIGNED]
    outside = [chr(code) for code in range(0x110000) if not any(code in r for r in held)]
    assert {unicodedata.category(character) for character in outside} == {"Cn", "Co"}
