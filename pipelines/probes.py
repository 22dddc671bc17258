"""Libraries that decide bytes, each made to do its work once: `awase doctor` runs these.

An installation can be broken without an import failing: five distributions install `fasttext`, and
a wheel of another CPU family loads and computes something else.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Final

# language.py keeps the digest of lid.176.ftz, so this line has one right answer
LINE: Final = "日本語の文章を一行だけ判定します。"
_VOCABULARY: Final = 280  # 256 bytes, 5 special pieces, and a few of the line's own


class Wrong(Exception):
    """A library works and gives another result than it should."""


def language() -> str:
    """fastText reads the shipped model and tells a Japanese line."""
    from curation.language import load, model_path, predict

    path = model_path(None)
    label, score, _ = predict(load(str(path)), LINE)
    if label != "ja":
        raise Wrong(f"{path.name} says {label!r} of a Japanese line")
    return f"{path.name}: a Japanese line is ja ({score:.3f})"


def tokens() -> str:
    """SentencePiece trains a small model, encodes a line and gives it back."""
    from pipelines.train_tokenizer import Training, train

    options = Training(vocabulary=_VOCABULARY, exact=False)
    texts = [LINE * 20]
    tokenizer = train([(texts, len(LINE.encode()) * 20)], options)
    ids, _ = tokenizer.encode_batch([LINE])
    if (back := tokenizer.decode(ids)) != LINE:
        raise Wrong(f"a line of {len(LINE)} characters comes back as {back!r}")
    return f"a line is {len(ids)} tokens and comes back whole"


def pipeline() -> str:
    """datatrove runs a step over a document."""
    from datatrove.data import Document
    from datatrove.executor.local import LocalPipelineExecutor
    from datatrove.pipeline.filters import LambdaFilter

    step = LambdaFilter(lambda document: "味噌" in document.text)
    documents = [Document(text=text, id=text) for text in ("味噌汁", "出汁")]
    kept = [document.id for document in step(iter(documents))]
    if kept != ["味噌汁"]:
        raise Wrong(f"a filter that keeps one of two documents kept {kept}")
    return f"{LocalPipelineExecutor.__name__} is there, a filter keeps 1 of 2 documents"


def queries() -> str:
    """DuckDB counts rows of an Arrow table."""
    import duckdb
    import pyarrow as pa

    rows = pa.table({"n": [1, 2, 39]})
    with duckdb.connect(":memory:") as connection:
        connection.register("rows", rows)
        found = connection.execute("SELECT sum(n) FROM rows").fetchone()
    if found is None or int(found[0]) != 42:
        raise Wrong(f"the sum of 1, 2 and 39 is {found}")
    return "a query over Arrow gives the right sum"


# name in the report, distribution, probe
PROBES: Final[tuple[tuple[str, str, Callable[[], str]], ...]] = (
    ("fasttext", "fasttext-numpy2-wheel", language),
    ("sentencepiece", "sentencepiece", tokens),
    ("datatrove", "datatrove", pipeline),
    ("duckdb", "duckdb", queries),
)


def described(distribution: str, found: str) -> str:
    return f"{distribution} {version(distribution)}: {found}"
