"""Amounts as people write and read them."""

import pytest

from mixtures.quantities import show_tokens


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
