"""Loops of order and shuffle compiled by numba; the numpy code beside them gives the same numbers.

Importing this module imports numba, so only `compiled()` of order.py does, and late: a process that
asks for a few positions has its answer before numba has loaded.
"""

# numba infers the types of its functions; annotations would only repeat the docstrings.
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import numpy as np

from awase_client.engine.jit import njit

_compile = njit(nogil=True, cache=True)


@_compile
def _descend(m, root, left, right, share, weight, ratio):
    """(source, index) of item m of a tree; see tree.py for the arithmetic."""
    node = root
    while node >= 0:
        a = share[node]
        w = weight[node]
        q = np.int64(np.float64(m) * ratio[node])
        r = 2 * (m * a - q * w) + w
        while r < 0:
            q -= 1
            r += 2 * w
        while r >= 2 * w:
            q += 1
            r -= 2 * w
        if r + 2 * a >= 2 * w:
            m = q
            node = left[node]
        else:
            m -= q
            node = right[node]
    return ~node, m


@_compile
def descend(items, root, left, right, share, weight, ratio, base, source, draw):
    """source[k], draw[k] of items[k]; `base` holds each source's draws before the tree's stage."""
    for k in range(items.size):
        s, m = _descend(items[k], root, left, right, share, weight, ratio)
        source[k] = s
        draw[k] = base[s] + m


# The shuffle works on blocks of lanes, so that LLVM makes vector instructions of its rounds: three
# times the speed of one element at a time. Two operands of 32 bits give 64 in numba, hence _U32.
_BLOCK = 128
_U32 = np.uint32
_HALF_LEFT, _HALF_RIGHT, _MASK, _BITS, _KEYS = 0, 1, 2, 3, 4


@_compile
def _half_round(into, by, key, mask, lanes):
    """into ^= F(by ^ key) & mask, the step of shuffle.py, for the first `lanes` lanes."""
    for i in range(lanes):
        x = _U32(by[i] ^ key[i])
        x = _U32(x ^ (x >> _U32(16)))
        x = _U32(x * _U32(0x7FEB352D))
        x = _U32(x ^ (x >> _U32(15)))
        x = _U32(x * _U32(0x846CA68B))
        x = _U32(x ^ (x >> _U32(16)))
        into[i] = _U32(into[i] ^ (x & mask[i]))


@_compile
def _load(lane, block, index, bits, keys, row):
    """Fill one lane with an index, its domain and its round keys."""
    mask = (np.uint64(1) << bits) - np.uint64(1)
    block[_HALF_LEFT, lane] = np.uint64(index) >> bits
    block[_HALF_RIGHT, lane] = np.uint64(index) & mask
    block[_MASK, lane] = mask
    block[_BITS, lane] = bits
    for r in range(8):
        block[_KEYS + r, lane] = keys[row, r]


@_compile
def _walk(block, limit, at, lanes, out):
    """Walk every lane's cycle until it is under its limit; out[at[lane]] is where it ends."""
    left, right, mask = block[_HALF_LEFT], block[_HALF_RIGHT], block[_MASK]
    while lanes:
        # Halves are swapped in name, not in place: after an even number of rounds they are back.
        for r in range(0, 8, 2):
            _half_round(left, right, block[_KEYS + r], mask, lanes)
            _half_round(right, left, block[_KEYS + r + 1], mask, lanes)
        left_over = 0
        for i in range(lanes):
            x = (np.int64(left[i]) << np.int64(block[_BITS, i])) | np.int64(right[i])
            if x < limit[i]:
                out[at[i]] = x
            else:
                for row in range(block.shape[0]):
                    block[row, left_over] = block[row, i]
                limit[left_over] = limit[i]
                at[left_over] = at[i]
                left_over += 1
        lanes = left_over


@_compile
def permute_rows(index, rows, n, bits, keys, out):
    """out[k] = permute(index[k]) with n, bits and keys of row rows[k]."""
    block = np.empty((_KEYS + 8, _BLOCK), np.uint32)
    limit, at = np.empty(_BLOCK, np.int64), np.empty(_BLOCK, np.int64)
    for first in range(0, index.size, _BLOCK):
        lanes = 0
        for k in range(first, min(first + _BLOCK, index.size)):
            row = rows[k]
            out[k] = index[k]
            if n[row] > 1:
                _load(lanes, block, index[k], bits[row], keys, row)
                limit[lanes], at[lanes] = n[row], k
                lanes += 1
        _walk(block, limit, at, lanes, out)


@_compile
def shuffle(source, draw, sequences, bits, known, keys, epoch, sequence):
    """Split draws into epochs and permute; returns how many still need their epoch's keys.

    `known[s]` is the epoch whose round keys stand in keys[s]. Where another is needed,
    `sequence[k]` is left as -1 - (index before the shuffle).
    """
    missing = 0
    block = np.empty((_KEYS + 8, _BLOCK), np.uint32)
    limit, at = np.empty(_BLOCK, np.int64), np.empty(_BLOCK, np.int64)
    for first in range(0, draw.size, _BLOCK):
        lanes = 0
        for k in range(first, min(first + _BLOCK, draw.size)):
            s = source[k]
            n = sequences[s]
            epoch[k] = draw[k] // n
            sequence[k] = draw[k] - epoch[k] * n
            if epoch[k] != known[s]:
                sequence[k] = -1 - sequence[k]
                missing += 1
            elif n > 1:
                _load(lanes, block, sequence[k], bits[s], keys, s)
                limit[lanes], at[lanes] = n, k
                lanes += 1
        _walk(block, limit, at, lanes, sequence)
    return missing
