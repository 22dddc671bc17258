"""compile-first and compile-cached: what numba costs before the first batch."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

from benchmarks._table import Table


def compile_time(table: Table, cases: Sequence[str]) -> None:
    """Seconds to a new process's first batch, with an empty numba cache and with a full one."""
    code = (
        "import time; s = time.perf_counter(); import pyarrow as pa; "
        "from curation.profiles import load_profile; "
        "t = pa.array(['A text. It has words and a number: 12.'] * 3, pa.large_string())"
        "\nfor p in ('fineweb', 'ja-default', 'hojichar-ja'):\n"
        "    for step in load_profile(p): step.score(t, {})\n"
        "print(time.perf_counter() - s)"
    )
    with tempfile.TemporaryDirectory() as folder:
        for case in ("compile-first", "compile-cached"):
            started = time.perf_counter()
            subprocess.run(
                [sys.executable, "-c", code],
                check=True,
                capture_output=True,
                env={**os.environ, "NUMBA_CACHE_DIR": folder},
            )
            table.add(case, "s", time.perf_counter() - started)
