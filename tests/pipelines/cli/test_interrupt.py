"""Ctrl-C at any moment is exit code 130 without a traceback, also while imports or LLVM run."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.corpus import write_corpus

RECIPE = Path(__file__).parents[3] / "pipelines" / "recipes" / "demo.yaml"
CALLED_BACK = """
import ctypes, os, signal, sys, time
from pipelines.cli import main as cli

def wait():
    @ctypes.CFUNCTYPE(None)
    def called_back():
        os.kill(os.getpid(), getattr(signal, sys.argv[1]))
        for _ in range(1000):  # where Python looks for signals
            pass
    called_back()
    time.sleep(60)

cli.command.main = lambda **_: wait()
cli.main()
"""


@pytest.mark.parametrize(
    ("module", "time", "workers"),
    [
        ("click._compat", 1, 1),
        ("click", 1, 1),
        ("numpy.version", 1, 1),
        ("dill.settings", 2, 2),  # first by the command, then by the server that it forks from
    ],
)
def test_ctrl_c_during_imports_is_one_line(
    module: str, time: int, workers: int, tmp_path: Path
) -> None:
    ja, en = write_corpus(tmp_path / "in", documents=12)
    command = [sys.executable, "-X", "importtime", "-m", "pipelines", "--store", tmp_path]
    command += ["curate", RECIPE, "--workers", workers, "--input", ja, en]
    with subprocess.Popen(
        [str(word) for word in command],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a terminal's Ctrl-C goes to all processes of the command
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            time -= line.rpartition("|")[2].strip() == module
            if not time:
                break
        else:
            pytest.fail(f"{module} was not imported")
        os.killpg(process.pid, signal.SIGINT)
        # the server may be at its first kernel by now, on a machine that has none of it yet
        usual = ("import time:", "compiling kernels")
        rest = [line for line in process.stderr if not line.startswith(usual)]
        said = "".join(rest).strip()
        assert process.wait(60) == 130, said
    assert said.startswith("interrupted")
    assert "\n" not in said


@pytest.mark.parametrize(
    ("name", "first", "code"),
    [
        ("SIGINT", "", 130),
        # in a script's background Ctrl-C is ignored, but not this
        ("SIGTERM", "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)", 143),
    ],
)
def test_a_signal_where_it_cannot_be_raised_comes_again(name: str, first: str, code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", first + CALLED_BACK, name],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
