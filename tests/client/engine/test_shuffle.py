"""The shuffle is the one written down in shuffle.py, a bijection, and fair."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from awase_client.engine import kernels
from awase_client.engine.shuffle import half_bits, inverse, permute, round_keys

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "shuffle.json").read_text())


def reference(index: int, n: int, seed: int, path: str, epoch: int) -> int:
    """The docstring of shuffle.py in plain integers, written from it alone."""
    if n == 1:
        return 0
    hashed = hashlib.sha256(f"awase-shuffle-1\0{seed}\0{path}\0{epoch}".encode()).digest()
    b = 2
    while 4**b < n:
        b += 1
    x = index
    while True:
        left, right = x >> b, x % 2**b
        for r in range(8):
            f = right ^ int.from_bytes(hashed[4 * r : 4 * r + 4], "little")
            f ^= f >> 16
            f = f * 0x7FEB352D % 2**32
            f ^= f >> 15
            f = f * 0x846CA68B % 2**32
            f ^= f >> 16
            left, right = right, left ^ (f % 2**b)
        x = left << b | right
        if x < n:
            return x


def test_is_a_bijection_for_every_length_up_to_4096() -> None:
    for n in range(1, 4097):
        key = round_keys(7, "ja.web", n % 3)
        out = permute(np.arange(n), n=n, key=key)
        assert (np.sort(out) == np.arange(n)).all(), n
        assert (inverse(out, n=n, key=key) == np.arange(n)).all(), n


@given(
    n=st.one_of(st.integers(1, 5000), st.integers(1, 2**62)),
    seed=st.integers(0, 2**64),
    path=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1),
    epoch=st.integers(0, 2**40),
    at=st.floats(0, 1, exclude_max=True),
)
def test_equals_plain_integers_and_its_inverse_undoes_it(
    n: int, seed: int, path: str, epoch: int, at: float
) -> None:
    index = min(int(at * n), n - 1)
    key = round_keys(seed, path, epoch)
    out = int(permute(np.array([index]), n=n, key=key)[0])
    assert out == reference(index, n, seed, path, epoch)
    assert inverse(np.array([out]), n=n, key=key).tolist() == [index]


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: f"{case['path']}-{case['n']}")
def test_golden_vectors(case: dict[str, int | str | list[int]]) -> None:
    key = round_keys(case["seed"], case["path"], case["epoch"])
    assert [f"{k:08x}" for k in key.tolist()] == case["round_keys"]
    assert permute(np.array(case["index"]), n=case["n"], key=key).tolist() == case["to"]
    assert inverse(np.array(case["to"]), n=case["n"], key=key).tolist() == case["index"]


@pytest.mark.parametrize(
    ("n", "bits"), [(1, 2), (16, 2), (17, 3), (64, 3), (65, 4), (4**20, 20), (4**20 + 1, 21)]
)
def test_domain_is_the_least_power_of_four_from_16(n: int, bits: int) -> None:
    assert half_bits(n) == bits


def test_chi_square_over_epochs_of_single_places_and_of_pairs() -> None:
    # Other keys for every length, so that the 63 statistics are independent: the sum of the
    # standardised ones stays within four deviations, each within five.
    epochs, single, pairs = 4000, [], []
    for n in range(2, 65):
        keys = np.stack([round_keys(3, f"source {n}", epoch) for epoch in range(epochs)])
        out = np.empty((epochs, n), dtype=np.int64)
        kernels.permute_rows(
            np.tile(np.arange(n), epochs), np.repeat(np.arange(epochs), n), np.full(epochs, n),
            np.full(epochs, half_bits(n), np.uint64), keys, out.reshape(-1),
        )  # fmt: skip
        seen = np.bincount((np.arange(n) * n + out).reshape(-1), minlength=n * n)
        # (n-1)^2 degrees of freedom; as rows and columns both sum to `epochs`, the statistic is
        # n/(n-1) times as large.
        single.append(standardised(seen, freedom=(n - 1) ** 2, scale=(n - 1) / n))
        joint = np.bincount(out[:, 0] * n + out[:, 1], minlength=n * n).reshape(n, n)
        pairs.append(standardised(joint[~np.eye(n, dtype=bool)], freedom=n * (n - 1) - 1))
    for values in (single, pairs):
        assert max(map(abs, values)) < 5
        assert abs(sum(values)) / len(values) ** 0.5 < 4


def standardised(seen: NDArray[np.int64], *, freedom: int, scale: float = 1.0) -> float:
    expected = seen.sum() / seen.size
    chi_square = float(((seen - expected) ** 2 / expected).sum()) * scale
    return (chi_square - freedom) / (2 * freedom) ** 0.5


def test_neighbours_part_and_epochs_differ() -> None:
    n = 100_000
    first, second = (permute(np.arange(n), n=n, key=round_keys(1, "s", e)) for e in (0, 1))
    for out in (first, second):
        assert abs(np.corrcoef(out[:-1], out[1:])[0, 1]) < 0.02
        assert abs(np.corrcoef(out, np.arange(n))[0, 1]) < 0.02
    assert (first == second).mean() < 0.001
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.02


@pytest.mark.parametrize("index", [-1, 5])
def test_refuses_an_index_outside(index: int) -> None:
    with pytest.raises(ValueError, match=r"index outside 0\.\.4"):
        permute(np.array([index]), n=5, key=round_keys(1, "s", 0))


def test_refuses_an_empty_epoch() -> None:
    with pytest.raises(ValueError, match="not 0"):
        permute(np.array([], dtype=np.int64), n=0, key=round_keys(1, "s", 0))
