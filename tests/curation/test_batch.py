from __future__ import annotations

import pyarrow as pa
from datatrove.data import Document
from datatrove.pipeline.filters import LambdaFilter

from curation.batch import MAX_ROWS, BatchBuilder, from_documents, to_documents


def documents(count: int) -> list[Document]:
    return [
        Document(f"text {k}", f"id{k}", metadata={"url": f"u{k}", "n": k}) for k in range(count)
    ]


def test_documents_become_batches_and_documents_again() -> None:
    batches = list(from_documents(documents(3), typed={"n": pa.int64()}))
    assert [len(batch) for batch in batches] == [3]
    assert batches[0].columns["n"].to_pylist() == [0, 1, 2]
    back = list(to_documents(batches))
    assert [(d.text, d.id, d.metadata["url"], d.metadata["n"]) for d in back] == [
        ("text 0", "id0", "u0", 0),
        ("text 1", "id1", "u1", 1),
        ("text 2", "id2", "u2", 2),
    ]


def test_fields_without_a_column_travel_as_json_and_unfold_again() -> None:
    [batch] = from_documents([Document("t", "i", metadata={"tags": ["a", "b"], "score": 0.5})])
    assert batch.columns["metadata"].to_pylist() == ['{"score": 0.5, "tags": ["a", "b"]}']
    [document] = to_documents([batch])
    assert document.metadata["tags"] == ["a", "b"]


def test_a_datatrove_filter_stands_between_two_batch_steps() -> None:
    batches = from_documents(documents(10))
    kept = LambdaFilter(lambda document: document.metadata["n"] % 2 == 0)(to_documents(batches))
    [batch] = from_documents(kept)
    assert batch.columns["id"].to_pylist() == ["id0", "id2", "id4", "id6", "id8"]
    assert batch.columns["__row"].to_pylist() == [0, 2, 4, 6, 8]


def test_a_batch_is_full_by_rows() -> None:
    assert [len(batch) for batch in from_documents(documents(MAX_ROWS + 1))] == [MAX_ROWS, 1]
    builder = BatchBuilder()
    builder.add("x" * (4 << 20), {}, file=0, row=0)
    assert builder.full
