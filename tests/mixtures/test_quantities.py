"""Amounts as people write and read them."""

from fractions import Fraction

import pytest

from mixtures.quantities import parse_epochs, parse_weight, show_epochs, show_tokens


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0"),
        (999, "999"),
        (1_000, "1K"),
        (999_499, "999K"),
        (999_500, "1M"),
        (999_936, "1M"),
        (1_660_000_000_000, "1.66T"),
        (81_240_000_000, "81.2B"),
        (940_000, "940K"),
        (99_960_000, "100M"),
    ],
)
def test_tokens_show_three_digits_and_never_a_thousand_of_a_unit(count: int, shown: str) -> None:
    assert show_tokens(count) == shown


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("0.7", Fraction(7, 10)),
        (" 70% ", Fraction(7, 10)),
        ("1/3", Fraction(1, 3)),
        (".5 / 2", Fraction(1, 4)),
        ("1e-9", Fraction(1, 10**9)),
        ("0", Fraction(0)),
    ],
)
def test_weights_are_typed_as_numbers_percentages_and_ratios(text: str, weight: Fraction) -> None:
    assert parse_weight(text) == weight


@pytest.mark.parametrize(
    "text",
    ["", "/", "1/2/3", "inf", "1_000", "0x10", "١", "1e31", "-0.1", "1 2", "e5", "1e", "--1"],
)
def test_what_is_no_bounded_number_is_no_weight_and_no_epochs(text: str) -> None:
    for parse in (parse_weight, parse_epochs):
        with pytest.raises(ValueError, match=r"expected a number|exponents go|is 0 to|over 0"):
            parse(text)


def test_epochs_show_four_digits_and_no_exponent() -> None:
    shown = [show_epochs(value) for value in (Fraction(1, 80), 2.5, 999.94, 36_931.8)]
    assert shown == ["0.0125", "2.5", "999.9", "36,932"]
