"""The process that workers are forked from: what it has ready, and what it leaves alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from curation import profiles
from pipelines.compiling import MESSAGE

WORDS = "version: 1\ndatasets: {all: {profile: gopher}}\n"
OWN = "version: 1\ndatasets: {all: {profile: own.yaml}}\n"  # looked up from the recipe's folder
CHAT = "version: 1\ninput: {chat: true}\ndatasets: {all: {profile: gopher}}\n"
CHARACTERS = "version: 1\ndatasets: {all: {steps: [{step: characters}]}}\n"
LOOK = """
import json, os, sys
import multiprocess
from pipelines import warm


def look():
    import os, sys
    ready = sys.modules.get("curation.words.english.splitter")
    count = 0 if ready is None else ready.english_words.cache_info().currsize
    threads = len(os.listdir(f"/proc/{os.getppid()}/task"))
    left_out = "pandas" not in sys.modules
    return count, threads, left_out, sorted(name for name in os.environ if "WARM" in name)


before = set(sys.modules)
warm.start(sys.argv[1])
heavy = sorted({"numba", "spacy", "datatrove", "pyarrow"} & (set(sys.modules) - before))
with multiprocess.get_context("forkserver").Pool(1) as pool:
    print(json.dumps([*pool.apply(look), heavy, sorted(n for n in os.environ if "WARM" in n)]))
"""


@pytest.mark.parametrize(
    ("recipe", "words"),
    [(WORDS, 1), (OWN, 1), (CHAT, 1), ("version: 1\ndatasets: [broken\n", 0)],
)
def test_workers_begin_with_what_the_recipe_needs(recipe: str, words: int, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(recipe)
    (tmp_path / "own.yaml").write_bytes(
        Path(profiles.__file__).with_name("gopher.yaml").read_bytes()
    )
    run = subprocess.run(
        [sys.executable, "-c", LOOK, str(path)], capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stderr
    ready, threads, without_pandas, inherited, heavy, left = json.loads(run.stdout)
    assert ready == words
    # No more threads than its libraries start, which end them before a fork: numpy's and Arrow's.
    plain = "import os, numpy, pyarrow; print(len(os.listdir('/proc/self/task')))"
    assert threads <= int(subprocess.check_output([sys.executable, "-c", plain]))
    assert inherited == left == []  # the recipe is in no worker's environment, nor in the command's
    assert without_pandas
    assert heavy == []  # starting it costs the command no import
    assert run.stderr in ("", f"{MESSAGE}\n")  # the first test on a machine compiles


FAULTY = """
import sys
from pipelines import warm


def faulty(*_):
    raise KeyError("a step's fault")


warm._make_ready = faulty
warm._begin()
print("ready to fork")
"""


def test_a_step_that_fails_here_leaves_a_process_to_fork_workers_from() -> None:
    run = subprocess.run([sys.executable, "-c", FAULTY], capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stdout) == (0, "ready to fork\n")
    assert "a step's fault" in run.stderr


ANEW = """
import os, sys
import multiprocess
from pipelines import warm


def begun():
    import os
    from pathlib import Path
    return b"AWASE_WARM_AGAIN=1" in Path(f"/proc/{os.getppid()}/environ").read_bytes()


warm.start(sys.argv[1])
with multiprocess.get_context("forkserver").Pool(1) as pool:
    print(pool.apply(begun))
"""


@pytest.mark.faults
def test_it_begins_anew_where_it_had_to_compile(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(CHARACTERS)
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "kernels")}
    command = [sys.executable, "-c", ANEW, str(path)]
    found = [
        subprocess.check_output(command, env=environment, text=True, timeout=400) for _ in range(2)
    ]
    assert found == ["True\n", "False\n"]
