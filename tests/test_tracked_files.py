"""No tracked file is large: a stray output that a commit takes along stays in the history."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MOST_BYTES = 64 * 1024
LARGE = {"requirements.lock", "schemas/openapi.json"}  # made by tools, compared by their own tests


def test_only_generated_files_are_large() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("an unpacked archive, not a checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    names = [name for name in listed.stdout.split("\0") if name]
    assert len(names) > 100
    sizes = {name: (ROOT / name).lstat().st_size for name in names if (ROOT / name).exists()}
    large = {name: size for name, size in sizes.items() if size > MOST_BYTES}
    assert large.keys() <= LARGE, f"over {MOST_BYTES:,} bytes: {large}"
