from __future__ import annotations

import pyarrow as pa
import pytest

from curation.shards.rows import BLOCK_ROWS, RowDigest, digests, join

SCHEMA = pa.schema(
    [("id", pa.string()), ("text", pa.large_string()), ("n", pa.int64()), ("ok", pa.bool_())]
)


def rows(count: int, start: int = 0) -> pa.Table:
    ids = [None if k % 7 == 3 else f"id{k}" for k in range(start, start + count)]
    texts = [f"text {k} " * (k % 5) for k in range(start, start + count)]
    numbers = [None if k % 5 == 1 else k for k in range(start, start + count)]
    flags = [None if k % 3 == 2 else k % 2 == 0 for k in range(start, start + count)]
    return pa.table([ids, texts, numbers, flags], schema=SCHEMA)


def digest(*tables: pa.Table, columns: list[str] | None = None) -> str:
    digest = RowDigest(tables[0].schema, columns)
    for table in tables:
        digest.feed(table)
    return digest.digest()


def test_the_cut_into_batches_does_not_matter() -> None:
    whole = rows(3000)
    assert digest(whole) == digest(whole.slice(0, 1), whole.slice(1, 1500), whole.slice(1501))


def test_parts_that_begin_at_blocks_join_to_the_whole() -> None:
    whole = rows(2 * BLOCK_ROWS + 5)
    parts = []
    for start, count in ((0, BLOCK_ROWS), (BLOCK_ROWS, BLOCK_ROWS), (2 * BLOCK_ROWS, 5)):
        part = RowDigest(SCHEMA)
        part.feed(whole.slice(start, count))
        parts.append(part.blocks())
    assert join(parts) == digest(whole)
    with pytest.raises(ValueError, match="multiple of 1024"):
        join([parts[2], parts[0]])


def test_every_value_null_name_and_order_counts() -> None:
    table = rows(10)
    seen = {digest(table)}
    for name in SCHEMA.names:
        values = table.column(name).to_pylist()
        other = {"id": "x", "text": "x", "n": 99, "ok": True}[name]
        for change in (None, other):
            changed = [change, *values[1:]] if values[0] != change else [other, *values[1:]]
            index = SCHEMA.get_field_index(name)
            column = pa.array(changed, SCHEMA.field(name).type)
            seen.add(digest(table.set_column(index, SCHEMA.field(name), column)))
    seen.add(digest(table.take(list(range(9, -1, -1)))))
    seen.add(digest(table.rename_columns(["id", "text", "n", "okay"])))
    assert len(seen) >= 7


def test_types_that_differ_in_memory_only_are_one() -> None:
    table = rows(50)
    other = table.set_column(1, "text", table.column("text").cast(pa.string()))
    other = other.set_column(0, "id", other.column("id").dictionary_encode())
    assert digest(table) == digest(other)


def test_values_behind_nulls_and_in_neighbouring_rows_do_not_leak() -> None:
    left = pa.table({"a": pa.array(["ab", "c"])})
    right = pa.table({"a": pa.array(["a", "bc"])})
    assert digest(left) != digest(right)
    values = pa.array([1, 2, 3], pa.int64())
    masked = pa.Array.from_buffers(pa.int64(), 3, [pa.py_buffer(b"\x05"), values.buffers()[1]])
    assert digest(pa.table({"a": masked})) == digest(pa.table({"a": [1, None, 3]}))


def test_nested_values_are_told_apart() -> None:
    def nested(values: list[object]) -> str:
        kind = pa.list_(pa.struct([("s", pa.int64()), ("e", pa.int64())]))
        return digest(pa.table({"spans": pa.array(values, kind)}))

    one, two = {"s": 1, "e": 2}, {"s": 3, "e": 4}
    seen = {nested([[one], [two]]), nested([[one, two], []]), nested([[one, two], None])}
    assert len(seen) == 3
    assert nested([[one], [two], None]) == nested([[one], [two], None])


def test_the_text_digest_covers_id_and_text_alone() -> None:
    table = rows(20)
    other = table.set_column(2, "n", pa.array(range(20), pa.int64()))
    first, second = (digests(t.schema, t.to_batches()) for t in (table, other))
    assert first[1] == second[1]
    assert first[0] != second[0]
