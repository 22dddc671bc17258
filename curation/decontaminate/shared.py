"""One index for all processes of a command: built by the first, mapped into memory by each.

A command names a folder in AWASE_INDEXES, which its workers inherit, and removes it when it ends.
The first process that needs an index writes its arrays there; every process, that one too, maps
them, so that their pages are in memory once. Without the variable, or where the folder cannot be
written, a process has an index of its own.
"""

from __future__ import annotations

import fcntl
import functools
import json
import os
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from curation.base.digest import digest_of
from curation.decontaminate import INDEXES
from curation.decontaminate.index import Coverage, Index, Spec, read_index
from curation.decontaminate.key import fixed
from curation.kernels import overlap

MAX_INDEXES = 64  # of steps in a process; past it they would be loaded anew for each batch
_FACTS = "facts.json"
_SET_OF = "set_of"
_PARTS: dict[str, Any] = {"items": overlap.Items, "grams": overlap.Grams, "wholes": overlap.Grams}


@functools.lru_cache(maxsize=MAX_INDEXES)
def load_index(spec: Spec) -> Index:
    """The index of some sets: mapped where this command has it, else built and kept for all."""
    root = os.environ.get(INDEXES)
    if not root:
        return read_index(spec)
    folder = Path(root) / digest_of(asdict(spec)).replace(":", "-")
    try:
        folder.parent.mkdir(mode=0o700, exist_ok=True)
        lock = folder.with_suffix(".lock").open("ab")
    except OSError:
        return read_index(spec)
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of those that need it at once, one builds
        if not folder.is_dir():
            built = read_index(spec)
            try:
                _write(built, folder)
            except OSError:  # a full disk, most likely
                return built
    return _mapped(spec, folder)


def _write(index: Index, folder: Path) -> None:
    """All of the index under `folder`, which appears when it is complete."""
    partial = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        np.save(partial / f"{_SET_OF}.npy", index.set_of)
        for part in _PARTS:
            for name, array in getattr(index, part)._asdict().items():
                np.save(partial / f"{part}-{name}.npy", array)
        facts = {"coverage": [asdict(found) for found in index.coverage], "names": index.names}
        (partial / _FACTS).write_text(json.dumps(facts), encoding="utf-8")
        partial.rename(folder)
    except OSError:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _mapped(spec: Spec, folder: Path) -> Index:
    facts = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
    coverage = tuple(Coverage(**found) for found in facts["coverage"])
    parts = {
        part: kind(*(_array(folder / f"{part}-{name}.npy") for name in kind._fields))
        for part, kind in _PARTS.items()
    }
    set_of = _array(folder / f"{_SET_OF}.npy")
    return Index(spec, coverage, set_of, tuple(facts["names"]), **parts)


def _array(path: Path) -> Any:
    """A read-only array of the file's pages, of numpy's own class, as kernels are compiled for."""
    array = np.load(path, mmap_mode="r")
    return fixed(array.view(np.ndarray))


__all__ = ["load_index"]
