"""The files a plan reads, opened when first needed and kept under a bound on their number.

Tables that kernels read, int64, replaced and never written to (a reader keeps the tables it began
with, and with them the maps they point into):

    sources [S, 5]  first file (-1: not opened; pointers, then segments, then tokens, then masks),
                    sequences, segments, first part, number of parts
    files   [F, 2]  address of the map (0: not mapped), address of the marks of verified blocks
    parts   [P, 4]  token address of its first token, tokens, file of tokens, file of masks or -1
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awase_client.engine.files import CheckedFile
from awase_client.engine.plan import Plan, PlanSource
from awase_client.engine.views import Split, ViewManifest, split_files
from awase_client.errors import CorruptStore

Int64 = NDArray[np.int64]
OPEN = -1

# A map costs no descriptor; Linux allows 65,530 maps a process, and each file takes two.
MAX_FILES = 8192
# Files asked for changes at a time; each costs a microsecond.
MAX_LOOKS = 256


@dataclass(frozen=True, slots=True)
class Tables:
    """One state of the shelf; `maps` keeps alive what `files` points to."""

    sources: Int64
    files: Int64
    parts: Int64
    maps: tuple[CheckedFile | None, ...]
    used: Int64  # [F], the last tick a file was read at; written to without a lock


class Shelf:
    """Views and token files of one split of one plan."""

    def __init__(self, root: Path, plan: Plan, split: Split, *, max_files: int = MAX_FILES) -> None:
        self.plan, self.split, self.max_files = plan, split, max_files
        self._root = root
        self._lock = threading.Lock()
        self._paths: list[tuple[str, int, str, int]] = []  # path, bytes, SHA-256, source
        self._earlier: dict[int, CheckedFile] = {}
        self._views: dict[int, ViewManifest] = {}
        self._mapped = 0
        self.tick = 0
        count = len(plan.sources)
        self.bos = np.full(count, -1, np.int64)
        self.eos = np.full(count, -1, np.int64)
        sources = np.zeros((count, 5), np.int64)
        sources[:, 0] = -1
        empty = np.zeros((0, 4), np.int64)
        self.tables = Tables(sources, empty[:, :2], empty, (), np.zeros(0, np.int64))

    def view(self, source: int) -> ViewManifest:
        """The manifest of a source's view, read once."""
        self.ready(np.array([source]))
        return self._views[source]

    def ready(self, source: NDArray[Any]) -> Tables:
        """Tables in which every one of `source` is described."""
        tables = self.tables
        missing = source[tables.sources[source, 0] < 0]
        if not missing.size:
            return tables
        with self._lock:
            tables = self.tables
            new = [s for s in distinct(missing).tolist() if tables.sources[s, 0] < 0]
            sources = tables.sources.copy()
            files: list[tuple[str, int, str, int]] = []
            parts: list[list[int]] = []
            for s in new:
                row, own_files, own_parts = self._describe(
                    s, len(tables.files) + len(files), len(tables.parts) + len(parts)
                )
                sources[s] = row
                files += own_files
                parts += own_parts
            self._paths += files
            self.tables = Tables(
                sources,
                np.concatenate([tables.files, np.zeros((len(files), 2), np.int64)]),
                np.concatenate([tables.parts, np.array(parts, np.int64).reshape(-1, 4)]),
                tables.maps + (None,) * len(files),
                np.concatenate([tables.used, np.zeros(len(files), np.int64)]),
            )
            return self.tables

    def serve(self, wishes: Int64) -> Tables:
        """Tables in which every wished file is mapped and every wished block verified.

        wishes [n, 2]: file, block or OPEN. Raises CorruptStore, naming dataset, version and file.
        """
        files = distinct(wishes[:, 0])
        self.renew(self._changed(self.tables, files.tolist()))
        tables = self.tables
        opened = files[tables.files[files, 0] == 0]
        if opened.size:
            tables = self.map(opened)
        for file, block in wishes[wishes[:, 1] != OPEN].tolist():
            checked = tables.maps[file]
            # A file that was let go meanwhile is wished for again by the next touch.
            if checked is not None and not checked.verified[block]:
                self.check(file, checked, block)
        return tables

    def check(self, file: int, checked: CheckedFile, block: int) -> None:
        """Verify one block of a mapped file; CorruptStore names dataset, version and file."""
        try:
            checked.check(block)
        except CorruptStore as error:
            raise self._named(error, self._paths[file][3]) from error

    def changed(self, tables: Tables, tick: int, *, but: NDArray[Any] | None = None) -> list[int]:
        """The files read since `tick`, without views of sources `but`, that are not as mapped."""
        files = np.flatnonzero(tables.used >= tick).tolist()
        if but is not None:
            views = set(_view_files(tables, but))
            files = [file for file in files if file not in views]
        return self._changed(tables, files)

    def changed_views(self, tables: Tables, sources: NDArray[Any]) -> list[int]:
        """The files of the views of `sources` that are not as mapped."""
        return self._changed(tables, _view_files(tables, sources))

    def renew(self, changed: list[int]) -> None:
        """Map changed files anew, unverified; CorruptStore where one has another size now."""
        if not changed:
            return
        with self._lock:
            files, maps = self.tables.files.copy(), list(self.tables.maps)
            for file in changed:
                checked = maps[file]
                if checked is not None and not checked.map.same():
                    maps[file] = None
                    files[file] = 0
                    self._mapped -= 1
            old = self.tables
            self.tables = Tables(old.sources, files, old.parts, tuple(maps), old.used)
        self.map(np.array(changed, np.int64))

    def map(self, wanted: Int64) -> Tables:
        """Map files, and let go of those not used for longest beyond the bound."""
        with self._lock:
            tables = self.tables
            files, maps = tables.files.copy(), list(tables.maps)
            for file in wanted.tolist():
                if maps[file] is None:
                    maps[file] = checked = self._open(file)
                    files[file] = checked.map.address, checked.verified.ctypes.data
                    tables.used[file] = self.tick
                    self._mapped += 1
            if self._mapped > self.max_files:
                self._let_go(files, maps, tables.used, keep=set(wanted.tolist()))
            self.tables = Tables(tables.sources, files, tables.parts, tuple(maps), tables.used)
            return self.tables

    def corrupt(self, source: int, sequence: int) -> CorruptStore:
        """The error for a sequence whose segments contradict their token set."""
        view = self.plan.sources[source].view
        error = CorruptStore(f"view {view}: sequence {sequence} contradicts its token set")
        return self._named(error, source)

    def _changed(self, tables: Tables, files: list[int]) -> list[int]:
        """Those of `files` that changed; of very many a part each time, by turns."""
        turns = -(-len(files) // MAX_LOOKS)
        if turns > 1:
            files = files[self.tick % turns :: turns]
        maps = tables.maps
        return [f for f in files if (held := maps[f]) is not None and not held.map.same()]

    def _let_go(
        self, files: Int64, maps: list[CheckedFile | None], used: Int64, keep: set[int]
    ) -> None:
        """Drop the maps read least recently, down to three quarters of the bound."""
        target = self.max_files - self.max_files // 4
        for file in np.argsort(used, kind="stable").tolist():
            if self._mapped <= target or used[file] == self.tick:
                break
            checked = maps[file]
            if checked is None or file in keep:
                continue
            self._earlier[file] = checked.forget_map()
            maps[file] = None
            files[file] = 0
            self._mapped -= 1

    def _open(self, file: int) -> CheckedFile:
        path, size, sha256, source = self._paths[file]
        try:
            return CheckedFile(path, size, sha256, self._earlier.pop(file, None))
        except CorruptStore as error:
            raise self._named(error, source) from error

    def _describe(
        self, s: int, first_file: int, first_part: int
    ) -> tuple[list[int], list[tuple[str, int, str, int]], list[list[int]]]:
        """A source's row, its files and its parts; reads and checks its view's manifest."""
        of = self.plan.sources[s]
        try:
            view = ViewManifest.load(self._root, of.view)
        except CorruptStore as error:
            raise self._named(error, s) from error
        except FileNotFoundError as error:
            missing = CorruptStore(f"{error.filename} is missing: run `awase mixture plan` again")
            raise self._named(missing, s) from error
        self._agree(of, view, s)
        counts, tokens = view.split(self.split), view.token_set
        files = [(*item, s) for item in split_files(self._root, view, self.split)]
        folder = f"{self._root}/tokens/{tokens.folder}"
        itemsize = np.dtype(tokens.dtype).itemsize
        parts, at, masks = [], 0, []
        for index, part in enumerate(tokens.parts):
            files.append((f"{folder}/{part.tok}", part.tokens * itemsize, part.tok_sha256, s))
            mask = -1
            if part.mask_sha256 is not None:
                masks.append((f"{folder}/{part.mask}", part.tokens, part.mask_sha256, s))
                mask = first_file + 1 + len(tokens.parts) + len(masks)
            parts.append([at, part.tokens, first_file + 2 + index, mask])
            at += part.tokens
        self._views[s] = view
        self.bos[s] = -1 if view.bos is None else view.bos
        self.eos[s] = -1 if view.eos is None else view.eos
        row = [first_file, counts.sequences, counts.segments, first_part, len(parts)]
        return row, files + masks, parts

    def _agree(self, of: PlanSource, view: ViewManifest, s: int) -> None:
        """Refuse a view that is not what the plan counted."""
        pairs = {
            "sequences": (of.sequences, view.train.sequences),
            "hold-out sequences": (of.holdout_sequences, view.holdout.sequences),
            "text": (of.text_digest, view.token_set.text_digest),
            "tokenizer": (self.plan.tokenizer, view.token_set.tokenizer_digest),
            "width": (self.plan.width, view.width),
            "dtype": (self.plan.dtype, view.token_set.dtype),
        }
        for what, (planned, found) in pairs.items():
            if planned != found:
                error = CorruptStore(f"view {of.view}: {what}: planned {planned}, found {found}")
                raise self._named(error, s)

    def _named(self, error: CorruptStore, source: int) -> CorruptStore:
        of = self.plan.sources[source]
        return CorruptStore(f"source {of.path}, dataset {of.dataset}@{of.version}: {error}")


def _view_files(tables: Tables, sources: NDArray[Any]) -> list[int]:
    return [file + k for file in tables.sources[sources, 0].tolist() for k in (0, 1)]


def distinct(values: NDArray[Any]) -> NDArray[Any]:
    """The different values, ascending; np.unique would import numpy.ma, 20 ms and more."""
    ordered = np.sort(values)
    first = np.ones(len(ordered), bool)
    first[1:] = ordered[1:] != ordered[:-1]
    return ordered[first]
