"""The order of one source's sequences in one epoch: a keyed bijection of 0..n-1, nothing stored.

Definition (version "awase-shuffle-1"), in integers only; `>>`, `^`, `&` as in C, all unsigned.

Round keys. SHA-256 of these bytes, with one zero byte between the fields and none at the end:

    "awase-shuffle-1" 00 <seed> 00 <dotted source path> 00 <epoch>

seed and epoch in decimal ASCII (no sign, no leading zeros), the path in UTF-8. The 32 bytes are
eight little-endian 32-bit numbers k[0]..k[7]. Neither the plan's digest nor weights, budget or
stages enter, so another weight or a branch neither repeats nor loses a sequence.

Domain. b is the smallest integer >= 2 with 4**b >= n; the domain is 0..4**b-1, a pair of b-bit
halves: x = (left << b) | right. For n = 1 the answer is 0.

Round r = 0..7, with mask = 2**b - 1:

    (left, right) = (right, left ^ (F(right ^ k[r]) & mask))

    F(x):  x ^= x >> 16;  x = x * 0x7feb352d mod 2**32;  x ^= x >> 15;
           x = x * 0x846ca68b mod 2**32;  x ^= x >> 16

(F is "lowbias32" of Chris Wellons' hash-prospector: a bijection of 32 bits, low avalanche bias.)

Cycle walking. `permute(i)` applies the eight rounds to x = i, again and again until x < n. A
Feistel network is a bijection of its domain whatever F is; following its cycle from a point below
n until the next point below n is therefore a bijection of 0..n-1. As 4**b < 4 n for n > 4, that
takes under four applications on average. The inverse walks the same cycle backwards.

Tests: tests/client/engine/test_shuffle.py (bijection for every n <= 4,096, chi-square over epochs,
golden vectors, an independent reference).
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

DOMAIN_TAG = b"awase-shuffle-1"
MAX_SEQUENCES = 2**62

Int64 = NDArray[np.int64]


def round_keys(seed: int, path: str, epoch: int) -> NDArray[np.uint32]:
    """[8] uint32: the round keys of one epoch of the source at `path`."""
    material = b"\0".join((DOMAIN_TAG, b"%d" % seed, path.encode(), b"%d" % epoch))
    return np.frombuffer(hashlib.sha256(material).digest(), dtype="<u4").astype(np.uint32)


def half_bits(n: int) -> int:
    """Bits of one half of the domain: the smallest b >= 2 with 4**b >= n."""
    if not 1 <= n <= MAX_SEQUENCES:
        raise ValueError(f"a shuffle covers 1 to {MAX_SEQUENCES} sequences, not {n}")
    return max(2, ((n - 1).bit_length() + 1) // 2)


def permute(index: Int64, *, n: int, key: NDArray[np.uint32]) -> Int64:
    """Where each of `index` (int64, 0 <= index < n) goes under the permutation named by `key`."""
    return _one(index, n=n, key=key, forward=True)


def inverse(index: Int64, *, n: int, key: NDArray[np.uint32]) -> Int64:
    """The index that `permute` sends to each of `index` (int64, 0 <= index < n)."""
    return _one(index, n=n, key=key, forward=False)


def permute_rows(index: Int64, rows: Int64, *, n: Int64, keys: NDArray[np.uint32]) -> Int64:
    """Each index[k] under the permutation of n[rows[k]] with the round keys keys[rows[k]].

    index and rows [m]; n [r], keys [r, 8]; nothing is checked.
    """
    return _walk(index, rows, n=n, keys=keys, forward=True)


def _one(index: Int64, *, n: int, key: NDArray[np.uint32], forward: bool) -> Int64:
    flat = np.asarray(index, dtype=np.int64).reshape(-1)
    half_bits(n)
    if flat.size and (flat.min() < 0 or flat.max() >= n):
        raise ValueError(f"index outside 0..{n - 1}")
    rows = np.zeros(flat.size, dtype=np.int64)
    return _walk(flat, rows, n=np.array([n]), keys=key[None, :], forward=forward)


def _walk(index: Int64, rows: Int64, *, n: Int64, keys: NDArray[np.uint32], forward: bool) -> Int64:
    out = index.copy()
    bits = np.array([half_bits(count) for count in n.tolist()], dtype=np.int64)
    pending = np.flatnonzero(n[rows] > 1)
    while pending.size:
        row = rows[pending]
        out[pending] = stepped = _rounds(out[pending], bits[row], keys[row].T, forward=forward)
        pending = pending[stepped >= n[row]]
    return out


def _rounds(x: Int64, bits: Int64, keys: NDArray[np.uint32], *, forward: bool) -> Int64:
    """Eight Feistel rounds over a whole vector; bits [m], keys [8, m]."""
    low = (np.int64(1) << bits) - 1
    mask = low.astype(np.uint32)
    left, right = (x >> bits).astype(np.uint32), (x & low).astype(np.uint32)
    if forward:
        for key in keys:
            left, right = right, left ^ (_mix(right ^ key) & mask)
    else:
        for key in keys[::-1]:
            left, right = right ^ (_mix(left ^ key) & mask), left
    return (left.astype(np.int64) << bits) | right.astype(np.int64)


def _mix(x: NDArray[np.uint32]) -> NDArray[np.uint32]:
    x = x ^ (x >> np.uint32(16))
    x *= np.uint32(0x7FEB352D)
    x ^= x >> np.uint32(15)
    x *= np.uint32(0x846CA68B)
    x ^= x >> np.uint32(16)
    return x
