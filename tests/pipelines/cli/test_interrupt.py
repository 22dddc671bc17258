"""Ctrl-C at any moment is exit code 130 without a traceback, also while imports or LLVM run."""

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
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):  # where Python looks for signals
            pass
    called_back()
    time.sleep(60)

cli.command.main = lambda **_: wait()
cli.main()
"""


@pytest.mark.parametrize("module", ["click._compat", "click", "numpy.version"])
def test_ctrl_c_during_imports_is_one_line(module: str, tmp_path: Path) -> None:
    ja, en = write_corpus(tmp_path / "in", documents=12)
    command = [sys.executable, "-X", "importtime", "-m", "pipelines", "--store", tmp_path]
    command += ["curate", RECIPE, "--workers", "1", "--input", ja, en]
    with subprocess.Popen(
        [str(word) for word in command], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.rpartition("|")[2].strip() == module:
                break
        else:
            pytest.fail(f"{module} was not imported")
        process.send_signal(signal.SIGINT)
        rest = [line for line in process.stderr if not line.startswith("import time:")]
        said = "".join(rest).strip()
        assert process.wait(60) == 130, said
    assert said.startswith("interrupted")
    assert "\n" not in said


def test_ctrl_c_where_it_cannot_be_raised_comes_again() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CALLED_BACK], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr
