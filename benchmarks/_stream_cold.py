"""The first frame of a new process, what it holds in memory, and what the import costs."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks._stream_data import wide
from benchmarks._table import RUNS, Measured, Table

FIRST_FRAME = """
import json, re, sys, time
import numpy
from awase_client.engine.reader import Engine

def memory():
    text = open("/proc/self/smaps_rollup").read() + open("/proc/self/status").read()
    find = lambda key: int(re.search(rf"^{key}:\\s+(\\d+)", text, re.M)[1]) / 1024
    return {"anonymous": find("Anonymous"), "mapped": find("RssFile")}

root, plan, where, count = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
before = memory()
started = time.perf_counter()
engine = Engine.open(root, plan)
position = int(where * (engine.total() - count))
block = engine.read(position, count, sections=("sources", "cu_seqlens"))
seconds = time.perf_counter() - started
after = memory()
print(json.dumps({"ms": 1e3 * seconds, "position": position, "tokens": int(block.tokens.size),
                  **after, "grown": sum(after.values()) - sum(before.values())}))
"""
COUNT = 8  # one batch of 8 sequences


def first_frames(root: Path, plan: str, seed: int) -> list[dict[str, float]]:
    """One new process a run, each at another position."""
    rng = random.Random(seed)
    return [
        run_python(FIRST_FRAME, str(root), plan, str(rng.random()), str(COUNT)) for _ in range(RUNS)
    ]


def run_python(code: str, *arguments: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def first_frame(table: Table) -> None:
    data = wide()
    first_frames(data.root, data.few, 0)  # the files' pages are in the cache for both
    frames = {
        "1e6x3": first_frames(data.root, data.few, 1),
        "1e10x1000": first_frames(data.root, data.large, 2),
    }
    for name, runs in frames.items():
        table.add(
            f"first-frame-{name}",
            "ms",
            Measured(tuple(run["ms"] for run in runs)),
            target="<= 50",
            notes="new process, imports excluded; 8 sequences at a random position",
        )
    for kind in ("anonymous", "mapped"):
        few, large = (Measured(tuple(run[kind] for run in runs)) for runs in frames.values())
        table.add(
            "first-frame-1e10x1000",
            f"MB {kind}",
            large,
            peer="first-frame-1e6x3",
            peer_value=few,
            target="<= 1.5x",
        )


IMPORT = """
import json, sys, time
started = time.perf_counter()
import awase_client, numpy
print(json.dumps({"ms": 1e3 * (time.perf_counter() - started), "numba": "numba" in sys.modules}))
"""


def client_import(table: Table) -> None:
    run_python(IMPORT)
    runs = [run_python(IMPORT) for _ in range(RUNS)]
    table.add(
        "client-import",
        "ms",
        Measured(tuple(run["ms"] for run in runs)),
        differences=sum(int(run["numba"]) for run in runs),
        target="<= 150",
        notes="numpy included; differences counts runs that loaded numba",
    )


CASES: dict[str, Callable[[Table], None]] = {
    "first-frame": first_frame,
    "client-import": client_import,
}
