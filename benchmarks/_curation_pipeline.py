"""`awase curate` as a command: JSON Lines to committed Parquet, and its memory on hostile text.

pipeline-N curates all of the benchmark's Japanese and English text (109 MB) with ja-default,
en-default and deduplication in N worker processes. Wall time of the whole command: start of the
interpreter and the workers, survey, decision, commit and report included. The notes give the CPU
seconds of all of its processes: where they rise with N, or wall time exceeds them, the machine was
busy or the workers did more.

memory-random curates unique random words with en-default. Its value is the peak of the resident
sets summed over the command's whole process tree: the command, datatrove's manager, the resource
tracker, the fork server and the workers. The notes give the same over the workers alone, and the
tree's peak where a page that processes share counts once (PSS). Memory is flat where twice the
input peaks no higher, within the 5 % by which such peaks differ from run to run. Parts of one run
are no measure of it, for they hold different phases; nor is an input of a single shard, which the
command writes without workers. numba's disk cache is filled first: its compiling is measured by
compile-first, and takes 250 MiB more a worker, once an installation.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks._table import Measured, Table
from benchmarks._tree import Run, run_tree

PIPELINE_MEGABYTES = 1000.0  # of each language, at most: all that there is
PIPELINE_RUNS = 5
WARM = 200  # documents of the run that is not timed
PIPELINE_RECIPE = """\
version: 1
name: bench
input: {task_bytes: 4MB}
datasets:
  bench-ja: {languages: [ja], profile: ja-default}
  bench-en: {languages: [en], profile: en-default}
"""
MEMORY_MEGABYTES = int(os.environ.get("AWASE_BENCH_MEMORY_MB", "1000"))
MEMORY_FILES = 8
MEMORY_RECIPE = """\
version: 1
name: bench
datasets:
  bench-en: {profile: en-default}
"""
GIB = 2**30


def pipeline(table: Table, names: Sequence[str], texts: Sequence[str]) -> None:
    """pipeline-1, pipeline-2: MB/s of UTF-8 text; the ratio of the second is over the first.

    The runs of both alternate, so that a busy machine slows both.
    """
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    runs: dict[str, list[Run]] = {name: [] for name in names}
    with scratch() as folder:
        source = folder / "in.jsonl"
        with source.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps({"text": t}, ensure_ascii=False) + "\n" for t in texts)
        warm = folder / "warm.jsonl"
        warm.write_text("".join(source.open(encoding="utf-8").readlines()[:WARM]), encoding="utf-8")
        curated(PIPELINE_RECIPE, warm, folder, workers=1)  # numba's disk cache is filled
        for _ in range(PIPELINE_RUNS):
            for name in names:
                workers = int(name.rsplit("-", 1)[1])
                runs[name].append(curated(PIPELINE_RECIPE, source, folder, workers=workers))
    before: Measured | None = None
    for name in names:
        mine = Measured(tuple(megabytes / run.seconds for run in runs[name]))
        seconds = statistics.median(run.seconds for run in runs[name])
        cpu = statistics.median(run.cpu for run in runs[name])
        table.add(
            name,
            "MB/s",
            mine,
            peer=None if before is None else "one worker",
            peer_value=before,
            target=">= 1.6x" if before is not None else "",
            notes=f"{megabytes:.0f} MB, {seconds:.1f} s wall, {cpu:.1f} s CPU of all processes",
        )
        before = before or mine


def memory(table: Table, names: Sequence[str]) -> None:
    """memory-random: GiB of all processes at their peak, and of twice the input."""
    for name in names:
        runs = {}
        with scratch() as folder:
            write_random(folder / "warm", 1, files=1)
            curated(MEMORY_RECIPE, folder / "warm", folder, workers=1)  # fills numba's disk cache
            for megabytes in (MEMORY_MEGABYTES, 2 * MEMORY_MEGABYTES):
                source = folder / f"in-{megabytes}"
                write_random(source, megabytes, files=MEMORY_FILES)
                runs[megabytes] = curated(MEMORY_RECIPE, source, folder, workers=2)
        run, double = runs[MEMORY_MEGABYTES], runs[2 * MEMORY_MEGABYTES]
        workers, shared = max(run.workers) / GIB, max(run.proportional, default=0) / GIB
        table.add(
            name,
            "GiB peak",
            max(run.resident) / GIB,
            target="<= 2 GiB",
            notes=f"{MEMORY_MEGABYTES} MB, RSS of all processes; {workers:.2f} of the 2 workers, "
            f"PSS of all {shared:.2f}; {run.seconds:.0f} s, {run.cpu:.0f} s CPU",
        )
        table.add(
            name,
            "GiB peak, 2x input",
            max(double.resident) / GIB,
            peer=f"{MEMORY_MEGABYTES} MB",
            peer_value=max(run.resident) / GIB,
            target="flat: <= 1.05x",
        )


def curated(recipe: str, source: Path, folder: Path, *, workers: int) -> Run:
    """`awase curate` of a file or folder into a new store under `folder`, removed afterwards."""
    path = folder / "recipe.yaml"
    path.write_text(recipe, encoding="utf-8")
    store = folder / "store"
    command = ["-m", "pipelines", "--store", store, "curate", path, "--input", source]
    try:
        return run_tree([*map(str, command), "--workers", str(workers)])
    finally:
        shutil.rmtree(store, ignore_errors=True)


LETTERS = 7  # that tell a word from every other: 26**7 = 8e9 words
LONGEST = 12
SENTENCE = 12  # words
DOCUMENT = 80  # sentences
_ALL = 26**LETTERS
_FACTOR = 3_141_592_653  # odd and no multiple of 13: i -> i * _FACTOR modulo 26**7 is one to one


def write_random(folder: Path, megabytes: int, *, files: int) -> None:
    """`files` JSON Lines files of random words in lines that end as sentences; no word comes twice
    but for the full stop after every twelfth."""
    folder.mkdir()
    rng = np.random.default_rng(7)
    first = 0
    for number in range(files):
        size = 0
        with (folder / f"{number:02d}.jsonl").open("wb") as file:
            while size < megabytes * 1e6 / files:
                text = random_sentences(rng, first, SENTENCE * DOCUMENT)
                first += SENTENCE * DOCUMENT
                size += len(text)
                escaped = text.replace(b"\n", b"\\n")
                file.write(b'{"text": "' + escaped + b'"}\n')


def random_sentences(rng: np.random.Generator, first: int, count: int) -> bytes:
    """Words `first` to `first + count` of the one sequence, 7 to 12 letters each."""
    letters = np.empty((count, LONGEST + 2), np.uint8)
    letters[:, LETTERS:] = rng.integers(97, 123, (count, LONGEST + 2 - LETTERS), dtype=np.uint8)
    numbers = (
        np.arange(first, first + count, dtype=np.uint64) * np.uint64(_FACTOR) % np.uint64(_ALL)
    )
    for place in range(LETTERS):
        letters[:, place] = 97 + numbers % np.uint64(26)
        numbers //= np.uint64(26)
    lengths: npt.NDArray[np.int64] = rng.integers(LETTERS, LONGEST + 1, count)
    rows = np.arange(count)
    letters[rows, lengths] = 32
    ends = rows[SENTENCE - 1 :: SENTENCE]
    letters[ends, lengths[ends]] = 46
    letters[ends, lengths[ends] + 1] = 10
    used = lengths + 1
    used[ends] += 1
    return letters[np.arange(LONGEST + 2) < used[:, None]].tobytes()


@contextmanager
def scratch() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="awase-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
