import json
from pathlib import Path

import pytest

from pipelines.cli.main import run

BASE = """\
version: 1
name: base
tokenizer: t
sequence_length: 128
budget: 1B
sources:
  ja: {dataset: web-ja, weight: 1}  # a comment
  en: {dataset: web-en, weight: 1}
"""
CHILD = """\
version: 1
name: child
extends: {}
sources:
  ja: {{repeat: 2}}
  en: null
  code: {{dataset: code, weight: 1}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWASE_STORE", str(tmp_path / "store"))
    return tmp_path


def test_init_writes_a_valid_file_and_never_over_one(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["mixture", "init", "my-mix.yaml", "--tokenizer", "ja-32k@1"]) == 0
    first = Path("my-mix.yaml").read_text().splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert run(["mixture", "check", "my-mix.yaml"]) == 0
    assert "my-mix is a valid mixture (4 sources, 100B tokens)" in capsys.readouterr().out
    assert run(["mixture", "init", "my-mix.yaml"]) == 5
    assert run(["mixture", "init", "my-mix.yaml", "--force", "--budget", "2B"]) == 0
    assert "budget: 2B tokens" in Path("my-mix.yaml").read_text()


def test_a_blend_becomes_a_mixture_over_my_datasets(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["mixture", "init", "m.yaml", "--blend", "swallow-llama2"]
    assert run([*command, "--map", "ja=web-ja@3"]) == 2
    assert "no dataset is given for en.refinedweb, en.pile" in capsys.readouterr().err
    assert run([*command, "--map", "ja=web-ja@3", "--map", "en=web-en"]) == 0
    assert run(["mixture", "check", "m.yaml"]) == 0
    text = Path("m.yaml").read_text()
    assert "  ja: {dataset: web-ja@3, weight: 90}  # published: 90%" in text
    assert run([*command, "--map", "ja"]) == 2
    assert run(["mixture", "init", "n.yaml", "--partial"]) == 2


def test_blends_are_listed_with_their_evidence(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["mixture", "blends"]) == 0
    printed = capsys.readouterr().out
    assert "llm-jp-4-phase1" in printed
    assert "en 73.53%, ja 15.5%" in printed
    assert run(["mixture", "blends", "llm-jp-4-phase1", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["evidence"] == "C"
    assert document["sources"][0] == {
        "path": "code.starcoder",
        "language": "code",
        "tokens": 106_880_000_000,
        "repeat": 8.0,
        "share": pytest.approx(0.03873, abs=1e-5),
    }
    assert run(["mixture", "blends", "llm-jp-4"]) == 4


def test_publishing_keeps_the_text_and_merges_what_extends(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("base.yaml").write_text(BASE)
    assert run(["mixture", "publish", "base.yaml", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == 1
    assert run(["mixture", "publish", "base.yaml", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == 1
    for reference in ("base.yaml", "base@1"):
        Path("child.yaml").write_text(CHILD.format(reference))
        assert run(["mixture", "check", "child.yaml"]) == 0
        assert run(["mixture", "publish", "child.yaml", "--json"]) == 0
        published = json.loads(capsys.readouterr().out.partition("\n")[2])
        assert (published["name"], published["version"]) == ("child", 1)
    assert run(["mixture", "ls"]) == 0
    printed = capsys.readouterr().out
    assert "base@1" in printed
    assert "child@1" in printed
    assert run(["mixture", "diff", "base", "child.yaml"]) == 0
    printed = capsys.readouterr().out
    assert "removed  en" in printed
    assert "added    code" in printed


def test_extends_names_its_faults_in_the_file_they_are_in(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("base.yaml").write_text(BASE.replace("weight: 1}  #", "wieght: 1}  #"))
    Path("child.yaml").write_text(CHILD.format("base.yaml"))
    assert run(["mixture", "check", "child.yaml"]) == 3
    assert capsys.readouterr().err.splitlines() == [
        "base.yaml:7:25: sources.ja.wieght: unknown key; did you mean 'weight'?"
    ]
    Path("base.yaml").write_text(BASE + "extends: child.yaml\n")
    assert run(["mixture", "check", "child.yaml"]) == 3
    assert "extends itself: child.yaml -> base.yaml -> child.yaml" in capsys.readouterr().err
    Path("child.yaml").write_text(CHILD.format("nowhere@3"))
    assert run(["mixture", "check", "child.yaml"]) == 3
    assert "child.yaml:3:10: extends:" in capsys.readouterr().err


def test_a_missing_file_is_exit_code_4(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["mixture", "check", "none.yaml"]) == 4
    assert "`awase mixture init` writes one" in capsys.readouterr().err
