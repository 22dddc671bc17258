"""The gather compiled by numba; gather.py has the same in numpy, with the same bytes.

Importing this module imports numba: only gather.py does so, and late.

Tables (all int64; see shelf.py): sources [S, 5], files [F, 2] (address or 0, address of its marks
of verified blocks), parts [P, 4]. Addresses are those of read-only maps that the caller keeps
alive; everything read through one is bounds-checked against a verified size first.
"""

# numba infers the types of its functions; annotations would only repeat the docstrings.
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

HEADER = 256  # files.HEADER_BYTES
SHIFT = 16  # files.BLOCK_SHIFT
SEGMENT = 32  # views.SEGMENT.itemsize
OPEN = -1  # a wish for the file itself, not for one of its blocks


def _compile(function: Any) -> Any:
    """njit with a cache on disk, or without where no cache folder can be written."""
    try:
        return njit(function, nogil=True, cache=True)
    except RuntimeError:  # numba: "no locator available"
        return njit(function, nogil=True)


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
    """Ask for the cache line at an address; needs no answer, so it may not exist."""

    def codegen(context, builder, signature, args):
        byte, i32 = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, i32, i32, i32])
        function = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        read, all_levels, data = (ir.Constant(i32, value) for value in (0, 3, 1))
        builder.call(function, [builder.inttoptr(args[0], byte), read, all_levels, data])
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
def touch(source, sequence, width, itemsize, masks, sources, files, parts, tick, used, wishes):
    """What must be opened or verified before these sequences can be read: (wishes, segments).

    wishes[k] = (file, block or OPEN), possibly repeated. Stops where `wishes` is full; asked again
    until nothing is left. A negative number of segments, -1 - k: request k contradicts its view.
    """
    count = 0
    total = 0
    for k in range(source.size):
        if count + 4 >= wishes.shape[0]:
            break
        s = source[k]
        q = sequence[k]
        file = sources[s, 0]
        if q < 0 or q >= sources[s, 1]:
            return count, -1 - k
        before = count
        start = HEADER + 8 * q
        count = _wish(files, file, start, start + 16, tick, used, wishes, count)
        if count != before:
            continue
        first = _load64(files[file, 0] + start)
        end = _load64(files[file, 0] + start + 8)
        if first < 0 or first > end or end > sources[s, 2]:
            return count, -1 - k
        total += end - first
        if first == end:
            continue
        low = HEADER + SEGMENT * first
        high = HEADER + SEGMENT * end
        count = _wish(files, file + 1, low, high, tick, used, wishes, count)
        if count != before:
            continue
        ids = 0
        for address in range(files[file + 1, 0] + low, files[file + 1, 0] + high, SEGMENT):
            at = _load64(address + 16)
            length = _load32(address + 24)
            n = _load32(address + 28)
            ids += length
            if n < 0 or n > length or ids > width:
                return count, -1 - k
            if n == 0 and not masks:
                continue
            p = _part_of(parts, sources[s, 3], sources[s, 4], at + n - 1)
            inside = at - parts[p, 0]
            if n and (inside < 0 or inside + n > parts[p, 1]):
                return count, -1 - k
            low = inside * itemsize
            high = low + n * itemsize
            if n:
                count = _wish(files, parts[p, 2], low, high, tick, used, wishes, count)
            if masks and parts[p, 3] >= 0:
                # A separator alone takes the mask of the token before it.
                low = inside if n else inside - 1
                if low >= 0:
                    count = _wish(files, parts[p, 3], low, inside + n, tick, used, wishes, count)
    return count, total


@_compile
def _ahead(s, q, sources, files, parts, itemsize):
    """Have the tokens of a sequence fetched while the one before is copied.

    Segments lie anywhere, so without this each waits for memory.
    """
    file = sources[s, 0]
    pointer = files[file, 0] + HEADER + 8 * q
    address = files[file + 1, 0] + HEADER
    end = address + SEGMENT * _load64(pointer + 8)
    address += SEGMENT * _load64(pointer)
    while address < end:
        at = _load64(address + 16)
        n = _load32(address + 28)
        p = _part_of(parts, sources[s, 3], sources[s, 4], at + n - 1)
        tokens = files[parts[p, 2], 0] + (at - parts[p, 0]) * itemsize
        for line in range(tokens, tokens + n * itemsize + 63, 64):
            _prefetch(line)
        address += SEGMENT


@_compile
def gather(
    source, sequence, bos, eos, pad, sources, files, parts, itemsize, out, starts, loss, masked
):
    """Fill out[k] with sequence k; returns the number of `starts` written.

    bos, eos    [S] int64, the id of a source's separator or -1
    starts      int32: starts of documents and of padding in the flattened `out`; empty if unwanted
    loss        [n, width] uint8; empty if unwanted. masked: stored masks decide, else all ids count
    """
    width = out.shape[1]
    base = out.ctypes.data
    loss_base = loss.ctypes.data
    want_starts = starts.size > 0
    want_loss = loss.size > 0
    found = 0
    for k in range(source.size):
        if k + 1 < source.size:
            _ahead(source[k + 1], sequence[k + 1], sources, files, parts, itemsize)
        s = source[k]
        file = sources[s, 0]
        pointer = files[file, 0] + HEADER + 8 * sequence[k]
        address = files[file + 1, 0] + HEADER
        end = address + SEGMENT * _load64(pointer + 8)
        address += SEGMENT * _load64(pointer)
        column = 0
        while address < end:
            if want_starts:
                starts[found] = k * width + column
                found += 1
            start = _load64(address + 8)
            at = _load64(address + 16)
            length = _load32(address + 24)
            n = _load32(address + 28)
            stop = column + length
            # Without tokens the part of the token before: its mask decides about an eos.
            p = _part_of(parts, sources[s, 3], sources[s, 4], at + n - 1)
            mask = parts[p, 3] if masked else -1
            inside = at - parts[p, 0]
            if start == 0 and bos[s] >= 0:
                out[k, column] = bos[s]
                if want_loss:
                    loss[k, column] = mask < 0
                column += 1
            if n:
                tokens = files[parts[p, 2], 0] + inside * itemsize
                _copy(base + (k * width + column) * itemsize, tokens, n * itemsize)
                if want_loss:
                    if mask >= 0:
                        _copy(loss_base + k * width + column, files[mask, 0] + inside, n)
                    else:
                        loss[k, column : column + n] = 1
                column += n
            if column < stop:
                out[k, column] = eos[s]
                if want_loss:
                    loss[k, column] = _load8(files[mask, 0] + inside + n - 1) if mask >= 0 else 1
                column += 1
            address += SEGMENT
        if column < width:
            if want_starts:
                starts[found] = k * width + column
                found += 1
            out[k, column:width] = pad
            if want_loss:
                loss[k, column:width] = 0
    return found
