"""The gather compiled by numba; gather.py has the same in numpy, with the same bytes.

Importing this module imports numba: only gather.py does so, and late.

Tables (all int64; see shelf.py): sources [S, 5], files [F, 2] (address or 0, address of its marks
of verified blocks), parts [P, 4]. Addresses are those of read-only maps that the caller keeps
alive; everything read through one is bounds-checked against a verified size first.

Moves, [m, 6] int64, one a segment and one a hole, in the order of the output:

    FROM    address of the tokens
    MASK    address of their loss mask; 0 where all ids count, NO_MASK before the first token
    AT      where it begins in the flattened output
    TOKENS  how many tokens are copied
    LENGTH  ids it fills: tokens and separators
    KIND    -1 a hole to pad; else 2 * source + (1 where the document begins here)
"""

# numba infers the types of its functions; annotations would only repeat the docstrings.
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from awase_client.engine.jit import njit

HEADER = 256  # files.HEADER_BYTES
SHIFT = 16  # files.BLOCK_SHIFT
SEGMENT = 32  # views.SEGMENT.itemsize
OPEN = -1  # a wish for the file itself, not for one of its blocks
FROM, MASK, AT, TOKENS, LENGTH, KIND = range(6)
NO_MASK = 1  # no address of anything

# How far ahead memory is asked for: pointers and segments in sequences, tokens in moves. A sequence
# lies anywhere, so each of the three would wait for memory in turn. On an AMD EPYC 9004 with 200 MB
# of tokens this takes 0.44 ms a million tokens, and 0.70 where only the next sequence's tokens are
# asked for, into the first level.
AHEAD_POINTERS, AHEAD_SEGMENTS, AHEAD_TOKENS = 16, 8, 4


_compile = njit(nogil=True, cache=True)


def _loader(bits: int, result: Any) -> Any:
    @intrinsic
    def load(typingctx, address):
        def codegen(context, builder, signature, args):
            pointer = builder.inttoptr(args[0], ir.IntType(bits).as_pointer())
            return builder.load(pointer)

        return result(types.int64), codegen

    return load


_load64 = _loader(64, types.int64)
_load32 = _loader(32, types.int32)
_load8 = _loader(8, types.uint8)


@intrinsic
def _copy(typingctx, target, source, size):
    def codegen(context, builder, signature, args):
        byte = ir.IntType(8).as_pointer()
        target, source = (builder.inttoptr(value, byte) for value in args[:2])
        cgutils.raw_memcpy(builder, target, source, args[2], 1)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), codegen


@intrinsic
def _prefetch(typingctx, address):
    """Ask for the cache line at an address, into the second level; it may not exist."""

    def codegen(context, builder, signature, args):
        byte, i32 = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, i32, i32, i32])
        function = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        read, second_level, data = (ir.Constant(i32, value) for value in (0, 2, 1))
        builder.call(function, [builder.inttoptr(args[0], byte), read, second_level, data])
        return context.get_dummy_value()

    return types.void(types.int64), codegen


@_compile
def _wish(files, file, start, end, tick, used, wishes, count):
    """Add what bytes start..end of a file still need; returns the new count of wishes."""
    if count == wishes.shape[0]:
        return count
    used[file] = tick
    if files[file, 0] == 0:
        wishes[count, 0] = file
        wishes[count, 1] = OPEN
        return count + 1
    for block in range(start >> SHIFT, ((end - 1) >> SHIFT) + 1):
        if _load8(files[file, 1] + block) == 0:
            if count == wishes.shape[0]:
                return count
            wishes[count, 0] = file
            wishes[count, 1] = block
            count += 1
    return count


@_compile
def _part_of(parts, first, n, at):
    """Index of the part that holds token address `at`."""
    low = first
    high = first + n
    while high - low > 1:
        middle = (low + high) >> 1
        if parts[middle, 0] <= at:
            low = middle
        else:
            high = middle
    return low


@_compile
def _ahead(source, sequence, k, sources, files):
    """Have the pointers and the segments of later sequences fetched."""
    far = k + AHEAD_POINTERS
    if far < source.size and files[sources[source[far], 0], 0]:
        _prefetch(files[sources[source[far], 0], 0] + HEADER + 8 * sequence[far])
    near = k + AHEAD_SEGMENTS
    if near < source.size:
        s = source[near]
        file = sources[s, 0]
        q = sequence[near]
        if files[file, 0] and files[file + 1, 0] and q >= 0 and q < sources[s, 1]:
            # Not verified yet, so it may point anywhere; a hint does no harm.
            first = _load64(files[file, 0] + HEADER + 8 * q)
            segment = files[file + 1, 0] + HEADER + SEGMENT * first
            _prefetch(segment)
            _prefetch(segment + 64)


