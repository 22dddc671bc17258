"""Statistics over a version's documents, grouped and selected. The only importer of DuckDB.

What makes a query of a stranger safe:

    no SQL from outside   group_by names columns of the version, `where` is the selection language;
                          identifiers come from the schema, values are parameters
    no files              DuckDB is in memory, locked, without external access or extensions; it
                          sees one stream of batches that we read from files the manifest names
    bounds                one thread, memory, seconds (a timer interrupts), rows read, groups
                          answered; the caller bounds how many run at a time

Without `where`, and by columns of stats.parquet alone, no text is read.
`tests/mixtures/test_query.py` holds it against a plain Python oracle.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from awase_client.errors import AwaseClientError
from curation.base.errors import AwaseError, TryAgain, UsageError
from curation.base.fields import nearest
from curation.base.predicate import Predicate, parse
from curation.base.store import Store
from curation.shards import stats as shard_stats
from curation.shards.files import VersionFile, read_file
from curation.shards.manifest import DatasetManifest

if TYPE_CHECKING:
    import duckdb

BATCH_ROWS = 4096
MAX_GROUP_BY = 8
# Names of our own columns in the stream; '#' keeps them apart from a version's columns.
BYTES, CHARACTERS, TOKENS = "#bytes", "#characters", "#tokens"

# Answers the number of tokens of each document of shard i, int64 [rows].
TokenCounts = Callable[[int], "np.ndarray[Any, np.dtype[np.int64]]"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one query."""

    seconds: float = 10.0
    groups: int = 10_000
    bytes: int = 512 << 20
    rows_read: int = 200_000_000


