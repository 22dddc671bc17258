from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pyarrow as pa

from curation.shards.stats import LENGTH_BINS, MAX_ROWS, ShardStats, join
from tests.versions import SCHEMA


def rows_at_random(count: int) -> list[dict[str, Any]]:
    choose = random.Random(7)
    return [
        {
            "id": str(number),
            "text": "味a" * choose.randrange(0, 40),
            "source": choose.choice(["web", "wiki", "", None]),
            "language": choose.choice(["ja", "en", None]),
            "license": choose.choice(["CC-BY-4.0", None]),
        }
        for number in range(count)
    ]


def test_batches_of_any_size_give_the_same_table() -> None:
    table = pa.Table.from_pylist(rows_at_random(500), SCHEMA)
    found = []
    for size in (1, 7, 500):
        counted = ShardStats("part-00000.parquet", SCHEMA)
        for batch in table.to_batches(max_chunksize=size):
            counted.feed(batch)
        found.append(counted.table())
    assert found[0].equals(found[1])
    assert found[0].equals(found[2])


def test_groups_are_those_of_plain_python() -> None:
    rows = rows_at_random(300)
    counted = ShardStats("s.parquet", SCHEMA)
    counted.feed(pa.Table.from_pylist(rows, SCHEMA))
    wanted: Counter[tuple[Any, ...]] = Counter()
    bins: Counter[int] = Counter()
    for row in rows:
        wanted[row["source"], row["language"], row["license"]] += len(row["text"])
        bins[(len(row["text"]) + 1).bit_length() - 1] += 1
    table = counted.table()
    assert table is not None
    found = {
        (row["source"], row["language"], row["license"]): row["characters"]
        for row in table.to_pylist()
    }
    assert found == wanted
    lengths = [sum(column) for column in zip(*table.column("lengths").to_pylist(), strict=True)]
    assert lengths == [bins[place] for place in range(LENGTH_BINS)]
    assert sum(table.column("documents").to_pylist()) == 300


def test_a_shard_with_too_many_groups_has_no_table_and_neither_has_its_version() -> None:
    rows = [{"id": str(n), "text": "a", "source": str(n)} for n in range(MAX_ROWS + 1)]
    many, few = ShardStats("a.parquet", SCHEMA), ShardStats("b.parquet", SCHEMA)
    many.feed(pa.Table.from_pylist(rows, SCHEMA))
    few.feed(pa.Table.from_pylist(rows[:1], SCHEMA))
    assert many.table() is None
    assert join([few.table(), many.table()]) is None
    assert join([few.table()]) == few.table()


def test_an_empty_shard_has_an_empty_table() -> None:
    counted = ShardStats("a.parquet", SCHEMA)
    counted.feed(SCHEMA.empty_table())
    table = counted.table()
    assert table is not None
    assert table.num_rows == 0
