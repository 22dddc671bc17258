"""One pass over each input: its digest, its size, and where it is cut into pieces for tasks.

The cut depends on the bytes and on `task_bytes` alone, never on workers. A JSONL file is cut at
line ends of its uncompressed bytes (each task of a compressed file skips what lies before its
piece, so such a file is cut into 16 pieces at most); Parquet is cut at row groups, WARC at records;
a text or HTML file is one document and one piece.
"""

from __future__ import annotations

import fcntl
import glob
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from curation.base.digest import PREFIX, digest_of
from curation.base.errors import Failed, NotFound, UsageError
from curation.base.store import Store, disk_errors, make_dirs, to_json, write_atomic
from curation.readers.streams import (
    CHUNK_BYTES,
    COMPRESSIONS,
    Hashing,
    check_expansion,
    chunks,
    compression_of,
    decompressed,
    open_bytes,
)

VERSION = 1
MAX_PIECES_COMPRESSED = 16

FORMATS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".txt": "text",
    ".text": "text",
    ".md": "text",
    ".html": "html",
    ".htm": "html",
    ".warc": "warc",
    ".wet": "warc",
}


@dataclass(frozen=True, slots=True)
class Piece:
    """A range of one input: bytes of a JSONL or WARC file, row groups of Parquet, a whole text.

    `first_row` counts lines or rows before it. `bytes` is its share of the work.
    """

    file: int
    start: int
    stop: int
    first_row: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Surveyed:
    """An input as it was found; `cuts` are (start, stop, first row, bytes) of its pieces."""

    path: str
    sha256: str
    bytes: int
    format: str
    compression: str | None
    cuts: tuple[tuple[int, int, int, int], ...]
    modified: int | None = None  # the file's time before it was read, ns


def format_of(path: Path) -> str:
    """The format that a file's name tells; UsageError names those there are."""
    _refuse_two_layers(path)
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSIONS:
        suffixes.pop()
    if suffixes and suffixes[-1] in FORMATS:
        return FORMATS[suffixes[-1]]
    raise UsageError(
        f"{path}: its name tells no format; known are {', '.join(FORMATS)}, each also with "
        ".gz or .zst, or set input.format in the recipe"
    )


def _refuse_two_layers(path: Path) -> None:
    if compression_of(path) and compression_of(path.with_suffix("")):
        raise UsageError(
            f"{path}: its name tells that it was compressed twice, and one layer is read: "
            f"decompress the outer one ({path.suffix}) first"
        )


def expand(paths: Sequence[str | os.PathLike[str]], *, format: str | None) -> list[Path]:
    """The files of `paths`: files as given, folders by their files that can be read, sorted.

    Of a folder those are read whose names tell a known format; with `format` those that tell this
    one or none. What begins with a dot is left out there. A pattern (*, ?, [...], ** for folders
    below each other) stands for the files and folders that it matches, sorted.
    """
    found: list[Path] = []
    for path in _matched(paths):
        if path.is_dir():
            inside = [p for p in _visible(path) if _read(p, format)]
            if not inside:
                raise NotFound(f"{path}: the folder holds no file of a known format")
            found += inside
        elif path.exists():
            if format is None:
                format_of(path)
            found.append(path)
        else:
            raise NotFound(f"{path}: there is no such file or folder")
    for path in found:
        _refuse_two_layers(path)
    if not found:
        raise UsageError(
            "no input: name files or folders with --input PATH, or input.hub in the recipe"
        )
    return found


def left_out(paths: Sequence[str | os.PathLike[str]], *, format: str | None) -> list[Path]:
    """The files in the folders of `paths` that `expand` does not take, hidden ones apart."""
    folders = [path for path in _matched(paths) if path.is_dir()]
    return [p for folder in folders for p in _visible(folder) if not _read(p, format)]


def _matched(paths: Sequence[str | os.PathLike[str]]) -> Iterator[Path]:
    """The paths, a pattern by what it matches; one that names a file as it is written is none."""
    for given in paths:
        text = os.fspath(given)
        if os.path.lexists(text) or not glob.has_magic(text):
            yield Path(given)
            continue
        matches = sorted(glob.glob(text, recursive=True))
        if not matches:
            raise NotFound(f"{text}: no file or folder matches this pattern")
        yield from map(Path, matches)


def _visible(folder: Path) -> list[Path]:
    files = (p for p in folder.rglob("*") if p.is_file())
    return sorted(
        p for p in files if not any(part.startswith(".") for part in p.relative_to(folder).parts)
    )


def _read(path: Path, format: str | None) -> bool:
    if format is not None and format not in FORMATS.values():
        return True  # another library's reader: every file is its
    try:
        return format_of(path) == (format or format_of(path))
    except UsageError:
        return format is not None


def survey(
    store: Store,
    paths: Sequence[Path],
    *,
    format: str | None,
    task_bytes: int,
    max_expansion: int,
    workers: int,
) -> list[Surveyed]:
    """Survey all inputs; a file unchanged since the last survey (size, time, inode) is not read.

    Failed names the file that cannot be read, is empty as a whole set, or expands too far.
    """
    options = {"format": format, "task_bytes": task_bytes, "max_expansion": max_expansion}
    with ThreadPoolExecutor(max(1, workers)) as pool:
        found = list(pool.map(lambda path: _remembered(store, path, options), paths))
    if not any(item.cuts for item in found):
        raise Failed(f"the input is empty: {', '.join(item.path for item in found[:5])}")
    return found


def pieces(files: Sequence[Surveyed]) -> list[Piece]:
    return [Piece(number, *cut) for number, item in enumerate(files) for cut in item.cuts]


