"""64-bit hashes of bytes, and a set of stretches that is emptied by one increment.

A hash only says where to look: behind equal hashes the stretches themselves are compared, so no
text, made for it or not, is taken for another.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
from llvmlite import ir
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic

from awase_client.engine.jit import njit

SEED = np.uint64(0xCBF29CE484222325)  # FNV-1a's offset basis and prime for 64 bits
_FNV = np.uint64(0x100000001B3)
_MIX = np.uint64(0x9FB21C651E98DF25)  # of Pelle Evensen's mixer rrmxmx
MIX_1 = np.uint64(0xFF51AFD7ED558CCD)  # of MurmurHash3's fmix64 (Austin Appleby)
MIX_2 = np.uint64(0xC4CEB9FE1A85EC53)
_U1 = np.uint64(1)


@njit(inline="always")
def step(h, x):  # type: ignore[no-untyped-def]
    """FNV-1a: the hash h continued by one byte or code point."""
    return (h ^ np.uint64(x)) * _FNV


@njit(inline="always")
def spread(h):  # type: ignore[no-untyped-def]
    """Spread a number over all bits; no two numbers become one."""
    h ^= h >> np.uint64(32)
    h *= _MIX
    return h ^ (h >> np.uint64(29))


@njit(inline="always")
def finish(h):  # type: ignore[no-untyped-def]
    """`spread`, but never 0, which marks an empty place of some tables."""
    h = spread(h)
    return h if h != np.uint64(0) else _U1


def _loader(bits: int) -> Any:
    """array[index:index + bits / 8] of a uint8 array as one uint64, by one load; no bounds are
    checked."""

    @intrinsic  # type: ignore[untyped-decorator,unused-ignore]
    def load(typingctx: Any, array: Any, index: Any) -> Any:
        if array.dtype != nb.types.uint8 or not isinstance(index, nb.types.Integer):
            return None

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            data = context.make_array(array)(context, builder, args[0]).data
            pointer = builder.bitcast(builder.gep(data, [args[1]]), ir.IntType(bits).as_pointer())
            number = builder.load(pointer)
            number.align = 1
            if bits < 64:
                number = builder.zext(number, ir.IntType(64))
            return impl_ret_borrowed(context, builder, signature.return_type, number)

        return nb.types.uint64(array, index), codegen

    return load


eight_bytes = _loader(64)
four_bytes = _loader(32)


@njit(inline="always")
def hash_bytes(b, s, e):  # type: ignore[no-untyped-def]
    """Hash of b[s:e] with its length, eight bytes at a time."""
    h = SEED
    i = s
    while i + 8 <= e:
        h = (h ^ eight_bytes(b, i)) * _MIX
        h ^= h >> np.uint64(32)
        i += 8
    while i < e:
        h = step(h, b[i])
        i += 1
    return finish(h ^ (np.uint64(e - s) << np.uint64(40)))


@intrinsic  # type: ignore[untyped-decorator,unused-ignore]
def put_eight(typingctx: Any, array: Any, index: Any, number: Any) -> Any:
    """array[index:index + 8] of a uint8 array = the bytes of a uint64, by one store; no bounds are
    checked."""
    if array.dtype != nb.types.uint8 or not isinstance(index, nb.types.Integer):
        return None

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(array)(context, builder, args[0]).data
        pointer = builder.bitcast(builder.gep(data, [args[1]]), ir.IntType(64).as_pointer())
        builder.store(args[2], pointer, align=1)
        return context.get_dummy_value()

    return nb.types.void(array, index, nb.types.uint64), codegen


@intrinsic  # type: ignore[untyped-decorator,unused-ignore]
def trailing_zeros(typingctx: Any, number: Any) -> Any:
    """Zero bits below the lowest one bit of a uint64, 64 for 0."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return nb.types.uint64(nb.types.uint64), codegen


EACH = np.uint64(0x0101010101010101)  # times a byte: it in all eight
TOPS = np.uint64(0x8080808080808080)


@njit(inline="always")
def plain_bytes(word):  # type: ignore[no-untyped-def]
    """How many of the eight bytes of `word`, from the first on, are ASCII above the space."""
    # a byte below 33 borrows from its top bit; bytes behind the first such one may be wrong
    stops = ((word - EACH * np.uint64(33)) | word) & TOPS
    return trailing_zeros(stops) >> np.uint64(3)


@njit(inline="always")
def same_long(a, s, e, b, i):  # type: ignore[no-untyped-def]
    """`same` for 8 bytes and more of uint8 arrays."""
    if eight_bytes(a, e - 8) != eight_bytes(b, i + e - s - 8):
        return False
    while e - s > 8:
        if eight_bytes(a, s) != eight_bytes(b, i):
            return False
        s += 8
        i += 8
    return True


@njit(inline="always")
def same(a, s, e, b, i):  # type: ignore[no-untyped-def]
    """Is a[s:e] what stands in b at i? b must be that long."""
    while s < e:
        if a[s] != b[i]:
            return False
        s += 1
        i += 1
    return True


@njit(inline="always")
def add(table, g, mask, h, b, s, e):  # type: ignore[no-untyped-def]
    """Put b[s:e] with hash h into the set of generation g; True when it was there.

    `table` int64[places, 4]: hash, generation, begin and end in b; it must have room.
    """
    key = np.int64(h)
    p = h & mask
    while table[p, 1] == g:
        first = table[p, 2]
        if table[p, 0] == key and table[p, 3] - first == e - s and same(b, s, e, b, first):
            return True
        p = (p + _U1) & mask
    table[p, 0] = key
    table[p, 1] = g
    table[p, 2] = s
    table[p, 3] = e
    return False


@njit(inline="always")
def capacity(n):  # type: ignore[no-untyped-def]
    """Places of a table for n entries: a power of two, at most half full."""
    c = 64
    while c < 2 * n + 2:
        c *= 2
    return c
