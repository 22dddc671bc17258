"""The manifest of a dataset version: what is in it, where it came from. Creating it is the commit.

A manifest is written once, by `put_if_absent`, after every file it names is durable; readers open
what it names and list no folder. Two versions with the same logical rows have the same digest, so
recipe, code version, times and file hashes are recorded here and not hashed. The last key is
`check`, as `awase_client.engine.documents` says; manifests written before there was one have none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from awase_client.engine.documents import CHECK, check_of, seal
from curation.base.digest import hex_of
from curation.base.errors import IntegrityError
from curation.base.names import NAME
from curation.base.store import Store, put_if_absent, read_json, to_json

VERSION = 1
FILE_NAME = "manifest.json"
NOASSERTION = (
    "NOASSERTION"  # SPDX: nobody says under which licence; rows without a licence count here
)

_FILE = re.compile(r"[a-z0-9][a-z0-9._-]{0,199}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Shard:
    """One Parquet file of a version, in row order.

    `bytes` and `characters` are those of the text column (UTF-8 bytes, code points), `file_bytes`
    those of the file. `path` is the absolute path of a shard that was imported in place; None for
    a file beside the manifest.
    """

    name: str
    sha256: str
    rows: int
    bytes: int
    characters: int
    file_bytes: int
    path: str | None = None


@dataclass(frozen=True, slots=True)
class DataFile:
    """An audit, dropped or stats file beside the manifest; `rows` may be less than documents."""

    name: str
    sha256: str
    rows: int
    file_bytes: int


@dataclass(frozen=True, slots=True)
class Input:
    """A file that was read: its path or address as given, the digest and size of its bytes."""

    path: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class DatasetManifest:
    """All that is known of an immutable version `name@digest`.

    digest, text_digest     "sha256:<hex>" of the logical rows, and of (id, text, loss_spans) alone
    rows, bytes, characters kept documents, and the size of their text
    recipe                  the recipe's document, `recipe_fingerprint` its digest; None: imported
    licenses                SPDX expression -> rows; a row without a licence counts as NOASSERTION
    terms, generated_by, judged_by, languages    value -> rows; rows without a value are not counted
    parents                 versions read as input, "name@sha256:<hex>"
    counts                  {"in", "kept", "dropped"} documents; in = kept + dropped; where there
                            are any, "repeated_ids": of those in, with an id that one had before
    reasons                 reason -> documents dropped with it as their first reason
    created                 ISO 8601 with offset
    """

    name: str
    digest: str
    text_digest: str
    rows: int
    bytes: int
    characters: int
    shards: tuple[Shard, ...]
    audit: tuple[DataFile, ...] = ()
    dropped: tuple[DataFile, ...] = ()
    stats: DataFile | None = None
    recipe: Mapping[str, Any] | None = None
    recipe_fingerprint: str | None = None
    inputs: tuple[Input, ...] = ()
    code_version: str = ""
    created: str = ""
    licenses: Mapping[str, int] = field(default_factory=dict)
    terms: Mapping[str, int] = field(default_factory=dict)
    generated_by: Mapping[str, int] = field(default_factory=dict)
    judged_by: Mapping[str, int] = field(default_factory=dict)
    languages: Mapping[str, int] = field(default_factory=dict)
    parents: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check(self)

    @property
    def reference(self) -> str:
        """`name@sha256:<hex>`, which names these rows for ever."""
        return f"{self.name}@{self.digest}"

    def to_document(self) -> dict[str, Any]:
        """The JSON document, `version` first; `from_document` reads back an equal manifest."""
        document: dict[str, Any] = {"version": VERSION}
        for item in fields(self):
            document[item.name] = _plain(getattr(self, item.name))
        return document

    @classmethod
    def from_document(cls, document: Any, *, what: str = "manifest") -> DatasetManifest:
        """Read a manifest; IntegrityError names `what` and the first fault found."""
        try:
            return _from_document(document)
        except (KeyError, TypeError, ValueError) as error:
            raise IntegrityError(f"{what} is damaged: {error}") from error

    def directory(self, store: Store) -> Path:
        return store.dataset_dir(self.name, self.digest)

    def file(self, store: Store, item: Shard | DataFile) -> Path:
        """Where a shard or data file of this version lies."""
        if isinstance(item, Shard) and item.path is not None:
            return Path(item.path)
        return self.directory(store) / item.name

    def commit(self, store: Store) -> bool:
        """Make the version visible; False where the same rows were committed before (unchanged).

        Every file named here must be durable already.
        """
        document = json.loads(to_json(self.to_document()))  # as a reader will see it
        return put_if_absent(self.directory(store) / FILE_NAME, to_json(seal(document)))


def load(store: Store, name: str, digest: str) -> DatasetManifest:
    """The committed manifest of `name@digest`; NotFound, or IntegrityError for a damaged one."""
    what = f"dataset {name}@{digest}"
    document = read_json(store.dataset_dir(name, digest) / FILE_NAME, what=what)
    manifest = DatasetManifest.from_document(document, what=f"the manifest of {what}")
    if (manifest.name, manifest.digest) != (name, digest):
        raise IntegrityError(f"the manifest of {what} is that of {manifest.reference}")
    return manifest


def _plain(value: Any) -> Any:
    if isinstance(value, Shard | DataFile | Input):
        document = {item.name: getattr(value, item.name) for item in fields(value)}
        if document.get("path", "") is None:
            del document["path"]
        return document
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else value


def _from_document(document: Any) -> DatasetManifest:
    if not isinstance(document, dict):
        raise TypeError(f"it is no JSON object but {type(document).__name__}")
    values = dict(document)
    if (stated := values.pop(CHECK, None)) is not None and (found := check_of(document)) != stated:
        raise ValueError(f"its check is {stated}, what it holds has {found}")
    version = values.pop("version", None)
    if version != VERSION:
        raise ValueError(f"version is {version!r}, this awase reads {VERSION}")
    known = {item.name for item in fields(DatasetManifest)}
    if unknown := sorted(set(values) - known):
        raise ValueError(f"unknown key {unknown[0]!r}")
    for key, kind in (("shards", Shard), ("audit", DataFile), ("dropped", DataFile)):
        values[key] = tuple(kind(**item) for item in values.get(key, ()))
    values["inputs"] = tuple(Input(**item) for item in values.get("inputs", ()))
    values["parents"] = tuple(values.get("parents", ()))
    if values.get("stats") is not None:
        values["stats"] = DataFile(**values["stats"])
    return DatasetManifest(**values)


def _check(manifest: DatasetManifest) -> None:
    if not NAME.fullmatch(manifest.name):
        raise ValueError(f"name {manifest.name!r} is not a name")
    for digest in (manifest.digest, manifest.text_digest):
        hex_of(digest)
    files: list[Shard | DataFile] = [*manifest.shards, *manifest.audit, *manifest.dropped]
    if manifest.stats is not None:
        files.append(manifest.stats)
    for item in files:
        if not _FILE.fullmatch(item.name) or item.name == FILE_NAME:
            raise ValueError(f"file name {item.name!r} is not one the store may open")
        hex_of(item.sha256)
        if min(item.rows, item.file_bytes) < 0:
            raise ValueError(f"file {item.name!r} has a negative size")
    for shard in manifest.shards:
        if shard.path is not None and not Path(shard.path).is_absolute():
            raise ValueError(f"shard {shard.name!r}: path {shard.path!r} is not absolute")
    for total in ("rows", "bytes", "characters"):
        stated = getattr(manifest, total)
        found = sum(getattr(shard, total) for shard in manifest.shards)
        if stated != found:
            raise ValueError(f"{total} is {stated}, its shards add up to {found}")
