"""Writing token sets: one part a shard, resumable, visible by one rename.

The format and the reader are `awase_client.engine.tokensets`; tokens carry no separators, those
belong to the view. Parts are written by any number of processes into a work folder named by what
the set will be; a part counts as done once its record is there, and `commit` renames the folder.

    writer = TokenSetWriter(store, text_digest=..., tokenizer_digest=..., vocabulary=32_000,
                            bos=1, eos=2, pad=None)
    with writer.alone():
        if writer.done(0) is None:
            with writer.part(0) as part:
                part.append(tokens, offsets, bytes=..., characters=...)
        manifest = writer.commit(parts=1)
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from awase_client.checksum import crc32
from awase_client.engine.files import (
    BLOCK_BYTES,
    CRC_SUFFIX,
    HEADER_BYTES,
    npy_header,
    sha256_of,
)
from awase_client.engine.tokensets import MANIFEST, Part, TokenSetManifest
from curation.base.digest import digest_of
from curation.base.errors import IntegrityError, NotFound, UsageError
from curation.base.store import (
    Store,
    disk_errors,
    fsync_dir,
    make_dirs,
    read_json,
    temporary,
    to_json,
    write_atomic,
)

__all__ = ["Part", "PartWriter", "TokenSetManifest", "TokenSetWriter", "load"]

OFFSET = np.dtype("<i8")


def load(store: Store, text_digest: str, tokenizer_digest: str) -> TokenSetManifest:
    """The manifest of a committed token set; NotFound where there is none."""
    try:
        return TokenSetManifest.load(store.root, text_digest, tokenizer_digest)
    except FileNotFoundError as error:
        raise NotFound(
            f"there is no token set of text {text_digest} under tokenizer {tokenizer_digest}: "
            "run `awase tokenize DATASET --tokenizer TOKENIZER`"
        ) from error


class TokenSetWriter:
    """Writes the set of (text digest, tokenizer digest); picklable, so that workers share it."""

    def __init__(
        self,
        store: Store,
        *,
        text_digest: str,
        tokenizer_digest: str,
        vocabulary: int,
        bos: int | None,
        eos: int | None,
        pad: int | None,
        loss_mask: bool = False,
    ) -> None:
        """`vocabulary` decides the dtype; UsageError where a special id is outside it."""
        for name, value in (("bos", bos), ("eos", eos), ("pad", pad)):
            if value is not None and not 0 <= value < vocabulary:
                raise UsageError(f"{name} {value} is not an id of a vocabulary of {vocabulary}")
        self.store = store
        self.plan = TokenSetManifest(
            text_digest=text_digest,
            tokenizer_digest=tokenizer_digest,
            vocabulary=vocabulary,
            bos=bos,
            eos=eos,
            pad=pad,
            parts=(),
            loss_mask=loss_mask,
        )
        self.target = store.token_set_dir(text_digest, tokenizer_digest)
        self.work = store.work_dir(digest_of({"kind": "tokens", "set": self.plan.to_document()}))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the set's lock: who makes the same set waits, and then finds it made."""
        lock = self.work.with_name(f"{self.work.name}.lock")
        with disk_errors(lock):
            make_dirs(lock.parent)
            file = lock.open("ab")
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def committed(self) -> TokenSetManifest | None:
        """The manifest if the set is there already."""
        if not (self.target / MANIFEST).exists():
            return None
        return load(self.store, self.plan.text_digest, self.plan.tokenizer_digest)

    def done(self, index: int) -> Part | None:
        """The record of a part that an earlier attempt finished, else None."""
        path = self.work / f"{part_name(index)}.json"
        if not path.exists():
            return None
        try:
            return Part(**read_json(path, what=f"part {index} of a token set"))
        except TypeError as error:
            raise IntegrityError(f"{path} is no record of a part: {error}") from error

    @contextmanager
    def part(self, index: int) -> Iterator[PartWriter]:
        """Write part `index` (that of shard `index`); it is done when the block ends well."""
        make_dirs(self.work)
        with disk_errors(self.work):
            writer = PartWriter(self.work, self.plan, part_name(index))
            try:
                yield writer
                record = writer.finish()
            finally:
                writer.discard()
            write_atomic(self.work / f"{record.name}.json", to_json(asdict(record)))

    def offsets(self, index: int) -> NDArray[np.int64]:
        """Of a part that is done but not committed: int64 [rows + 1]."""
        found: NDArray[np.int64] = np.load(self.work / f"{part_name(index)}.offsets.npy")
        return found

    def commit(self, *, parts: int) -> TokenSetManifest:
        """Make the set of parts 0..parts-1 visible; returns what is there if somebody was first.

        Raises NotFound where a part is not done.
        """
        if (there := self.committed()) is not None:
            shutil.rmtree(self.work, ignore_errors=True)
            return there
        make_dirs(self.work)
        records = []
        for index in range(parts):
            record = self.done(index)
            if record is None:
                raise NotFound(f"part {index} of the token set is not written: {self.work}")
            records.append(record)
        for left_over in (*self.work.glob("*.json"), *self.work.glob(".*.tmp-*")):
            left_over.unlink()
        manifest = replace(self.plan, parts=tuple(records))
        write_atomic(self.work / MANIFEST, to_json(manifest.to_document()))
        make_dirs(self.target.parent)
        try:
            self.work.rename(self.target)
        except OSError:
            if (there := self.committed()) is None:
                raise
            return there
        fsync_dir(self.target.parent)
        return manifest


