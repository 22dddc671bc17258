"""A small run that has everything a fault can hit: tasks, shards, row groups, duplicates."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil

RECIPE = """
version: 1
input: {task_bytes: 200KB}
language: {prefix: 100}
datasets:
  web:
    steps:
      - step: characters
        rules:
          too_short: {statistic: characters, min: 20, source: "this test"}
    dedup: {minhash: {preset: 14x8, unit: words}}
output: {shard_bytes: 100KB, row_group_bytes: 70KB}
"""
HOOK = Path(__file__).parent / "hook"
AWASE = Path(sys.executable).with_name("awase")


def write_input(folder: Path) -> tuple[Path, Path]:
    """(recipe, input): 3,600 documents, some of them copies of documents shards away."""
    rng = random.Random(5)
    words = [f"{a}{b}" for a in ("tra", "pol", "min", "ser", "vok") for b in "abcdefghijklmn"]
    texts = [" ".join(rng.choices(words, k=rng.randint(20, 30))) for _ in range(3500)]
    texts[2000:2000] = texts[:60]
    texts += [texts[k] for k in range(0, 3000, 75)]
    source = folder / "in.jsonl"
    lines = [json.dumps({"id": f"d{k}", "text": text}) for k, text in enumerate(texts)]
    source.write_text("\n".join(lines) + "\n")
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE)
    return recipe, source


def start(
    store: Path, recipe: Path, source: Path, *, workers: int = 2, **faults: str
) -> subprocess.Popen[str]:
    """Start `awase curate` in a process group of its own, with faults from `hook`."""
    environment = dict(os.environ)
    if faults:
        environment |= {f"AWASE_FAULT_{name.upper()}": value for name, value in faults.items()}
        environment["PYTHONPATH"] = str(HOOK)
    arguments = ["--workers", str(workers), "--json", "--input", str(source)]
    return subprocess.Popen(
        [str(AWASE), "--store", str(store), "curate", str(recipe), *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def workers_of(pid: int) -> list[psutil.Process]:
    """The workers at work: processes of its fork server that leave Ctrl-C to the parent."""
    found: list[psutil.Process] = []
    with suppress(psutil.Error):
        for server in psutil.Process(pid).children():
            found += [worker for worker in server.children() if leaves_ctrl_c(worker.pid)]
    return found


def leaves_ctrl_c(pid: int) -> bool:
    """Whether a process ignores SIGINT, as a worker does once it is at work."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return False
    ignored = next(line for line in lines if line.startswith("SigIgn:")).split()[1]
    return bool(int(ignored, 16) >> (signal.SIGINT - 1) & 1)


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """(exit code, stdout, stderr)"""
    out, err = process.communicate(timeout=200)
    return process.returncode, out, err


def digests(out: str) -> list[str]:
    return [item["digest"] for item in json.loads(out)]


def visible(store: Path) -> list[Path]:
    """What a reader can see: the manifests of versions."""
    return sorted((store / "datasets").glob("*/*/manifest.json"))
