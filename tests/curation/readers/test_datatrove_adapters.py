"""datatrove's own classes on both sides of the adapters, as docs/curation.md shows them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from datatrove.data import Document
from datatrove.executor.local import LocalPipelineExecutor
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.filters import GopherQualityFilter
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter

from curation.base.store import Store
from curation.batch import Batch, from_documents, to_documents
from curation.recipe import parse_recipe
from curation.run import attach, checked
from curation.shards.reader import iter_batches
from curation.steps import Step
from pipelines.curate import curate

GOOD = " ".join(["The people of that village have to be with the river and of the sea"] * 6)
WORDS = ("river", "window", "garden", "silver", "candle", "bottle")
TEXTS = [f"{GOOD}, number {k}." for k in range(6)] + ["too few words here", "### " * 80]


def steps_of(name: str) -> Step:
    recipe = parse_recipe(
        "version: 1\ndatasets:\n  web:\n    steps:\n"
        f"      - step: {name}\n        rules:\n"
        "          few: {statistic: characters, min: 30, source: this test}\n"
    )
    return recipe.datasets[0].steps[0]


class Ours(PipelineStep):
    """One of our steps in a datatrove pipeline: the scores end in each document's metadata."""

    type, name = "awase", "characters"

    def __init__(self, step: Step) -> None:
        super().__init__()
        self.step = step

    def run(self, data: Any, rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        for batch in from_documents(data):
            attach(self.step, batch, checked(self.step, batch, {}))
            yield from to_documents([batch])


def test_a_step_of_ours_runs_in_a_pipeline_of_datatroves(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    lines = [json.dumps({"id": f"d{k}", "text": text}) for k, text in enumerate(TEXTS)]
    (tmp_path / "in" / "a.jsonl").write_text("\n".join(lines))
    LocalPipelineExecutor(
        [
            JsonlReader(str(tmp_path / "in")),
            GopherQualityFilter(),
            Ours(steps_of("characters")),
            JsonlWriter(str(tmp_path / "out"), "${rank}.jsonl", compression=None),
        ],
        logging_dir=str(tmp_path / "logs"),
    ).run()
    rows = [
        json.loads(line) for line in (tmp_path / "out" / "00000.jsonl").read_text().split("\n")[:-1]
    ]
    assert [row["id"] for row in rows] == [f"d{k}" for k in range(6)]
    found = [row["metadata"]["characters.characters"] for row in rows]
    assert found == [len(text) for text in TEXTS[:6]]


def test_a_filter_of_datatroves_stands_between_two_of_our_steps() -> None:
    first = Batch(pa.array(TEXTS, pa.large_string()))
    first.columns["id"] = pa.array([f"d{k}" for k in range(len(TEXTS))])
    step = steps_of("characters")
    attach(step, first, checked(step, first, {}))
    typed = {"characters.characters": first.columns["characters.characters"].type}
    kept = GopherQualityFilter().run(to_documents([first]))
    [second] = from_documents(kept, typed=typed)
    assert second.columns["id"].to_pylist() == [f"d{k}" for k in range(6)]
    assert second.columns["characters.characters"].to_pylist() == [len(t) for t in TEXTS[:6]]
    again = checked(step, second, {}).scores["characters"]
    assert again.equals(second.columns["characters.characters"])


def test_readers_of_datatrove_read_what_ours_read(tmp_path: Path) -> None:
    texts = [f"{word} alone, and nothing but {word}, was seen" for word in WORDS]
    records = [{"id": f"d{k}", "text": t, "n": k} for k, t in enumerate(texts)]
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(r) for r in records))
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "a.parquet")
    plain = "version: 1\ndatasets:\n  web: {}\n"
    found = []
    readers = [(None, "a.jsonl"), ("JsonlReader", "a.jsonl"), ("ParquetReader", "a.parquet")]
    for name, file in readers:
        recipe = plain if name is None else f"{plain}input: {{datatrove: {name}}}\n"
        store = Store(tmp_path / f"store-{name}")
        [result] = curate(recipe, [tmp_path / file], store, workers=1)
        rows = pa.Table.from_batches(list(iter_batches(store, result.manifest)))
        found.append(rows.select(["id", "text", "metadata"]).to_pylist())
    assert [row["text"] for row in found[0]] == texts
    assert found[0] == found[1] == found[2]
