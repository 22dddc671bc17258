"""Arrow without pandas: half a second and 50 MB a process that nothing here needs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class _Hidden(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == "pandas":
            raise ImportError("hidden while Arrow looks for it")
        return None


def leave_pandas_out() -> None:
    """Let `pa.array` of a list not import pandas, which it does to ask whether the list is one.

    Arrow looks once a process; here it looks while pandas cannot be found. Whoever imports pandas,
    or asks for `to_pandas`, has it all the same (tests/curation/base/test_arrow.py). For processes
    that are ours: the command and its workers, not a user's program that calls us.
    """
    if "pandas" in sys.modules:
        return
    hidden = _Hidden()
    sys.meta_path.insert(0, hidden)
    try:
        import pyarrow as pa

        pa.array([0])
    finally:
        sys.meta_path.remove(hidden)
