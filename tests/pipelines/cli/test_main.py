"""What surrounds every command: streams that are closed, full or of another encoding; terminals."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import shlex
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.cli.main import run
from pipelines.cli.reference import walk

AWASE = [sys.executable, "-m", "pipelines"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a dataset, in a folder whose name has a space and Japanese."""
    folder = tmp_path_factory.mktemp("倉庫 one")
    rows = [{"id": str(n), "text": "味噌汁" * n, "license": "CC-BY-4.0"} for n in range(4)]
    pq.write_table(pa.Table.from_pylist(rows), folder / "味噌.parquet")
    root = folder / "store"
    assert (
        run(["--store", str(root), "dataset", "import", "web", str(folder / "味噌.parquet")]) == 0
    )
    assert run(["--store", str(root), "dataset", "annotate", "web", "--note", "最初"]) == 0
    return root


def shell(store: Path, line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A line of bash in which $awase is the command on that store."""
    words = " ".join(AWASE)
    surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(
        ["bash", "-c", f'awase() {{ {words} --store "$STORE" "$@"; }}; {line}'],
        env=surroundings
        | {"STORE": str(store), "PYTHONPATH": os.pathsep.join(sys.path)}
        | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


FULL = "awase: stdout: the disk is full"


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("awase dataset show web >/dev/full", 75, FULL),
        ("awase dataset ls --json >/dev/full", 75, FULL),
        ("awase --help >/dev/full", 75, FULL),
        ("awase dataset ls >&-", 0, ""),
        ("awase dataset show none >&- 2>&-", 4, ""),
        ("set -o pipefail; awase mixture schema | head -c 1", 0, ""),
        ("set -o pipefail; awase doctor | head -c 1", 0, ""),
        ("unset HOME; awase dataset ls", 0, ""),
    ],
)
def test_streams_that_take_nothing_are_told_in_a_line_or_not_at_all(
    store: Path, line: str, code: int, said: str
) -> None:
    done = shell(store, line)
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith(said)
    assert len(done.stderr.splitlines()) == bool(said), done.stderr


@pytest.mark.parametrize(
    "encoding",
    [
        {"LC_ALL": "C"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
    ],
)
def test_no_encoding_of_stdout_ends_a_command(store: Path, encoding: Mapping[str, str]) -> None:
    line = "awase lineage web; awase dataset ls; awase dataset show web --json >web.json"
    done = shell(store, f"set -e; cd {shlex.quote(str(store))}; {line}", **encoding)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((store / "web.json").read_text("utf-8"))["note"] == "最初"


def on_terminal(words: Sequence[str], *, columns: int) -> list[str]:
    """Lines that a command prints to a terminal of that width."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR")}
    with subprocess.Popen(
        [*AWASE, *words], stdin=follower, stdout=follower, stderr=follower, env=environment
    ) as process:
        os.close(follower)
        printed = b""
        while True:
            try:
                piece = os.read(leader, 65536)
            except OSError:  # how a terminal ends whose other side is closed
                break
            if not piece:
                break
            printed += piece
        os.close(leader)
        assert process.wait(60) == 0, printed.decode()
    return printed.decode().splitlines()


def test_a_table_that_a_terminal_is_too_narrow_for_becomes_blocks_of_lines(store: Path) -> None:
    command = ["--store", str(store), "dataset", "ls"]
    wide = on_terminal(command, columns=120)
    assert [len(line.split()) for line in wide[-1:]] == [7]  # web@1 .. digest, on one line
    narrow = on_terminal(command, columns=40)
    assert [line.split()[0] for line in narrow] == [
        *("dataset", "documents", "characters", "bytes", "licences", "digest")
    ]
    assert max(map(len, narrow)) <= 40


def test_a_table_on_a_pipe_begins_with_its_head_and_has_no_space_at_line_ends(store: Path) -> None:
    lines = shell(store, "awase dataset ls").stdout.splitlines()
    assert lines[0].split()[:2] == ["dataset", "aliases"]
    assert [line for line in lines if line != line.rstrip()] == []
    assert len(lines) == 3


def test_bars_are_for_terminals_alone(store: Path) -> None:
    command = ["--store", str(store), "dataset", "verify", "web"]
    assert "\x1b[" in "".join(on_terminal(command, columns=80))
    done = shell(store, "awase dataset verify web")
    assert (done.stdout, done.stderr) == ("web@1: 2 files, all as committed\n", "")


def test_every_command_that_shows_a_result_takes_json() -> None:
    without = {
        context.command_path
        for context in walk()
        if not isinstance(context.command, click.Group)
        and all(parameter.name != "as_json" for parameter in context.command.params)
    }
    assert without == {"awase mixture init", "awase mixture schema", "awase serve"}


@pytest.mark.parametrize("noun", ["dataset", "tokenizer", "mixture", "run"])
def test_an_empty_list_says_on_stderr_how_to_begin(
    noun: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--store", str(tmp_path / "new"), noun, "ls"]) == 0
    printed = capsys.readouterr()
    assert printed.err.startswith(f"no {noun}s yet: `awase ")
    assert run(["--store", str(tmp_path / "new"), noun, "ls", "--json"]) == 0
    assert capsys.readouterr() == ("[]\n", "")


def test_a_tokenizers_name_is_judged_before_it_is_trained(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["train", "../x", "web"], ["add", "../x", "none.model"]):
        assert run(["--store", str(store), "tokenizer", *words]) == 2
        assert capsys.readouterr().err.startswith("awase: tokenizer '../x' is not a name: use ")


def test_a_store_whose_path_is_no_text_is_refused_in_a_line(store: Path) -> None:
    done = shell(store, "STORE=$'no-\\xc1\\xd2-text'; awase dataset ls")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert "the path is not UTF-8; use a UTF-8 locale" in done.stderr


def test_the_store_behind_a_command_is_told_where_it_belongs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["dataset", "ls", "--store", "x"]) == 2
    assert "--store stands before the command: awase --store PATH" in capsys.readouterr().err
