"""`awase curate`: several inputs after one --input, and a bad record named and skipped."""

import subprocess
import sys
from pathlib import Path

from tests.e2e.corpus import write_corpus


def test_a_broken_line_is_named_and_the_rest_is_kept(tmp_path: Path) -> None:
    _, en = write_corpus(tmp_path / "in", documents=12)
    lines = en.read_text(encoding="utf-8").splitlines()
    en.write_text("\n".join([*lines[:3], '{"text": "open', *lines[3:]]), encoding="utf-8")
    recipe = Path(__file__).parents[3] / "pipelines" / "recipes" / "demo.yaml"
    command = [sys.executable, "-m", "pipelines", "--store", tmp_path / "store", "curate"]
    (tmp_path / "in" / "notes.csv").write_text("a table", encoding="utf-8")
    command += [recipe, "--workers", "1", "--input", tmp_path / "in"]
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"skipped {en}:4: broken JSON" in done.stderr
    left = tmp_path / "in" / "notes.csv"
    assert f"not read, as their names do not tell the format: {left}\n" in done.stderr
    assert "demo-ja@1" in done.stdout
    assert "demo-en@1" in done.stdout


def refused(words: list[str], folder: Path) -> tuple[int, str]:
    (folder / "file").write_text("no folder", encoding="utf-8")
    recipe = Path(__file__).parents[3] / "pipelines" / "recipes" / "demo.yaml"
    (folder / "in.txt").write_text("one text", encoding="utf-8")
    command = [sys.executable, "-m", "pipelines", "--store", "file", *words]
    command = [str(recipe) if word == "RECIPE" else word for word in command]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=100, check=False, cwd=folder
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def test_options_that_would_be_passed_over_are_refused(tmp_path: Path) -> None:
    code, said = refused(["curate", "RECIPE", "--write", "--input", "in.txt"], tmp_path)
    assert (code, "--write goes with --rescore" in said) == (2, True)
    code, said = refused(["curate", "RECIPE", "--rescore", "web", "--input", "in.txt"], tmp_path)
    assert (code, "--rescore and --input do not go together" in said) == (2, True)


def test_a_store_that_is_a_file_is_named_in_one_line(tmp_path: Path) -> None:
    code, said = refused(["curate", "RECIPE", "--input", "in.txt"], tmp_path)
    where = tmp_path / "file" / "work"
    assert (code, said) == (1, f"awase: {where}: cannot make this folder (Not a directory)\n")
    code, said = refused(["dataset", "ls"], tmp_path)
    assert code == 1
    assert said.startswith("awase: ")
    assert "file" in said
