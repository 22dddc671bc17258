"""docs/cli.md says what the code does: each command's help, the exit codes."""

from __future__ import annotations

import re
import subprocess
import sys

import click

from awase_client import errors as client_errors
from curation.base import errors
from pipelines.cli.entry import INTERRUPTED
from pipelines.cli.main import COMMANDS
from pipelines.cli.reference import PAGE, walk

WRITTEN = """
import sys
from pipelines.cli.reference import PAGE, documented
sys.stdout.buffer.write(documented(PAGE.read_text("utf-8")).encode())
"""


def test_the_help_of_every_command_is_the_commands_own() -> None:
    page = PAGE.read_text(encoding="utf-8")
    # in a process of its own: click keeps what a command's help option was when it was first asked
    written = subprocess.run(
        [sys.executable, "-c", WRITTEN], capture_output=True, check=True, timeout=60
    )
    assert page == written.stdout.decode(), "run `python -m pipelines.cli.reference`"
    headings = re.findall(r"^### awase (\S+)$", page, re.M)
    assert headings == list(COMMANDS)
    assert len(re.findall(r"^### awase \S+ \S+$", page, re.M)) > 20


def test_every_option_says_what_it_is() -> None:
    silent = [
        f"{context.command_path} {option.opts[0]}"
        for context in walk()
        for option in context.command.params
        if isinstance(option, click.Option) and not option.help
    ]
    assert silent == []


def test_the_exit_codes_are_all_there() -> None:
    known = {
        kind.exit_code
        for module in (errors, client_errors)
        for kind in vars(module).values()
        if isinstance(getattr(kind, "exit_code", None), int)
    }
    table = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE.read_text("utf-8"), re.M)}
    assert table == known | {0, INTERRUPTED}
