"""What compiles on a machine's first run is said on stderr, once, and not counted as work."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numba as nb
import pytest

from pipelines.compiling import MESSAGE, Compilations, event

RECIPE = """
version: 1
input: {task_bytes: 64kB}
datasets:
  web:
    steps: [{step: characters}]
"""


def test_compilations_are_timed_and_loading_a_compiled_kernel_is_none() -> None:
    begun: list[int] = []
    seen = Compilations(lambda: begun.append(1))

    @nb.njit
    def inner(x: int) -> int:
        return x + 1

    @nb.njit
    def outer(x: int) -> int:
        return int(inner(x)) * 2

    with event.install_listener("numba:compile", seen):
        assert outer(3) == 8
        once = seen.seconds
        assert once > 0
        assert outer(4) == 10
    assert seen.seconds == once
    assert begun == [1]  # what a kernel calls compiles within it


@pytest.mark.faults
def test_a_command_says_once_that_it_waits_for_kernels(tmp_path: Path) -> None:
    lines = [json.dumps({"text": f"{k} words of a text that is read " * 20}) for k in range(300)]
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    command = [sys.executable, "-m", "pipelines", "curate", "recipe.yaml", "--input", "a.jsonl"]
    found = []
    for store in ("one", "two"):
        done = subprocess.run(
            [*command, "b.jsonl", "--workers", "2"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
            env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "n"), "AWASE_STORE": store},
        )
        assert done.returncode == 0, done.stderr
        found.append(done.stderr.count(MESSAGE))
    assert found == [1, 0]
