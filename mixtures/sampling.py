"""Weights from sizes, for a group that says `sampling` instead of weights. Exact and portable.

`temperature`: weight = tokens ** temperature, the exponent written alpha = 1/T in XLM-R
(arXiv 1911.02116, section 3.1) and mT5 (arXiv 2010.11934, section 3.2); 0 is uniform,
1 proportional.
`unimax`: as uniform as possible under a cap on repeats (arXiv 2304.09151, algorithm 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import Final

SCALE_BITS: Final = 64
# sizes under 2**62 need 126 bits (38 digits) at the scale; decimal arithmetic is integer software,
# correctly rounded, so that every machine gives the same digits
_CONTEXT: Final = Context(prec=80, rounding=ROUND_HALF_EVEN, Emax=MAX_EMAX, Emin=MIN_EMIN)


def temperature_weights(tokens: Sequence[int], exponent: Fraction) -> list[int]:
    """round(tokens ** exponent * 2**64) for each source, within 1; 0 for an empty source.

    exponent: 0 to 1. Integers, because weights of a plan are compared and hashed exactly.
    """
    if not 0 <= exponent <= 1:
        raise ValueError(f"a temperature is 0 to 1, not {exponent}")
    power = _CONTEXT.divide(Decimal(exponent.numerator), Decimal(exponent.denominator))
    scale = Decimal(1 << SCALE_BITS)
    weights = []
    for count in tokens:
        if count < 0:
            raise ValueError(f"a source cannot have {count} tokens")
        if count == 0 or exponent in (0, 1):
            weights.append((count if exponent == 1 else min(count, 1)) << SCALE_BITS)
            continue
        logarithm = _CONTEXT.ln(Decimal(count))
        value = _CONTEXT.exp(_CONTEXT.multiply(power, logarithm))
        weights.append(int(_CONTEXT.multiply(value, scale).to_integral_value(ROUND_HALF_EVEN)))
    return weights


@dataclass(frozen=True, slots=True)
class UniMax:
    """What each source gives, in tokens, in the order of the sizes; exact.

    shortfall: tokens of the budget that no source may give, because all are at their cap; a plan
    must refuse it, not spread it silently.
    """

    tokens: tuple[Fraction, ...]
    shortfall: Fraction


def unimax(tokens: Sequence[int], *, budget: int, max_epochs: Fraction) -> UniMax:
    """Share `budget` tokens equally, no source over `max_epochs` times its own tokens.

    From the smallest source up: an equal part of what is left, or the cap if that is less.
    """
    if budget < 0 or max_epochs <= 0:
        raise ValueError(f"budget {budget} and max_epochs {max_epochs} must be positive")
    left = Fraction(budget)
    given = [Fraction(0)] * len(tokens)
    # equal sizes get equal parts, so the order among them does not matter
    for rank, index in enumerate(sorted(range(len(tokens)), key=lambda i: tokens[i])):
        given[index] = min(left / (len(tokens) - rank), max_epochs * tokens[index])
        left -= given[index]
    return UniMax(tuple(given), left)
