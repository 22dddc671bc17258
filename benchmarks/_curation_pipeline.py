"""The whole curation: from a file to committed Parquet, and its memory on hostile text.

pipeline-N runs the shipped demo recipe (ja-default, en-default, language, deduplication) over
Japanese and English JSONL with N worker processes; start of the workers included, survey and
commit too. memory-random samples the resident sets of the run's whole process tree.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil

from benchmarks._table import Measured, Table, measure
from curation.base.store import Store
from pipelines.curate import curate
from pipelines.recipes import FOLDER

PIPELINE_MEGABYTES = 24.0  # of each language
PIPELINE_RUNS = 3
TASK = "task_bytes: 4MB"
MEMORY_MEGABYTES = int(os.environ.get("AWASE_BENCH_MEMORY_MB", "1000"))
SAMPLE_SECONDS = 0.25


def recipe() -> str:
    """The demo's recipe, cut into more tasks than its 32 MB would give."""
    text = (FOLDER / "demo.yaml").read_text("utf-8")
    return text.replace("input:\n", f"input:\n  {TASK}\n", 1)


def pipeline(table: Table, names: Sequence[str], texts: Sequence[str]) -> None:
    """pipeline-1, pipeline-2: MB/s of UTF-8 text; the ratio of the second is over the first."""
    with scratch() as folder:
        source = folder / "in.jsonl"
        with source.open("w") as file:
            file.writelines(json.dumps({"text": t}, ensure_ascii=False) + "\n" for t in texts)
        megabytes = sum(len(text.encode()) for text in texts) / 1e6
        before: Measured | None = None
        for name in names:
            workers = int(name.rsplit("-", 1)[1])
            store = folder / name

            def run(store: Path = store, workers: int = workers) -> None:
                curate(recipe(), [source], Store(store), workers=workers)

            mine = measure(
                run,
                work=megabytes,
                runs=PIPELINE_RUNS,
                before=lambda store=store: shutil.rmtree(store, ignore_errors=True),
            )
            one = None if before is None else "one worker"
            table.add(name, "MB/s", mine, peer=one, peer_value=before)
            before = before or mine


def memory(table: Table, names: Sequence[str]) -> None:
    """memory-random: GiB of all processes at their peak, and at a third of the time."""
    for name in names:
        with scratch() as folder:
            source = folder / "random.jsonl"
            write_random(source, MEMORY_MEGABYTES)
            with resident() as samples:
                curate(recipe(), [source], Store(folder / "store"), workers=2)
            peak = max(samples) / 2**30
            early = max(samples[: max(1, len(samples) // 3)]) / 2**30
            table.add(name, "GiB peak", Measured((peak,)))
            table.add(f"{name}-early", "GiB peak of the first third", Measured((early,)))


def write_random(path: Path, megabytes: int) -> None:
    """English-looking JSONL in which hardly any word comes twice."""
    rng = np.random.default_rng(7)
    with path.open("wb") as file:
        for _ in range(megabytes):
            letters = rng.integers(97, 123, 1_000_000, dtype=np.uint8)
            letters[np.cumsum(rng.integers(6, 13, 90_000))[:80_000]] = 32
            for piece in np.split(letters, 100):
                lines = b".\\n".join(line.tobytes() for line in np.split(piece, 100))
                file.write(b'{"text": "' + lines + b'."}\n')


@contextmanager
def resident() -> Iterator[list[int]]:
    """Bytes resident in this process and all its children, sampled while the block runs."""
    stop = threading.Event()
    samples: list[int] = []
    root = psutil.Process()

    def sample() -> None:
        while not stop.wait(SAMPLE_SECONDS):
            total = 0
            for process in [root, *root.children(recursive=True)]:
                try:
                    total += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            samples.append(total)

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        stop.set()
        thread.join()


@contextmanager
def scratch() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="awase-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
