"""Are the files of a version what its manifest says? Digest by digest, all faults in one go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from curation.base.digest import digest_file
from curation.base.store import Store
from curation.shards.manifest import DataFile, DatasetManifest, Shard


@dataclass(frozen=True, slots=True)
class FileCheck:
    """One file: `fault` says what is wrong with it, empty where it is whole."""

    name: str
    file_bytes: int
    fault: str


def verify(
    store: Store,
    manifest: DatasetManifest,
    *,
    label: str,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[FileCheck]:
    """Read every file of a version and compare its SHA-256.

    label: how the version is called in faults, such as "web-ja@3". `progress` is told bytes read
    and bytes in all after each file.
    """
    files: list[Shard | DataFile] = [*manifest.shards, *manifest.audit, *manifest.dropped]
    if manifest.stats is not None:
        files.append(manifest.stats)
    total = sum(item.file_bytes for item in files)
    checks: list[FileCheck] = []
    done = 0
    for item in files:
        path = manifest.file(store, item)
        fault = ""
        if not path.is_file():
            fault = f"{label}: {item.name} is missing, expected at {path}"
        elif (size := path.stat().st_size) != item.file_bytes:
            fault = f"{label}: {item.name} has {size} bytes, expected {item.file_bytes}"
        elif (found := digest_file(path)) != item.sha256:
            fault = f"{label}: {item.name} is {found}, expected {item.sha256}"
        if fault and isinstance(item, Shard) and item.path is not None:
            fault += "; it was imported in place and changed since: import it again"
        checks.append(FileCheck(item.name, item.file_bytes, fault))
        done += item.file_bytes
        progress(done, total)
    return checks
