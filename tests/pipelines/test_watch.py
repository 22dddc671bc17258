"""Workers that end without a result, and what is left of a pool that is interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import multiprocess
import psutil
import pytest

from curation.base.errors import AwaseError, Failed, TryAgain
from pipelines import watch
from pipelines.watch import UNKNOWN, Tasks, ended_by, workers_watched


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        (-9, TryAgain, "the worker of task 3 of 5 (score) was ended by signal 9, most likely"),
        (3, Failed, "the worker of task 3 of 5 (score) ended by itself, with exit code 3;"),
        (UNKNOWN, TryAgain, "the worker of task 3 of 5 (score) ended, killed or by itself"),
    ],
)
def test_what_is_said_of_an_exit_code(code: int, kind: type[AwaseError], said: str) -> None:
    error = ended_by(code, "task 3 of 5 (score)")
    assert type(error) is kind
    assert str(error).startswith(said)


def ends_with(code: int) -> None:
    os._exit(code)


def watched(worker: multiprocess.Process, logs: Path, *, seconds: float) -> None:
    """Look after a worker for so long after its end."""
    with workers_watched(Tasks(logs, os.getpid())):
        worker.start()
        worker.join()
        assert worker not in multiprocess.active_children()  # forgotten
        time.sleep(seconds)


@pytest.mark.parametrize("code", [UNKNOWN, 0])
def test_an_exit_code_that_a_closing_pool_leaves_is_no_failure_at_once(
    code: int, tmp_path: Path
) -> None:
    worker = multiprocess.get_context("forkserver").Process(target=ends_with, args=(code,))
    watched(worker, tmp_path, seconds=10 * watch.WATCH_SECONDS)
    assert worker.exitcode == code


def test_a_worker_that_stays_away_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "PATIENCE_SECONDS", 0.3)
    worker = multiprocess.get_context("forkserver").Process(target=ends_with, args=(UNKNOWN,))
    with pytest.raises(TryAgain, match="a worker ended, killed or by itself"):
        watched(worker, tmp_path, seconds=30)


def test_a_worker_of_the_shortest_life_is_not_missed(tmp_path: Path) -> None:
    """It has ended, and is forgotten, before the watch looks for the first time."""
    worker = multiprocess.get_context("forkserver").Process(target=ends_with, args=(3,))
    with pytest.raises(Failed, match="with exit code 3"):
        watched(worker, tmp_path, seconds=30)


def test_the_end_of_an_earlier_pools_worker_is_none_of_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "PATIENCE_SECONDS", 0.3)
    tasks = Tasks(tmp_path, os.getpid())
    worker = multiprocess.get_context("forkserver").Process(target=time.sleep, args=(0.5,))
    with workers_watched(tasks):
        worker.start()
    with workers_watched(tasks):
        worker.join()
        time.sleep(10 * watch.WATCH_SECONDS)


INTERRUPTED = """
import os, sys
from pathlib import Path
import multiprocess
from multiprocess import managers
from pipelines.watch import Tasks, workers_watched


def interrupted(*_):  # as Ctrl-C is while the manager is asked to end
    print(multiprocess.active_children()[0].pid, flush=True)
    raise KeyboardInterrupt


with workers_watched(Tasks(Path(sys.argv[1]), os.getpid())):
    manager = multiprocess.Manager()
    managers.dispatch = interrupted
    manager.shutdown()
"""


def test_ctrl_c_while_a_pools_manager_closes_leaves_no_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", INTERRUPTED, str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == -signal.SIGINT, run.stderr
    assert not psutil.pid_exists(int(run.stdout))


IGNORED = """
import os, signal, sys
from pathlib import Path
from pipelines.watch import Tasks, workers_watched

signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell's script has it in its background
with workers_watched(Tasks(Path(sys.argv[1]), os.getpid())):
    os.kill(os.getpid(), signal.SIGINT)
"""


def test_ctrl_c_that_was_ignored_stays_ignored(tmp_path: Path) -> None:
    command = [sys.executable, "-c", IGNORED, str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr


NO_SERVER = """
import os, sys
from pathlib import Path
import multiprocess
from multiprocess import forkserver
from curation.base.errors import TryAgain
from pipelines.watch import Tasks, workers_watched

folder = Path(sys.argv[1])
(folder / "ends.py").write_text("import os; os._exit(9)")
os.environ["PYTHONPATH"] = str(folder)  # the server's
forkserver.set_forkserver_preload(["ends"])
try:
    with workers_watched(Tasks(folder, os.getpid())):
        multiprocess.get_context("forkserver").Process(target=print).start()
except TryAgain as error:
    print(error)
"""


def test_the_end_of_what_workers_are_forked_from_is_no_interrupt(tmp_path: Path) -> None:
    """Its connections end in EOFError, which click takes for Ctrl-C."""
    command = [sys.executable, "-c", NO_SERVER, str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.stdout.startswith("the process that workers are forked from has ended"), run.stderr
