"""A run in shares, as any scheduler starts them: in any order, and the same versions at the end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curation.base.errors import TryAgain
from curation.base.store import Store
from pipelines.curate import curate, curate_share, finish_run, plan_run

RECIPE = """
version: 1
input: {task_bytes: 2KB}
datasets:
  web:
    steps:
      - step: characters
        rules:
          too_short: {statistic: characters, min: 20, source: "this test"}
    dedup: {exact: true}
"""
SHARES = 3


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.jsonl"
    # ten texts come again, mostly in another share; every seventh is too short
    long = [f"{k % 90}番目の、長くはない文章です。" * 3 for k in range(100)]
    texts = [text if k % 7 else "短い。" for k, text in enumerate(long)]
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return path


def test_shares_in_any_order_make_the_versions_of_one_run(source: Path, tmp_path: Path) -> None:
    whole = curate(RECIPE, [source], Store(tmp_path / "whole"), workers=1)
    store = Store(tmp_path / "shares")
    tasks = 0
    for share in (2, 0, 1):
        # each share is a process of its own, so it makes the plan itself
        plan = plan_run(RECIPE, [source], store, workers=1)
        with pytest.raises(TryAgain, match=r"task \d+ of \d+ is not done yet.*--task I --tasks N"):
            finish_run(plan, store, workers=1)
        tasks += curate_share(plan, share, SHARES, workers=1)
    assert tasks == len(plan.tasks) > SHARES
    found = finish_run(plan, store, workers=1)
    assert [r.manifest.digest for r in found] == [r.manifest.digest for r in whole]
    counts = whole[0].manifest.counts
    assert found[0].manifest.counts == counts
    assert counts["dropped"] > whole[0].manifest.reasons["characters.too_short"] > 0


def test_a_share_that_is_done_is_not_done_again(source: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    plan = plan_run(RECIPE, [source], store, workers=1)
    curate_share(plan, 1, SHARES, workers=1)
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "store").rglob("*.arrow")}
    assert before
    curate_share(plan, 1, SHARES, workers=1)
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "store").rglob("*.arrow")} == before
