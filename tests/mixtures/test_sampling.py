from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtures.sampling import SCALE_BITS, temperature_weights, unimax

SIZES = st.lists(st.integers(0, 2**62), min_size=1, max_size=20)


@given(SIZES, st.integers(0, 12), st.integers(1, 12))
def test_temperature_is_the_power_within_one_part_in_two_to_the_64(
    sizes: list[int], top: int, bottom: int
) -> None:
    exponent = min(Fraction(top, bottom), Fraction(1))
    p, q = exponent.numerator, exponent.denominator
    for size, weight in zip(sizes, temperature_weights(sizes, exponent), strict=True):
        if size == 0:
            assert weight == 0
            continue
        # the true value v satisfies v**q == size**p * 2**(64 q), all in integers
        power = size**p << (SCALE_BITS * q)
        assert (weight - 1) ** q < power < (weight + 1) ** q


def test_temperature_at_its_ends_and_at_a_square() -> None:
    one = 1 << SCALE_BITS
    assert temperature_weights([3, 500, 0], Fraction(0)) == [one, one, 0]
    assert temperature_weights([3, 500, 0], Fraction(1)) == [3 * one, 500 * one, 0]
    assert temperature_weights([9, 10**18], Fraction(1, 2)) == [3 * one, 10**9 * one]
    with pytest.raises(ValueError, match="0 to 1"):
        temperature_weights([1], Fraction(2))


def water_level(sizes: list[int], budget: int, epochs: Fraction) -> list[Fraction]:
    """The same by another way: the level L with sum(min(cap, L)) = budget, found cap by cap."""
    caps = [epochs * size for size in sizes]
    if sum(caps) <= budget:
        return caps
    for level in sorted(caps):
        if sum(min(cap, level) for cap in caps) >= budget:
            under = [cap for cap in caps if cap < level]
            height = (Fraction(budget) - sum(under)) / (len(caps) - len(under))
            return [min(cap, height) for cap in caps]
    raise AssertionError(caps)


@given(
    SIZES,
    st.integers(0, 2**62),
    st.fractions(min_value="1/100", max_value=100, max_denominator=1000),
)
def test_unimax_fills_to_a_level_and_never_over_a_cap(
    sizes: list[int], budget: int, epochs: Fraction
) -> None:
    result = unimax(sizes, budget=budget, max_epochs=epochs)
    assert list(result.tokens) == water_level(sizes, budget, epochs)
    assert sum(result.tokens) + result.shortfall == budget
    assert all(given <= epochs * size for given, size in zip(result.tokens, sizes, strict=True))
    assert (result.shortfall > 0) == (sum(epochs * size for size in sizes) < budget)


def test_unimax_reports_what_no_source_may_give() -> None:
    result = unimax([10, 1000], budget=500, max_epochs=Fraction(4))
    assert result.tokens == (40, 460)
    assert result.shortfall == 0
    short = unimax([10, 20], budget=500, max_epochs=Fraction(4))
    assert short.tokens == (40, 80)
    assert short.shortfall == 380