def tasks(found: Sequence[Piece], *, task_bytes: int) -> list[tuple[Piece, ...]]:
    """Neighbouring pieces joined until a task holds `task_bytes`."""
    answer: list[tuple[Piece, ...]] = []
    current: list[Piece] = []
    for piece in found:
        if current and sum(p.bytes for p in current) + piece.bytes > task_bytes:
            answer.append(tuple(current))
            current = []
        current.append(piece)
    if current:
        answer.append(tuple(current))
    return answer


def _remembered(store: Store, path: Path, options: dict[str, Any]) -> Surveyed:
    try:
        status = path.stat()
    except OSError as error:
        raise Failed(f"{path}: cannot be read ({error.strerror})") from error
    stamp = [str(path.resolve()), status.st_size, status.st_mtime_ns, status.st_ino, VERSION]
    key = digest_of({"stamp": stamp, **options})
    memo = store.work_dir(key) / "survey.json"
    if (known := _memo(memo, path)) is not None:
        return replace(known, modified=status.st_mtime_ns)
    with disk_errors(memo):
        make_dirs(memo.parent)
    with memo.with_suffix(".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of many tasks that start together, one reads the file
        if (known := _memo(memo, path)) is None:
            known = _survey(path, **options)
            write_atomic(memo, to_json(asdict(known)))
    return replace(known, modified=status.st_mtime_ns)


def _memo(memo: Path, path: Path) -> Surveyed | None:
    try:
        return _from_document(json.loads(memo.read_bytes()), path)
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not there yet, or torn by hand: the file is read again


def _from_document(document: dict[str, Any], path: Path) -> Surveyed:
    cuts = tuple((int(a), int(b), int(c), int(d)) for a, b, c, d in document.pop("cuts"))
    return Surveyed(**{**document, "path": str(path), "cuts": cuts})


def _survey(path: Path, *, format: str | None, task_bytes: int, max_expansion: int) -> Surveyed:
    kind = format or format_of(path)
    compression = compression_of(path)
    if kind == "parquet":
        return _survey_parquet(path)
    source = Hashing(open_bytes(path))
    cutter = _Cutter(task_bytes if kind == "jsonl" else None)
    try:
        for data in chunks(decompressed(source, compression), path):
            cutter.feed(data)
            check_expansion(path, out_bytes=cutter.size, in_bytes=source.bytes, limit=max_expansion)
        source.finish()
    except OSError as error:
        raise Failed(f"{path}: cannot be read ({error.strerror})") from error
    finally:
        source.file.close()
    cuts = cutter.finish()
    if kind == "warc":
        from curation.readers.warc import cuts_of

        cuts = cuts_of(path, task_bytes=task_bytes)
    if compression is not None and len(cuts) > MAX_PIECES_COMPRESSED:
        cuts = _join(cuts, MAX_PIECES_COMPRESSED)
    digest = PREFIX + source.sha256.hexdigest()
    return Surveyed(str(path), digest, source.bytes, kind, compression, tuple(cuts))


class _Cutter:
    """Finds line ends at least `task_bytes` apart in a stream of bytes; None: one piece."""

    def __init__(self, task_bytes: int | None) -> None:
        self.task_bytes = task_bytes
        self.size = 0
        self.rows = 0
        self.start = 0
        self.start_row = 0
        self.cuts: list[tuple[int, int, int, int]] = []

    def feed(self, data: bytes) -> None:
        position = 0
        while self.task_bytes is not None:
            wanted = max(self.start + self.task_bytes - 1 - self.size, position)
            end = data.find(b"\n", wanted) if wanted < len(data) else -1
            if end < 0:
                break
            self.rows += data.count(b"\n", position, end + 1)
            self._cut(self.size + end + 1)
            position = end + 1
        self.rows += data.count(b"\n", position)
        self.size += len(data)

    def _cut(self, stop: int) -> None:
        if stop > self.start:
            self.cuts.append((self.start, stop, self.start_row, stop - self.start))
        self.start, self.start_row = stop, self.rows

    def finish(self) -> list[tuple[int, int, int, int]]:
        self._cut(self.size)
        return self.cuts


def _join(cuts: list[tuple[int, int, int, int]], most: int) -> list[tuple[int, int, int, int]]:
    groups = [cuts[len(cuts) * k // most : len(cuts) * (k + 1) // most] for k in range(most)]
    return [(g[0][0], g[-1][1], g[0][2], sum(c[3] for c in g)) for g in groups]


def _survey_parquet(path: Path) -> Surveyed:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with open_bytes(path) as file:
        source = Hashing(file)
        source.finish()
    try:
        metadata = pq.read_metadata(path)
    except (pa.ArrowException, OSError) as error:
        raise Failed(f"{path}: is not a Parquet file ({error})") from error
    cuts = []
    row = 0
    for group in range(metadata.num_row_groups):
        item = metadata.row_group(group)
        if item.num_rows:
            cuts.append((group, group + 1, row, int(item.total_byte_size)))
        row += item.num_rows
    if row != metadata.num_rows:
        raise Failed(
            f"{path}: damaged Parquet (it tells {metadata.num_rows} rows, its row groups {row})"
        )
    digest = PREFIX + source.sha256.hexdigest()
    return Surveyed(str(path), digest, source.bytes, "parquet", None, tuple(cuts))


__all__ = [
    "CHUNK_BYTES",
    "FORMATS",
    "Piece",
    "Surveyed",
    "expand",
    "format_of",
    "left_out",
    "pieces",
    "survey",
    "tasks",
]
