from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from curation.steps import Op, Rule
from pipelines.report import page
from pipelines.report.charts import HEIGHT, WIDTH, axis_of, histogram, number


def drawn(values: list[float], op: Op, threshold: float) -> str:
    return str(histogram(np.array(values), Rule("r", "length", op, threshold, "this test")))


def counted(svg: str) -> tuple[int, int]:
    """(documents, documents that fail) by the titles of the bars."""
    titles = set(re.findall(r"<title>(.*?)</title>", svg))

    def total(word: str) -> int:
        found = re.findall(rf"([\d,]+) {word}", "\n".join(sorted(titles)))
        return sum(int(number_.replace(",", "")) for number_ in found)

    return total("documents"), total("fail")


@pytest.mark.parametrize(
    ("op", "fail"), [("<", 3), ("<=", 5), (">", 4), (">=", 6), ("==", 2), ("!=", 7)]
)
def test_the_red_part_is_what_fails_also_within_the_bin_of_the_threshold(op: Op, fail: int) -> None:
    values = [0.0, 0.1, 0.4999, 0.5, 0.5, 0.5001, 0.9, 0.95, 1.0, float("nan")]
    assert counted(drawn(values, op, 0.5)) == (9, fail)


def test_a_threshold_far_below_the_longest_document_is_seen_apart() -> None:
    values = np.array([50.0] * 5 + [3000.0] * 90 + [90_000.0] * 5)
    axis = axis_of(values, 200.0)
    assert axis.log
    assert 0.1 < axis.place(200.0) < 0.9
    svg = drawn(values.tolist(), "<", 200.0)
    assert "length, logarithmic" in svg
    assert counted(svg) == (100, 5)
    assert not axis_of(np.array([0.0, 0.2, 1.0]), 0.1).log


@pytest.mark.parametrize("most", [1999.0, 4112.0, 8225.0, 86_390.0, 1e6])
def test_a_logarithmic_axis_leaves_out_neither_its_least_nor_its_greatest(most: float) -> None:
    values = [3.975] * 10 + [most] * 10 + [most / 3]
    assert axis_of(np.array(values), 20.0).log
    assert counted(drawn(values, ">", 20.0)) == (21, 11)


def test_axes_threshold_and_highest_bar_are_named_within_the_picture() -> None:
    svg = drawn([1200.0] * 30 + [86_390.0], ">", 86_390.0)
    for label in ("86,390", "1,200", "highest: 30", "length"):
        assert f">{label}" in svg, label
    for name, most in (("x", WIDTH), ("x1", WIDTH), ("y", HEIGHT), ("y1", HEIGHT)):
        places = [float(place) for place in re.findall(rf' {name}="([-\d.]+)"', svg)]
        assert places
        assert all(0 <= place <= most for place in places), name


def test_no_values_draw_nothing_and_one_value_has_an_axis() -> None:
    assert drawn([float("nan")], "<", 1.0) == ""
    assert counted(drawn([1.0], "<", 1.0)) == (1, 0)


def test_numbers_are_for_people() -> None:
    assert [number(v) for v in (0.016304, 0.5, 999.0, 1000.0, 86390.4, 0.0)] == [
        *("0.0163", "0.5", "999", "1,000", "86,390", "0"),
    ]


def test_the_axis_of_few_documents_ends_at_their_greatest_value() -> None:
    axis = axis_of(np.array([0.0] * 700 + [1.0]), 0.5)
    assert (axis.low, axis.high) == (0.0, 1.0)
    assert axis_of(np.array([0.0] * 9_999 + [1.0]), 0.5).high == 0.5  # one in 10,000 is beyond it


def test_a_reader_that_sees_no_picture_is_told_what_it_shows() -> None:
    svg = drawn([0.0] * 900 + [0.25], ">", 0.2)
    told = "histogram of length: 901 documents from 0 to 0.25, 1 beyond the threshold 0.2"
    assert f'aria-label="{told}"' in svg


@pytest.mark.parametrize("scheme", [0, 1, 2], ids=["light", "dark", "print"])
def test_colours_can_be_told_apart_without_seeing_red_or_green(scheme: int) -> None:
    sheet = Path(page.__file__).with_name("page.css").read_text("utf-8")

    def light(name: str) -> float:
        """Relative luminance (WCAG 2.2)."""
        digits = re.findall(rf"--{name}: #([0-9a-f]+)", sheet)[scheme]
        full = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
        parts = [int(full[k : k + 2], 16) / 255 for k in (0, 2, 4)]
        red, green, blue = (
            ((v + 0.055) / 1.055) ** 2.4 if v > 0.04045 else v / 12.92 for v in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    def contrast(one: str, other: str) -> float:
        low, high = sorted((light(one), light(other)))
        return (high + 0.05) / (low + 0.05)

    assert min(contrast("soft", "paper"), contrast("soft", "tint"), contrast("ink", "mark")) >= 4.5
    assert min(contrast("good", "tint"), contrast("bad", "tint")) >= 3
    assert contrast("good", "bad") >= 2
