import sys
from pathlib import Path

import pytest

from pipelines.demo.summary import command_name


@pytest.mark.parametrize(
    ("called", "on_path", "shown"),
    [
        (".venv/bin/awase", False, ".venv/bin/awase"),  # as `make demo` calls it
        (".venv/bin/awase", True, "awase"),
        ("/usr/lib/python3/pytest", False, "awase"),
    ],
)
def test_what_to_try_next_can_be_pasted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, called: str, on_path: bool, shown: str
) -> None:
    if on_path:
        (tmp_path / "awase").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", [called, "demo"])
    assert command_name() == shown
