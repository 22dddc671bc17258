"""A changed recipe computes what it changes: which layers a second run adds, and which it keeps."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from curation.base.errors import TryAgain
from curation.base.store import Store
from pipelines.curate import complete, curate, plan_run

RECIPE = """
version: 1
normalise: {halfwidth_kana: true}
datasets:
  web:
    steps:
      - step: characters
        rules:
          too_short: {statistic: characters, min: 5, source: "this test"}
      - step: lines
        rules:
          repeated: {statistic: duplicate_fraction, max: 0.3, source: "this test"}
      - step: compression
        rules:
          flat: {statistic: ratio, min: 0.01, source: "this test"}
    keep: "language.score >= 0.0"
    dedup: {exact: true}
output: {shard_bytes: 1MB, row_group_bytes: 100KB}
"""
LAYERS = ("base", "characters", "lines", "compression", "keys", "decide", "write")
STEPS = LAYERS[1:4]


def committed(recipe: str, source: Path, store: Store) -> dict[str, tuple[str, int]]:
    """layer -> (its folder, when its record was written, ns): a new attempt is a new record."""
    curate(recipe, [source], store, workers=1)
    [dataset] = plan_run(recipe, [source], store, workers=1).datasets
    names = (dataset.base, *dataset.steps, dataset.keys, dataset.decide, dataset.write)
    layers = dict(zip(LAYERS, names, strict=True))
    return {
        name: (layer, (store.work_dir(layer) / "00000.json").stat().st_mtime_ns)
        for name, layer in layers.items()
    }


@pytest.mark.parametrize(
    ("before", "after", "again"),
    [
        ("halfwidth_kana: true", "halfwidth_kana: false", LAYERS),
        ("min: 5,", "min: 6,", ("decide", "write")),
        ("max: 0.3", "max: 0.2", ("decide", "write")),
        ("min: 0.01", "min: 0.02", ("decide", "write")),
        (">= 0.0", ">= 0.1", ("decide", "write")),
        ("exact: true", "exact: false", ("decide", "write")),
        ("100KB", "90KB", ("write",)),
        ("- step: lines", "- step: lines\n        name: rows", ("lines", "decide", "write")),
    ],
)
def test_a_change_runs_again_what_it_changes(
    before: str, after: str, again: tuple[str, ...], tmp_path: Path
) -> None:
    source = tmp_path / "in.jsonl"
    texts = [f"{k}番目の話です。数は{k * 7919}と{k * 104729}。" for k in range(40)]
    source.write_text("\n".join(json.dumps({"text": text}) for text in texts))
    assert before in RECIPE
    store = Store(tmp_path / "store")
    first = committed(RECIPE, source, store)
    second = committed(RECIPE.replace(before, after), source, store)
    assert tuple(name for name in LAYERS if second[name] != first[name]) == again
    kept = [first[name] for name in LAYERS if name not in again]
    assert all(entry in second.values() for entry in kept)


def test_a_run_that_ends_in_a_version_of_another_counts_its_own_documents(tmp_path: Path) -> None:
    long = [f"{k}番目の話です。数は{k * 7919}と{k * 104729}。" for k in range(40)]
    store = Store(tmp_path / "store")
    runs = {}
    for name, texts in (("few", long), ("more", [*long, "短い。", "短文。"])):
        source = tmp_path / f"{name}.jsonl"
        rows = [json.dumps({"id": str(k), "text": text}) for k, text in enumerate(texts)]
        source.write_text("\n".join(rows))
        # the second time from the record of the run
        runs[name] = [curate(RECIPE, [source], store, workers=1)[0] for _ in range(2)]
    for result in runs["few"]:
        assert result.counts == {"in": 40, "kept": 40, "dropped": 0}
    for result in runs["more"]:
        assert result.version == runs["few"][0].version
        assert not result.created
        assert result.counts == {"in": 42, "kept": 40, "dropped": 2}
        assert result.reasons == {"characters.too_short": 2}
        assert result.manifest.counts == runs["few"][0].counts


def test_an_input_that_changes_during_a_run_commits_nothing(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "the text as it was surveyed"}\n')
    store = Store(tmp_path / "store")
    plan = plan_run(RECIPE, [source], store, workers=1)
    source.write_text('{"text": "another text of that length"}\n')
    os.utime(source, ns=(0, 0))  # whatever the clock's grain
    with pytest.raises(TryAgain, match="changed while this run read it"):
        complete(plan, store, workers=1)
    assert plan.unfinished(0)
    source.write_text('{"text": "the text as it was surveyed"}\n')
    os.utime(source, ns=(1, 1))  # another time, the same bytes
    [result] = complete(plan, store, workers=1)
    assert result.counts["in"] == 1
