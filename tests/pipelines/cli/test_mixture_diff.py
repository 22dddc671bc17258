from __future__ import annotations

import json
from pathlib import Path

import pytest

from curation.base.store import Store
from mixtures.catalog import Catalog
from mixtures.publish import publish
from pipelines.cli.main import run

TEXT = """\
version: 1
name: blend
tokenizer: tok
sequence_length: 8
budget: 800
sources:
  web: {dataset: web, weight: 3}
"""


def test_a_file_is_compared_with_what_was_published(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWASE_STORE", str(tmp_path / "store"))
    with Catalog.open(Store(tmp_path / "store")) as catalog:
        publish(catalog, "blend", TEXT)
    file = tmp_path / "new.yaml"
    file.write_text(TEXT + "  wiki: {dataset: wiki, weight: 1}\n")
    assert run(["mixture", "diff", "blend@1", str(file)]) == 0
    out = capsys.readouterr().out
    assert "added    wiki: wiki, 200 tokens, ? epochs, 25%, ?" in out
    assert "changed  web: 800 tokens, ? epochs, 100% -> 600 tokens, ? epochs, 75%" in out
    assert "+  wiki: {dataset: wiki, weight: 1}" in out
    assert run(["mixture", "diff", "blend", "blend@1"]) == 0
    assert capsys.readouterr().out == "blend@1 and blend@1 are the same\n"
    assert run(["mixture", "diff", "blend", "blend@1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["lines"] == []


def test_a_broken_file_ends_in_code_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWASE_STORE", str(tmp_path / "store"))
    file = tmp_path / "new.yaml"
    file.write_text(TEXT.replace("budget", "bugdet"))
    assert run(["mixture", "diff", str(file), str(file)]) == 3
    assert "new.yaml:5:1: bugdet: unknown key; did you mean 'budget'?" in capsys.readouterr().err
