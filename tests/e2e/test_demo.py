"""`awase demo` as a user runs it: to its end, twice, interrupted, on bad input."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.corpus import write_corpus


def awase(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "pipelines", *map(str, arguments)]


def demo(folder: Path, *inputs: Path) -> subprocess.CompletedProcess[str]:
    given = ["--input", *inputs] if inputs else []
    command = awase("demo", "--dir", folder, "--json", *given)
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def finished(
    corpus: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("demo")
    done = demo(folder, *corpus)
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


def test_the_summary_adds_up(finished: tuple[Path, dict[str, Any]]) -> None:
    _, summary = finished
    documents = summary["documents"]
    assert documents["in"] == 304
    assert documents["kept"] + documents["dropped"] == documents["in"]
    assert sum(summary["dropped_by_first_reason"].values()) == documents["dropped"]
    assert documents["dropped"] >= 4
    assert "<h1>Curation report: demo</h1>" in Path(summary["report"]).read_text("utf-8")
    assert abs(summary["shares_received"]["ja"] - 0.6) < 0.001
    assert sum(summary["shares_received"].values()) == pytest.approx(1)
    assert summary["losses"]["trained"]["bigram"] < summary["losses"]["trained"]["unigram"]
    assert summary["losses"]["trained"]["bigram"] < summary["losses"]["half way"]["bigram"]


def test_a_second_demo_in_the_folder_finds_everything_done(
    corpus: tuple[Path, Path], finished: tuple[Path, dict[str, Any]]
) -> None:
    folder, summary = finished
    again = demo(folder, *corpus)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout) == summary
    assert "was trained on these versions" in again.stderr


@pytest.mark.parametrize("step", [2, 3, 5])
def test_ctrl_c_at_a_step_and_the_same_command_again_finish_the_work(
    corpus: tuple[Path, Path],
    finished: tuple[Path, dict[str, Any]],
    tmp_path: Path,
    step: int,
) -> None:
    with subprocess.Popen(
        awase("demo", "--dir", tmp_path, "--json", "--input", *corpus),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if f"[{step}/6]" in line:
                break
        running.send_signal(signal.SIGINT)
        _, rest = running.communicate(timeout=60)
    assert running.returncode == 130, rest
    assert "Traceback" not in rest
    done = demo(tmp_path, *corpus)
    assert done.returncode == 0, done.stderr
    ours, theirs = json.loads(done.stdout), dict(finished[1])
    for summary in (ours, theirs):  # all but where it lies is the same
        del summary["folder"], summary["report"]
    assert ours == theirs


def test_no_server_outlives_the_demo(finished: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = finished
    marker = os.fsencode(folder / "store")
    deadline = time.monotonic() + 20
    while (left := servers_of(marker)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == []


def servers_of(marker: bytes) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
        except OSError:
            continue
        if marker in words and b"serve" in words:
            found.append(entry.name)
    return found


def test_two_demos_do_not_share_a_folder(corpus: tuple[Path, Path], tmp_path: Path) -> None:
    with subprocess.Popen(
        awase("demo", "--dir", tmp_path, "--input", *corpus),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if "[1/6]" in line:
                break
        second = demo(tmp_path, *corpus)
        running.terminate()
        running.communicate(timeout=60)
    assert second.returncode == 75
    assert "another demo is at work here" in second.stderr


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (None, "missing.jsonl"),
        (b"", "empty"),
        (b"\xff\xfe\x00not text", "bad.jsonl"),
        (b'{"text": "open', "bad.jsonl:1"),
        (b'{"id": "1"}\n', "text"),
    ],
)
def test_bad_input_gets_one_line_and_no_version(
    tmp_path: Path, data: bytes | None, says: str
) -> None:
    path = tmp_path / ("missing.jsonl" if data is None else "bad.jsonl")
    if data is not None:
        path.write_bytes(data)
    done = demo(tmp_path / "demo", path)
    assert done.returncode in (1, 2, 3, 4)
    assert "Traceback" not in done.stderr
    assert says in done.stderr
    assert not list((tmp_path / "demo").glob("store/datasets/*/*/manifest.json"))
