"""The peers, each in an environment of its own under benchmarks/.venv-NAME (made once, by pip).

A run of the peer and one of the engine take turns, five times, each peer run in a new process; both
hand out batches of [8, 2048] int64. The engine also reports boundaries and source ids and reads its
documents where they lie; peers/peer_NAME.py says what each peer reads.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from awase_client.engine.reader import Engine
from benchmarks._stream_data import small
from benchmarks._stream_inprocess import engine_batches, rate
from benchmarks._table import RUNS, Measured, Table

HERE = Path(__file__).parent
TORCH = ("torch==2.13.0", "numpy")
PEERS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "litdata": ("litdata", (*TORCH, "litdata"), ">= 2x"),
    "torchdata-nodes": ("nodes", (*TORCH, "torchdata"), ">= 1x"),
    "mosaic": ("mosaic", (*TORCH, "mosaicml-streaming"), ">= 2x"),
    "grain": ("grain", ("numpy", "grain"), ">= 2x"),
    "hf-map": ("hf", (*TORCH, "datasets", "torchdata"), ">= 2x"),
    "megatron": ("megatron", (*TORCH, "megatron-core", "pybind11"), ">= 2x"),
}
SECONDS = 900


def python_of(name: str, packages: tuple[str, ...]) -> Path | None:
    """The interpreter of a peer's environment; None where pip cannot install the peer here."""
    folder = HERE / f".venv-{name}"
    python, done = folder / "bin" / "python", folder / "installed"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        command = [str(python), "-m", "pip", "install", "--quiet", *packages]
        made = subprocess.run(command, capture_output=True, text=True)
        if made.returncode:
            print(f"{name}: not installed: {made.stderr.strip()[-300:]}", file=sys.stderr)
            return None
        done.touch()
    return python


def run_peer(python: Path, name: str, folder: Path) -> dict[str, float | str] | None:
    """{"rate", "version"} of one run in a new process; None where it fails, with its last words."""
    command = [str(python), str(HERE / "peers" / "run.py"), name, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    if done.returncode:
        print(f"{name}: {done.stderr.strip()[-300:]}", file=sys.stderr)
        return None
    found: dict[str, float | str] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def against(case: str) -> Callable[[Table], None]:
    name, packages, target = PEERS[case]

    def run(table: Table) -> None:
        data = small()
        python = python_of(name, packages)
        folder = data.packed[0].parent
        # Untimed: the peer writes its own format, the engine compiles.
        if python is None or run_peer(python, name, folder) is None:
            return
        Engine.open(data.root, data.plan, numba=True).read(0, 8)
        ours, theirs, version = [], [], ""
        for _ in range(RUNS):
            found = run_peer(python, name, folder)
            if found is None:
                return
            theirs.append(float(found["rate"]))
            version = str(found["version"])
            engine = Engine.open(data.root, data.plan, numba=True)
            ours.append(rate(engine_batches(engine, np.int64)))
        table.add(
            case,
            "M tokens/s",
            Measured(tuple(ours)),
            peer=f"{case} {version}",
            peer_value=Measured(tuple(theirs)),
            target=target,
            notes="int64 batches of 8 on both sides",
        )

    return run


CASES: dict[str, Callable[[Table], None]] = {case: against(case) for case in PEERS}
