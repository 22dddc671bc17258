"""The store: one folder, and the only code that joins names to paths.

Everything visible appears by one rename or one link after fsync of file and folder; readers open
what a manifest names and never list folders to find data.

    catalog.db                                   what is called what (can be rebuilt)
    refs/<name>/<number>.json                    put-if-absent: fixes version numbers of datasets
    refs/_mixtures, _tokenizers/<name>/<n>.json  the same for mixtures (with text) and tokenizers
    refs/_aliases, _notes, _plans/...            journals: a lost catalog.db is rebuilt whole
    refs/_runs, _sealed/<id>/<n>.json            a run's chain of plans; how far it was handed out
    datasets/<name>/<digest>/manifest.json ...   immutable versions
    tokenizers/<digest>/                         files, and how they were trained
    tokens/<text digest>-<tokenizer digest>/     token sets, memory-mapped
    selections/<digest>/                         rows of a version that a `where` selects, as bits
    holdouts/<text digest>/                      a hash of each document's text, for the hold-out
    tallies/<digest>.json                        rows and tokens of a source by licence
    views/<digest>/                              which documents, packed how
    plans/<digest>/plan.json                     what a stream is a function of
    work/<fingerprint>/                          unfinished runs; may go when none is running
"""

from __future__ import annotations

import errno
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from curation.base.digest import hex_of
from curation.base.errors import Failed, IntegrityError, NotFound, TryAgain, UsageError
from curation.base.names import check_name

ENVIRONMENT = "AWASE_STORE"
DEFAULT = "awase-store"


class Store:
    """Paths of one store and the few ways to write into it.

    Durability: a function that returned has fsynced both the file and its folder. kill -9 at any
    moment leaves either the old state or the new one, plus at most a `*.tmp-*` file.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        text = os.fspath(root)
        if "://" in text:
            raise UsageError(f"store {text!r}: this version keeps its store in a local folder")
        self.root = Path(text).resolve()

    @classmethod
    def from_environment(cls) -> Store:
        return cls(os.environ.get(ENVIRONMENT, DEFAULT))

    def __repr__(self) -> str:
        return f"Store({str(self.root)!r})"

    # Layout. Digests are "sha256:<hex>", names are checked: no user text reaches a path unseen.
    @property
    def catalog_path(self) -> Path:
        return self.root / "catalog.db"

    def dataset_dir(self, name: str, digest: str) -> Path:
        return self.root / "datasets" / check_name(name, what="dataset") / hex_of(digest)

    def refs_dir(self, name: str, kind: str = "dataset") -> Path:
        """Where numbers of `name` are fixed; '_' starts no name, so kinds cannot collide."""
        root = self.root / "refs"
        return (root if kind == "dataset" else root / f"_{kind}s") / check_name(name, what=kind)

    def alias_dir(self, kind: str, name: str, alias: str) -> Path:
        folder = self.root / "refs" / "_aliases" / f"{kind}s" / check_name(name, what=kind)
        return folder / check_name(alias, what="alias")

    def notes_dir(self, kind: str, name: str, number: int) -> Path:
        folder = self.root / "refs" / "_notes" / f"{kind}s" / check_name(name, what=kind)
        return folder / str(int(number))

    def plan_ref_path(self, digest: str) -> Path:
        return self.root / "refs" / "_plans" / f"{hex_of(digest)}.json"

    def run_refs_dir(self, id: str) -> Path:
        return self.root / "refs" / "_runs" / check_name(id, what="run")

    def sealed_dir(self, id: str) -> Path:
        return self.root / "refs" / "_sealed" / check_name(id, what="run")

    def tokenizer_dir(self, digest: str) -> Path:
        return self.root / "tokenizers" / hex_of(digest)

    def token_set_dir(self, text_digest: str, tokenizer_digest: str) -> Path:
        return self.root / "tokens" / f"{hex_of(text_digest)}-{hex_of(tokenizer_digest)}"

    def selection_dir(self, digest: str) -> Path:
        return self.root / "selections" / hex_of(digest)

    def holdout_dir(self, text_digest: str) -> Path:
        return self.root / "holdouts" / hex_of(text_digest)

    def tally_path(self, digest: str) -> Path:
        return self.root / "tallies" / f"{hex_of(digest)}.json"

    def view_dir(self, digest: str) -> Path:
        return self.root / "views" / hex_of(digest)

    def plan_path(self, digest: str) -> Path:
        return self.root / "plans" / hex_of(digest) / "plan.json"

    def work_dir(self, fingerprint: str) -> Path:
        return self.root / "work" / hex_of(fingerprint)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn a full or read-only disk into an error that names the path and what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise disk_full(path) from error
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise Failed(f"{path}: cannot write here ({error.strerror})") from error
        if error.errno == errno.EIO:
            raise Failed(f"{path}: the disk reports an I/O error; nothing was committed") from error
        raise


def disk_full(place: Path | str) -> TryAgain:
    """The error of a full disk, at a path or a database."""
    return TryAgain(
        f"{place}: the disk is full; what was committed stays readable. "
        "Make room and run the same command again: it goes on where it stopped"
    )


def fsync_dir(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_dirs(path: Path) -> None:
    """Create `path` and its parents, each durable in its own parent."""
    missing: list[Path] = []
    while not path.exists():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        try:
            folder.mkdir(exist_ok=True)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise Failed(f"{folder}: cannot make this folder ({error.strerror})") from error
        fsync_dir(folder.parent)


def temporary(path: Path) -> Path:
    """A name beside `path` that no other attempt uses and no reader looks at."""
    return path.with_name(f".{path.name}.tmp-{uuid.uuid4().hex}")


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Write a file that appears at `path` whole, or not at all; replaces an older one."""
    with disk_errors(path):
        make_dirs(path.parent)
        attempt = temporary(path)
        try:
            with attempt.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            attempt.rename(path)
            fsync_dir(path.parent)
        finally:
            attempt.unlink(missing_ok=True)


def write_atomic(path: Path, data: bytes) -> None:
    with atomic_file(path) as file:
        file.write(data)


def put_if_absent(path: Path, data: bytes) -> bool:
    """Create `path` with `data` in one step; False where it exists already (then unchanged).

    The commit point of versions: link(2) of a complete, fsynced file fails if the name is taken.
    """
    with disk_errors(path):
        make_dirs(path.parent)
        attempt = temporary(path)
        try:
            with attempt.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(attempt, path)
            except FileExistsError:
                return False
            fsync_dir(path.parent)
            return True
        finally:
            attempt.unlink(missing_ok=True)


def read_json(path: Path, *, what: str) -> Any:
    """Parse a JSON file of the store; NotFound or IntegrityError name `what` and the path."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise NotFound(f"{what}: there is no {path}") from error
    except ValueError as error:
        raise IntegrityError(f"{what}: {path} is not JSON ({error})") from error


def to_json(document: Any) -> bytes:
    """JSON as the store keeps it: UTF-8, indented, keys in the order given, one final newline."""
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()
