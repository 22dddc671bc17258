"""Run one peer in its own environment: python run.py NAME FOLDER; prints M tokens/s as JSON.

FOLDER holds a.bin, b.bin, c.bin: sequences of 2,048 uint16 tokens, packed offline. A peer blends
them 0.7 / 0.2 / 0.1, shuffled where it can, in its own format or over a memory map as its users do,
and hands out [8, 2048] int64. After 250 batches of warm-up, up to 3,600 batches or 8 seconds are
timed.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path

WARM, MOST, SECONDS = 250, 3600, 8.0
LENGTH, BATCH = 2048, 8


def main() -> None:
    name, folder = sys.argv[1], Path(sys.argv[2]).resolve()
    sys.path.insert(0, str(Path(__file__).parent))
    peer = importlib.import_module(f"peer_{name}")
    batches = iter(peer.batches(folder))
    for _ in range(WARM):
        first = next(batches)
    assert tuple(first.shape) == (BATCH, LENGTH), first.shape
    assert "int64" in str(first.dtype), first.dtype
    started, count = time.perf_counter(), 0
    while count < MOST and time.perf_counter() - started < SECONDS:
        next(batches)
        count += 1
    seconds = time.perf_counter() - started
    print(json.dumps({"rate": count * BATCH * LENGTH / seconds / 1e6, "version": peer.version()}))


if __name__ == "__main__":
    main()
