"""Layers: what a task has found so far, kept in the store's work folder until versions are made.

    work/<fingerprint>/00003.json             commit record of task 3: file, rows, seconds
    work/<fingerprint>/00003.<attempt>.arrow  its batches

A layer's fingerprint covers everything its rows depend on (input, earlier layers, settings), so a
changed recipe finds the layers that it shares with the last run and adds the others. The record is
the commit: it is renamed into place after the data is on disk. A killed attempt leaves a file that
no record names; the next attempt removes it.
"""

from __future__ import annotations

import fcntl
import json
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from curation.base.errors import IntegrityError, TryAgain
from curation.base.store import Store, disk_errors, fsync_dir, make_dirs, to_json, write_atomic


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of one task."""

    folder: Path
    task: int

    @classmethod
    def of(cls, store: Store, fingerprint: str, task: int) -> Layer:
        return cls(store.work_dir(fingerprint), task)

    @property
    def record_path(self) -> Path:
        return self.folder / f"{self.task:05d}.json"

    def record(self) -> dict[str, Any] | None:
        """The commit record, or None where the task has not been finished."""
        try:
            found: dict[str, Any] = json.loads(self.record_path.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise IntegrityError(
                f"{self.record_path} is not JSON ({error}); delete {self.folder} and run again"
            ) from error
        return found

    @property
    def committed(self) -> bool:
        return self.record_path.exists()

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The batches as they were written, of all or some columns; one at a time is in memory."""
        with self._open(columns, mapped=False) as reader:
            if reader is not None:
                for number in range(reader.num_record_batches):
                    yield reader.get_batch(number)

    def batch(self, number: int, columns: Sequence[str]) -> pa.RecordBatch:
        """Some columns of batch `number`, the others left unread."""
        with self._open(columns) as reader:
            return reader.get_batch(number).select(list(columns))

    def table(self, columns: Sequence[str] | None) -> pa.Table | None:
        """Some columns of all rows; None for a task without rows."""
        with self._open(columns) as reader:
            if reader is None:
                return None
            table = reader.read_all()
            return table if columns is None else table.select(list(columns))

    def _open(self, columns: Sequence[str] | None, *, mapped: bool = True) -> Any:
        return _Opened(self, columns, mapped)

    def write(self) -> LayerWriter:
        return LayerWriter(self)


class _Opened:
    """Context manager around the reader of a committed layer; None for a layer without rows.

    Mapped, columns that were written without compression are the file's own pages. Pages of a map
    stay resident until it is closed, so what is read from end to end is read, not mapped.
    """

    def __init__(self, layer: Layer, columns: Sequence[str] | None, mapped: bool) -> None:
        record = layer.record()
        if record is None:
            raise IntegrityError(
                f"{layer.record_path} is missing: delete {layer.folder}, run again"
            )
        self.layer = layer
        self.path = None if record["file"] is None else layer.folder / record["file"]
        self.columns = columns
        self.mapped = mapped
        self.source: Any = None

    def __enter__(self) -> Any:
        if self.path is None:
            return None
        try:
            self.source = (pa.memory_map if self.mapped else pa.OSFile)(str(self.path))
            reader = pa.ipc.open_file(self.source)
            if self.columns is not None:
                fields = [reader.schema.get_field_index(name) for name in self.columns]
                assert -1 not in fields, f"{self.path} lacks one of {self.columns}"
                options = pa.ipc.IpcReadOptions(included_fields=fields)
                reader = pa.ipc.open_file(self.source, options=options)
        except (OSError, pa.ArrowException) as error:
            raise self._broken(error) from error
        return reader

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self.source is not None:
            self.source.close()
        if isinstance(error, OSError | pa.ArrowException) and not isinstance(error, MemoryError):
            raise self._broken(error) from error

    def _broken(self, error: Exception) -> IntegrityError:
        return IntegrityError(
            f"{self.path} cannot be read ({error}); delete {self.layer.folder} and run again"
        )


class LayerWriter:
    """Writes one attempt of a layer; nothing is visible before `commit` returns."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        self.path = layer.folder / f"{layer.task:05d}.{uuid.uuid4().hex}.arrow"
        self.file: Any = None
        self.writer: Any = None
        self.lock: Any = None
        self.rows = 0

    def __enter__(self) -> LayerWriter:
        with disk_errors(self.path):
            make_dirs(self.layer.folder)
            self._lock()
        record = self.layer.record()
        for old in self.layer.folder.glob(f"{self.layer.task:05d}.*.arrow"):
            if record is None or old.name != record["file"]:
                old.unlink(missing_ok=True)  # an attempt that was killed
        return self

    def _lock(self) -> None:
        """Hold this task's lock until the attempt ends; the kernel drops it with the process."""
        self.lock = self.layer.record_path.with_suffix(".lock").open("ab")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise TryAgain(
                f"{self.layer.folder}: another run is at work on task {self.layer.task}; "
                "wait for it, then run the same command again"
            ) from error

    def write(self, columns: dict[str, pa.Array], *, compression: str | None = "lz4") -> None:
        batch = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
        with disk_errors(self.path):
            if self.writer is None:
                self.file = self.path.open("xb")
                options = pa.ipc.IpcWriteOptions(compression=compression)
                self.writer = pa.ipc.new_file(self.file, batch.schema, options=options)
            self.writer.write_batch(batch)
        self.rows += len(batch)

    def commit(self, **extra: Any) -> None:
        """Make the rows durable, then name them in the task's record."""
        name = None
        if self.writer is not None:
            with disk_errors(self.path):
                self.writer.close()
                self.file.flush()
                os.fsync(self.file.fileno())
                self.file.close()
                fsync_dir(self.layer.folder)
            name = self.path.name
        self.writer = self.file = None
        record = {"file": name, "rows": self.rows, **extra}
        write_atomic(self.layer.record_path, to_json(record))

    def __exit__(self, kind: object, *_: object) -> None:
        if self.file is not None:
            with suppress(OSError):  # the attempt failed already; a full disk fails its buffer too
                self.file.close()
        if kind is not None:
            self.path.unlink(missing_ok=True)
        self.lock.close()