class PartWriter:
    """One part: tokens are appended a batch of documents at a time, in row order."""

    def __init__(self, folder: Path, plan: TokenSetManifest, name: str) -> None:
        self._folder, self._plan, self._name = folder, plan, name
        self._dtype = np.dtype(plan.dtype).newbyteorder("<")
        self._tok = _Stream(folder / f"{name}.tok")
        self._mask = _Stream(folder / f"{name}.mask") if plan.loss_mask else None
        self._offsets = temporary(folder / f"{name}.offsets.npy")
        self._offsets_file = self._offsets.open("xb")
        self._offsets_file.write(bytes(HEADER_BYTES) + bytes(8))
        self._rows = self._tokens = self._bytes = self._characters = 0

    def append(
        self,
        tokens: NDArray[Any],
        offsets: NDArray[np.int64],
        *,
        bytes: int = 0,
        characters: int = 0,
        mask: NDArray[np.uint8] | None = None,
    ) -> None:
        """Append documents: row k is tokens[offsets[k]:offsets[k + 1]]; offsets start at 0.

        `mask` [len(tokens)] uint8, 1 where the token counts in the loss; needed exactly when the
        set has a loss mask. `bytes`, `characters`: of the documents' text. UsageError where the
        arrays contradict each other or a token is outside the vocabulary.
        """
        offsets = np.asarray(offsets, np.int64)
        if len(offsets) == 0 or offsets[0] != 0 or offsets[-1] != len(tokens):
            raise UsageError(f"offsets do not run from 0 to {len(tokens)} tokens")
        if len(offsets) > 1 and int(np.diff(offsets).min()) < 0:
            raise UsageError("offsets decrease")
        if len(tokens):
            low, high = int(tokens.min()), int(tokens.max())
            if low < 0 or high >= self._plan.vocabulary:
                raise UsageError(
                    f"{self._name}: token {low if low < 0 else high} is outside "
                    f"the vocabulary of {self._plan.vocabulary}"
                )
        if (mask is None) != (self._mask is None) or (
            mask is not None and (len(mask) != len(tokens) or np.any(mask > 1))
        ):
            raise UsageError(f"{self._name}: a loss mask is one 0 or 1 a token, for every part")
        self._tok.write(np.ascontiguousarray(tokens, self._dtype).view(np.uint8))
        if self._mask is not None and mask is not None:
            self._mask.write(np.ascontiguousarray(mask, np.uint8))
        self._offsets_file.write((offsets[1:] + self._tokens).astype(OFFSET).tobytes())
        self._rows += len(offsets) - 1
        self._tokens += len(tokens)
        self._bytes += bytes
        self._characters += characters

    def finish(self) -> Part:
        """Make the files durable under their names; returns the part's record."""
        self._offsets_file.seek(0)
        self._offsets_file.write(npy_header(OFFSET, self._rows + 1))
        _sync(self._offsets_file)
        offsets = self._folder / f"{self._name}.offsets.npy"
        self._offsets.rename(offsets)
        tok_sha256 = self._tok.finish()
        mask_sha256 = None if self._mask is None else self._mask.finish()
        fsync_dir(self._folder)
        return Part(
            name=self._name,
            rows=self._rows,
            tokens=self._tokens,
            bytes=self._bytes,
            characters=self._characters,
            tok_sha256=tok_sha256,
            offsets_sha256=sha256_of(offsets)[0],
            mask_sha256=mask_sha256,
        )

    def discard(self) -> None:
        """Remove what was not finished; nothing after `finish`."""
        self._offsets_file.close()
        self._offsets.unlink(missing_ok=True)
        self._tok.discard()
        if self._mask is not None:
            self._mask.discard()


class _Stream:
    """A file that grows by appends, with its SHA-256 and block checksums on the way."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.attempt = temporary(path)
        self.file = self.attempt.open("xb")
        self.sha256 = hashlib.sha256()
        self.crcs: list[int] = []
        self.crc, self.filled = 0, 0

    def write(self, data: NDArray[np.uint8]) -> None:
        view = data.data
        self.file.write(view)
        self.sha256.update(view)
        start = 0
        while start < len(view):
            piece = view[start : start + BLOCK_BYTES - self.filled]
            self.crc = crc32(piece, self.crc)
            self.filled += len(piece)
            start += len(piece)
            if self.filled == BLOCK_BYTES:
                self.crcs.append(self.crc)
                self.crc, self.filled = 0, 0

    def finish(self) -> str:
        if self.filled:
            self.crcs.append(self.crc)
        _sync(self.file)
        checksums = self.path.with_name(self.path.name + CRC_SUFFIX)
        write_atomic(checksums, np.asarray(self.crcs, "<u4").tobytes())
        self.attempt.rename(self.path)
        return "sha256:" + self.sha256.hexdigest()

    def discard(self) -> None:
        self.file.close()
        self.attempt.unlink(missing_ok=True)


def part_name(index: int) -> str:
    return f"part-{index:05d}"


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
    file.close()
