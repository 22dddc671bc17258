"""Cached machine code follows every module it was made from, and nothing stale is left behind."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba")

ROOT = Path(__file__).parents[3]
KERNELS = ROOT / "curation" / "kernels"
RUN = """
import sys
import numpy as np
from curation.kernels.marks import _long_runs

data = np.frombuffer(("a" + "\\u0301" * 200).encode(), np.uint8)
marks = np.zeros(0x110000, np.bool_)
marks[0x301] = True
found = _long_runs(data, np.array([0, len(data)]), marks)
print(bool(found[0]), sum(_long_runs.stats.cache_hits.values()))
"""


@pytest.fixture
def copied(tmp_path):
    """curation.kernels.marks with the modules it is compiled from, in a package of that name."""
    for name in ("__init__.py", "base/__init__.py", "base/marks.py", "kernels/__init__.py"):
        (tmp_path / "curation" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "curation" / name, tmp_path / "curation" / name)
    for name in ("marks.py", "utf8.py", "hashing.py"):
        shutil.copy(KERNELS / name, tmp_path / "curation" / "kernels" / name)
    return tmp_path


def run(folder: Path, cache: Path | None) -> tuple[bool, int]:
    """(what the kernel found, how often its machine code came from the cache)."""
    env = {**os.environ, "PYTHONPATH": str(folder)}
    env.pop("NUMBA_CACHE_DIR", None)
    if cache is not None:
        env["NUMBA_CACHE_DIR"] = str(cache)
    done = subprocess.run(
        [sys.executable, "-c", RUN], env=env, cwd=folder, check=True, capture_output=True, text=True
    )
    found, hits = done.stdout.split()
    return found == "True", int(hits)


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize("beside", [True, False], ids=["in __pycache__", "in NUMBA_CACHE_DIR"])
def test_a_change_in_a_module_that_a_kernel_calls_compiles_it_anew(copied, beside):
    cache = None if beside else copied / "cache"
    assert run(copied, cache) == (True, 0)
    assert run(copied, cache) == (True, 1)
    # the kernel's own file stays as it is; the decoder it has compiled in no longer finds marks
    decoder = copied / "curation" / "kernels" / "utf8.py"
    change(
        decoder, "return ((c & 31) << 6) | (np.int64(b[i + 1]) & 63), 2", "return np.int64(65), 2"
    )
    assert run(copied, cache) == (False, 0)
    assert run(copied, cache) == (False, 1)
    # nor is what was cached before left behind: one index, one file of machine code
    left = [path.name for path in copied.rglob("marks._long_runs-*")]
    assert len(left) == 2, left


def test_a_change_of_a_constant_two_imports_away_compiles_it_anew(copied):
    """`SAFE_RUN` comes from `curation.base.marks`, which has no kernels."""
    assert run(copied, copied / "cache") == (True, 0)
    constants = copied / "curation" / "base" / "marks.py"
    value = re.search(r"^SAFE_RUN = (\d+)", constants.read_text(), re.M)
    assert value is not None
    change(constants, value.group(), "SAFE_RUN = 10_000")
    assert run(copied, copied / "cache") == (False, 0)


def test_a_kernel_that_moved_within_its_file_leaves_no_second_cache(copied):
    run(copied, copied / "cache")
    source = copied / "curation" / "kernels" / "marks.py"
    change(
        source,
        "from __future__ import annotations\n",
        "from __future__ import annotations\n# moved\n",
    )
    assert run(copied, copied / "cache") == (True, 0)
    assert len(list(copied.rglob("marks._long_runs-*"))) == 2


def test_processes_without_a_folder_to_write_to_compile_for_themselves(copied, monkeypatch):
    file = copied / "curation" / "kernels" / "__pycache__"
    file.write_text("a folder under a file can be made by nobody, not even by root")
    monkeypatch.setenv("XDG_CACHE_HOME", str(file))
    for _ in range(2):
        assert run(copied, file / "cache") == (True, 0)


def test_all_kernels_take_this_decorator():
    owner = ROOT / "client" / "src" / "awase_client" / "engine" / "jit.py"
    paths = [
        path
        for folder in ("curation", "mixtures", "api", "pipelines", "client/src")
        for path in (ROOT / folder).rglob("*.py")
        if path != owner
    ]
    assert len(paths) > 100
    other = re.compile(r"(?:numba|nb)\.n?jit\b|from numba import [^\n]*\bn?jit\b")
    assert [str(path) for path in paths if other.search(path.read_text())] == []