@dataclass(frozen=True, slots=True)
class Stats:
    """One row a group: its values, documents, bytes, characters[, tokens]; largest groups first.

    `source` is "stats.parquet" where no document was read, else "documents".
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    source: str


def query(
    store: Store,
    manifest: DatasetManifest,
    *,
    group_by: Sequence[str] = (),
    where: str | None = None,
    tokens: TokenCounts | None = None,
    token_stats: pa.Table | None = None,
    limits: Limits | None = None,
) -> Stats:
    """Count a version's documents by the values of `group_by`, those that `where` selects.

    tokens: count them too; token_stats: the version's token statistics, where there are some, from
    which they are taken as long as no document needs to be read.
    UsageError for a column that cannot be grouped by or too many groups, InvalidDocument for
    `where`, TryAgain where a bound of time or memory was hit.
    """
    limits = limits or Limits()
    schema = _schema(store, manifest)
    groups = _checked(group_by, schema)
    predicate = None if where is None else parse(where, file="where")
    condition, parameters = predicate.to_sql(schema) if predicate else ("", [])
    table = token_stats
    if predicate is None and tokens is None and manifest.stats is not None:
        table = read_file(store, manifest, manifest.stats)
    if predicate is None and table is not None and set(groups) <= set(table.column_names):
        summed = (*shard_stats.SUMS, *(() if tokens is None else ("tokens",)))
        found = _run(table.to_reader(), groups, tuple(map(_sum, summed)), "", [], limits)
        return Stats((*groups, *summed), found, "stats.parquet")
    if manifest.rows > limits.rows_read:
        raise UsageError(
            f"{manifest.reference} has {manifest.rows} documents, a query may read "
            f"{limits.rows_read}: group by {', '.join(shard_stats.GROUPS)} without `where`"
        )
    failed: list[Exception] = []
    reader = _documents(store, manifest, schema, groups, predicate, tokens, failed)
    names = [BYTES, CHARACTERS] + ([TOKENS] if tokens is not None else [])
    sums = ("count(*)", *map(_sum, names))
    found = _run(reader, groups, sums, condition, parameters, limits, failed)
    measured = ("documents", *(name.removeprefix("#") for name in names))
    return Stats((*groups, *measured), found, "documents")


def _run(
    reader: pa.RecordBatchReader,
    groups: tuple[str, ...],
    sums: tuple[str, ...],
    condition: str,
    parameters: list[Any],
    limits: Limits,
    failed: Sequence[Exception] = (),
) -> tuple[tuple[Any, ...], ...]:
    import duckdb

    keys = [_quoted(name) for name in groups]
    # S608: every part is ours, quoted names of the schema and sums of the caller; values are `?`
    text = (
        f"SELECT {', '.join([*keys, *sums])} FROM documents"  # noqa: S608
        + (f" WHERE {condition}" if condition else "")
        + (f" GROUP BY {', '.join(keys)}" if keys else "")
        + f" ORDER BY {len(keys) + 1} DESC"
        + "".join(f", {place + 1} NULLS FIRST" for place in range(len(keys)))
        + f" LIMIT {int(limits.groups) + 1}"
    )
    connection = _locked(limits)
    timer = threading.Timer(limits.seconds, connection.interrupt)
    timer.daemon = True
    try:
        connection.register("documents", reader)
        timer.start()
        found = connection.execute(text, parameters).fetchall()
    except duckdb.InterruptException as error:
        raise TryAgain(
            f"the query took longer than {limits.seconds:g} s and was stopped: ask for less, or "
            "group by the columns of stats.parquet without `where`"
        ) from error
    except duckdb.OutOfMemoryException as error:
        raise TryAgain(
            f"the query needed more than {limits.bytes} bytes: group by columns with fewer values"
        ) from error
    except duckdb.Error as error:
        if failed:
            raise failed[0] from error
        raise
    finally:
        timer.cancel()
        connection.close()
    if len(found) > limits.groups:
        raise UsageError(
            f"more than {limits.groups} groups: group by columns with fewer values, or narrow it "
            "with `where`"
        )
    return tuple(tuple(row) for row in found)


def _locked(limits: Limits) -> duckdb.DuckDBPyConnection:
    """A connection that can reach nothing but what is registered with it."""
    import duckdb

    connection = duckdb.connect(
        ":memory:",
        config={
            "enable_external_access": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "temp_directory": "",
            "threads": "1",
            "memory_limit": f"{limits.bytes}B",
        },
    )
    connection.execute("SET python_enable_replacements = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _sum(name: str) -> str:
    return f"CAST(coalesce(sum({_quoted(name)}), 0) AS BIGINT)"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _schema(store: Store, manifest: DatasetManifest) -> pa.Schema:
    if not manifest.shards:
        return pa.schema([("id", pa.string()), ("text", pa.string())])
    return VersionFile(store, manifest, manifest.shards[0]).schema_arrow


def _checked(group_by: Sequence[str], schema: pa.Schema) -> tuple[str, ...]:
    if len(group_by) > MAX_GROUP_BY:
        raise UsageError(f"group_by names {len(group_by)} columns, at most {MAX_GROUP_BY}")
    allowed = [field.name for field in schema if _groups(field)]
    for name in group_by:
        if name not in allowed:
            why = "cannot be grouped by" if name in schema.names else "is not a column"
            raise UsageError(
                f"group_by: {name!r} {why}{nearest(name, allowed)}; columns: {', '.join(allowed)}"
            )
    return tuple(dict.fromkeys(group_by))


def _groups(field: pa.Field) -> bool:
    """Text and id are as many groups as documents; numbers with fractions nearly so."""
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    simple = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    simple = simple or pa.types.is_boolean(kind) or pa.types.is_integer(kind)
    return simple and field.name not in ("id", "text")


def _documents(
    store: Store,
    manifest: DatasetManifest,
    schema: pa.Schema,
    groups: tuple[str, ...],
    predicate: Predicate | None,
    tokens: TokenCounts | None,
    failed: list[Exception],
) -> pa.RecordBatchReader:
    """The columns that a query needs, and the sizes of each text, as one stream.

    What goes wrong while reading is put into `failed`, since DuckDB would bury it.
    """
    read = dict.fromkeys((*groups, *(predicate.columns if predicate else ())))
    text_too = [] if "text" in read else ["text"]
    fields = [schema.field(name) for name in read]
    fields += [pa.field(BYTES, pa.int64()), pa.field(CHARACTERS, pa.int64())]
    if tokens is not None:
        fields.append(pa.field(TOKENS, pa.int64()))
    out = pa.schema(fields)

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            for place, shard in enumerate(manifest.shards):
                counts = None if tokens is None else tokens(place)
                start = 0
                with VersionFile(store, manifest, shard) as file:
                    for batch in file.iter_batches(BATCH_ROWS, columns=[*read, *text_too]):
                        part = None if counts is None else counts[start : start + len(batch)]
                        start += len(batch)
                        yield _measured(batch, list(read), part, out)
        except (AwaseError, AwaseClientError, pa.ArrowException, OSError) as error:
            failed.append(error)
            raise

    return pa.RecordBatchReader.from_batches(out, batches())


def _measured(
    batch: pa.RecordBatch, names: Sequence[str], tokens: Any, schema: pa.Schema
) -> pa.RecordBatch:
    text = batch.column("text")
    arrays = [batch.column(name) for name in names]
    arrays.append(pc.cast(pc.binary_length(text), pa.int64()))
    arrays.append(pc.cast(pc.utf8_length(text), pa.int64()))
    if tokens is not None:
        arrays.append(pa.array(tokens, pa.int64()))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
