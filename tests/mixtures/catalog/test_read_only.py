from __future__ import annotations

import os
from pathlib import Path

import pytest

from curation.base.errors import Failed
from curation.base.store import Store
from mixtures.catalog import Catalog


def test_a_read_only_store_is_named_and_not_asked_for_again(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        if os.access(tmp_path, os.W_OK):
            pytest.skip("this user may write anywhere")
        with pytest.raises(Failed, match="cannot be written, which SQLite needs even to read"):
            Catalog.open(Store(tmp_path))
    finally:
        tmp_path.chmod(0o755)
