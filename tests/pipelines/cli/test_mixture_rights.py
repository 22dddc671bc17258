"""One row in a thousand without a licence, or made with GPT-4, changes what `mixture plan` says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from curation.base.store import Store
from mixtures.catalog import Catalog
from pipelines.cli.main import run
from tests.mixtures.rights import add_mixed, mixture

ALLOW = "licenses: {allow: [CC-BY-4.0]}\n"
DENY = "licenses: {deny_terms: [openai-tos]}\n"
CLEAN = "score < 500"
UNSTATED = "score < 601 and score >= 100"  # 501 rows
MADE = "score >= 650 and score < 750"  # 100 rows


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    store = Store(tmp_path / "store")
    with Catalog.open(store) as catalog:
        add_mixed(store, catalog)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWASE_STORE", str(store.root))
    return tmp_path


def planned(
    capsys: pytest.CaptureFixture[str], where: str | None, *flags: str, rules: str = ""
) -> tuple[int, str, str]:
    Path("rights.yaml").write_text(mixture(where, rules=rules))
    code = run(["mixture", "plan", "rights.yaml", *flags])
    out, err = capsys.readouterr()
    return code, out, err


def verdict(capsys: pytest.CaptureFixture[str], where: str | None) -> dict[str, Any]:
    code, out, _ = planned(capsys, where, "--json")
    assert code == 0
    found: dict[str, Any] = json.loads(out)["licenses"]
    return found


def test_rows_without_a_licence_print_as_a_question_mark(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, clean, _ = planned(capsys, CLEAN)
    assert "licences     CC-BY-4.0 100% (web)" in clean
    assert "?" not in clean
    _, mixed, _ = planned(capsys, UNSTATED)
    assert "licences     CC-BY-4.0 99.8% (web), ? 0.1996% (web)" in mixed
    assert "permits      commercial use: ? (?)" in mixed
    _, whole, _ = planned(capsys, None)
    assert "? 0.1% (web)" in whole


def test_one_row_made_with_gpt_4_behind_a_where_changes_the_verdict(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, clean, _ = planned(capsys, CLEAN)
    assert "terms" not in clean
    assert "permits      training models that compete with the generator's: yes" in clean
    _, made, _ = planned(capsys, MADE)
    assert "terms        openai-tos 1% (web) [generated_by gpt-4-0613]" in made
    assert "permits      training models that compete with the generator's: no (openai-tos)" in made
    assert verdict(capsys, CLEAN)["terms"] == []
    (terms,) = verdict(capsys, MADE)["terms"]
    assert (terms["name"], terms["rows"], terms["share"]) == ("openai-tos", 1, 0.01)
    assert verdict(capsys, MADE)["obligations"] == ["attribution", "no-competing-models"]


def test_rules_refuse_that_one_row_by_source_share_and_rule(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert planned(capsys, CLEAN, rules=ALLOW)[0] == 0
    assert planned(capsys, CLEAN, rules=DENY)[0] == 0
    code, out, err = planned(capsys, None, rules=ALLOW)
    assert (code, out) == (3, "")
    assert (
        "licenses.allow: source web: 1 row (0.1% of its tokens, 0.1% of the mixture): no licence "
        "is stated (NOASSERTION); it is not among those allowed" in err
    )
    code, _, err = planned(capsys, MADE, rules=DENY)
    assert code == 3
    assert (
        "licenses.deny_terms: source web: 1 row (1% of its tokens, 1% of the mixture): terms "
        "openai-tos, from generated_by gpt-4-0613" in err
    )
