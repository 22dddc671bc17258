"""`awase curate`: several inputs after one --input, and a bad record named and skipped."""

import subprocess
import sys
from pathlib import Path

from tests.e2e.corpus import write_corpus


def test_a_broken_line_is_named_and_the_rest_is_kept(tmp_path: Path) -> None:
    ja, en = write_corpus(tmp_path / "in", documents=12)
    lines = en.read_text(encoding="utf-8").splitlines()
    en.write_text("\n".join([*lines[:3], '{"text": "open', *lines[3:]]), encoding="utf-8")
    recipe = Path(__file__).parents[3] / "pipelines" / "recipes" / "demo.yaml"
    command = [sys.executable, "-m", "pipelines", "--store", tmp_path / "store", "curate"]
    command += [recipe, "--workers", "1", "--input", ja, en]
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"skipped {en}:4: broken JSON" in done.stderr
    assert "demo-ja@1" in done.stdout
    assert "demo-en@1" in done.stdout