@_compile
def _segments(s, q, sources, files, tick, used, wishes, count):
    """(wishes, address, end) of the segments of a sequence.

    An end of 0: not mapped or not verified, and wished for; of -1: the view contradicts itself.
    """
    file = sources[s, 0]
    if q < 0 or q >= sources[s, 1]:
        return count, 0, -1
    start = HEADER + 8 * q
    now = _wish(files, file, start, start + 16, tick, used, wishes, count)
    if now != count:
        return now, 0, 0
    first = _load64(files[file, 0] + start)
    end = _load64(files[file, 0] + start + 8)
    if first < 0 or first > end or end > sources[s, 2]:
        return count, 0, -1
    low = HEADER + SEGMENT * first
    high = HEADER + SEGMENT * end
    if first < end:
        now = _wish(files, file + 1, low, high, tick, used, wishes, count)
        if now != count:
            return now, 0, 0
    return count, files[file + 1, 0] + low, files[file + 1, 0] + high


@_compile
def touch(
    source, sequence, width, itemsize, masks, sources, files, parts, tick, used, wishes, moves
):
    """What must be opened or verified before these sequences can be read, and the moves to do so.

    Returns (wishes, moves). wishes[k] = (file, block or OPEN), possibly repeated; stops where there
    is no room for more. Asked again until there are none and no more moves than there is room for:
    then `moves` is whole. A negative number of moves, -1 - k: request k contradicts its view.
    """
    count = 0
    total = 0
    for k in range(source.size):
        if count + 4 >= wishes.shape[0]:
            break
        _ahead(source, sequence, k, sources, files)
        s = source[k]
        count, low, high = _segments(s, sequence[k], sources, files, tick, used, wishes, count)
        if high < 0:
            return count, -1 - k
        if high == 0:
            continue
        ids = 0
        for address in range(low, high, SEGMENT):
            at = _load64(address + 16)
            length = _load32(address + 24)
            n = _load32(address + 28)
            if n < 0 or n > length or ids + length > width:
                return count, -1 - k
            p = _part_of(parts, sources[s, 3], sources[s, 4], at + n - 1)
            inside = at - parts[p, 0]
            if n and (inside < 0 or inside + n > parts[p, 1]):
                return count, -1 - k
            if n:
                head = inside * itemsize
                tail = head + n * itemsize
                count = _wish(files, parts[p, 2], head, tail, tick, used, wishes, count)
            mask = parts[p, 3] if masks else -1
            flags = 0 if mask < 0 else NO_MASK
            if mask >= 0 and inside + n > 0:
                # A separator alone takes the mask of the token before it.
                head = inside if n else inside - 1
                count = _wish(files, mask, head, inside + n, tick, used, wishes, count)
                flags = files[mask, 0] + inside
            if total < moves.shape[0]:
                moves[total, FROM] = files[parts[p, 2], 0] + inside * itemsize
                moves[total, MASK] = flags
                moves[total, AT] = k * width + ids
                moves[total, TOKENS] = n
                moves[total, LENGTH] = length
                moves[total, KIND] = 2 * s + (_load64(address + 8) == 0)
            total += 1
            ids += length
        if ids < width:
            if total < moves.shape[0]:
                moves[total, AT] = k * width + ids
                moves[total, LENGTH] = width - ids
                moves[total, KIND] = -1
            total += 1
    return count, total


@_compile
def gather(moves, bos, eos, pad, out, starts, loss):
    """Fill the flattened `out` by moves that `touch` made.

    bos, eos    [S] int64, the id of a source's separator or -1
    starts      [m] int32, starts of documents and of padding; empty if unwanted
    loss        [ids] uint8; empty if unwanted. Where a move has a mask, that decides about its
                tokens and its eos; else every id counts
    """
    itemsize = out.itemsize
    base = out.ctypes.data
    loss_base = loss.ctypes.data
    want_loss = loss.size > 0
    for m in range(moves.shape[0]):
        if m + AHEAD_TOKENS < moves.shape[0] and moves[m + AHEAD_TOKENS, KIND] >= 0:
            tokens = moves[m + AHEAD_TOKENS, FROM]
            size = moves[m + AHEAD_TOKENS, TOKENS] * itemsize
            for line in range(tokens, tokens + size, 64):
                _prefetch(line)
        at = moves[m, AT]
        stop = at + moves[m, LENGTH]
        if starts.size:
            starts[m] = at
        kind = moves[m, KIND]
        if kind < 0:
            out[at:stop] = pad
            if want_loss:
                loss[at:stop] = 0
            continue
        n = moves[m, TOKENS]
        mask = moves[m, MASK]
        if kind & 1 and bos[kind >> 1] >= 0:
            out[at] = bos[kind >> 1]
            if want_loss:
                loss[at] = mask == 0
            at += 1
        _copy(base + at * itemsize, moves[m, FROM], n * itemsize)
        if want_loss:
            if mask:
                _copy(loss_base + at, mask, n)
            else:
                loss[at : at + n] = 1
        at += n
        if at < stop:
            out[at] = eos[kind >> 1]
            if want_loss:
                loss[at] = _load8(mask + n - 1) if mask else 1
