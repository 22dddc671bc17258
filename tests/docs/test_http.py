"""docs/http.md says what the code does: settings, routes and problem codes are compared."""

from __future__ import annotations

import re

from api.__main__ import PAGE, documented
from api.app import create_app
from api.problems import CODES
from api.settings import Settings
from curation.base import errors


def rows_under(heading: str) -> list[list[str]]:
    """Cells of the table that follows a heading of the page, without its head."""
    text = PAGE.read_text().split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_the_tables_of_settings_and_routes_are_those_of_the_code() -> None:
    page = PAGE.read_text()
    assert page == documented(page, create_app(Settings())), "run `python -m api`"
    assert len(rows_under("Settings")) == len(Settings.model_fields)
    assert rows_under("Routes")[0][:2] == ["GET /livez", "open"]


def test_the_problem_codes_are_all_there() -> None:
    codes = set(CODES.values())
    codes |= {kind.code for kind in vars(errors).values() if hasattr(kind, "exit_code")}
    assert {row[0] for row in rows_under("Problems")} == codes


def test_every_limit_named_in_the_text_is_a_setting() -> None:
    named = set(re.findall(r"AWASE_[A-Z_]+", PAGE.read_text()))
    known = {f"AWASE_{name.upper()}" for name in Settings.model_fields}
    assert named <= known
