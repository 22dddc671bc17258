"""What all numba kernels of the curation share: an Arrow array seen as bytes, UTF-8, hashes, sets.

    buffers   an Arrow string array as (bytes, offsets), and back
    utf8      white space, decoding and the last character, on bytes
    hashing   64-bit hashes of bytes and words; a set that is emptied in one step
    classes   one class number a code point, for characters counted in one pass

`njit` is `awase_client.engine.jit`'s: its disk cache follows every module a kernel is made from.
"""
