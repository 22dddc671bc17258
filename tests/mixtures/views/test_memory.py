"""Building a view takes as much memory for many documents as for few."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
SMALL, LARGE = 4, 16  # parts; four fill the largest piece that is read at a time


def test_memory_does_not_grow_with_the_number_of_documents(tmp_path: Path) -> None:
    """What numpy and Python hold at the peak, `where` and hold-out on, four times the documents.

    One byte a document would be 0.6 MiB more, an index of the documents in memory 15 MiB. (pyarrow
    reads a row group at a time, whose size the file decides.)
    """
    command = [sys.executable, "-m", "tests.mixtures.views.measured", str(tmp_path), "concat"]
    found = subprocess.run(
        [*command, str(SMALL), str(LARGE)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    (few, low), (many, high) = (map(int, line.split()) for line in found.stdout.splitlines())
    assert many == 4 * few > 800_000
    assert high - low < many - few
