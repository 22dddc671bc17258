"""Views: which documents of a token set, packed how; memory-mapped, the same for every packing.

    views/<digest>/
        view.json                   sealed (documents.py); sizes and SHA-256 of what follows
        train.ptr.npy               int64 [sequences + 1]
        train.segments.npy          SEGMENT [segments]
        holdout.ptr.npy, holdout.segments.npy       the same for split=holdout
        *.npy.crc                   CRC-32 of each 64 KiB block (files.py)

Sequence s is the segments ptr[s] .. ptr[s + 1] - 1, joined, then padded to the width. A segment is
`length` ids of a document's *virtual* ids, from index `start` on. The virtual ids of a document are
`[bos] + tokens + [eos]`, each separator only if the view has it. `at` and `tokens` repeat what
follows from that and the offsets: the segment's stored tokens are the `tokens` tokens from token
address `at` on (an index into all parts joined); what is missing to `length` is a bos in front (if
the view has one and start is 0) and an eos behind. docs/tokens.md holds a reader in plain Python.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from awase_client.engine.documents import read_sealed, seal
from awase_client.engine.files import HEADER_BYTES, CheckedFile, npy_bytes
from awase_client.engine.tokensets import TokenSetManifest
from awase_client.errors import CorruptStore

KIND = "view"
MANIFEST = "view.json"
SEGMENT = np.dtype(
    [("row", "<i8"), ("start", "<i8"), ("at", "<i8"), ("length", "<i4"), ("tokens", "<i4")]
)
POINTER = np.dtype("<i8")

Split = Literal["train", "holdout"]
SPLITS: tuple[Split, Split] = ("train", "holdout")


@dataclass(frozen=True, slots=True)
class ViewSplit:
    """Counts and digests of one split.

    documents           with at least one token
    empty_documents     selected, without tokens: they take no part, not even as separators
    stored_tokens       tokens of the documents
    separator_tokens    bos and eos added to them
    tail_tokens         ids after the last whole sequence, in no sequence (concat)
    repeated_tokens     ids that stand in two sequences (labels: overlap)
    padding_tokens      slots of sequences without an id
    So sequences * width = stored + separator - tail + repeated + padding.
    """

    sequences: int
    segments: int
    documents: int
    empty_documents: int
    stored_tokens: int
    separator_tokens: int
    tail_tokens: int
    repeated_tokens: int
    padding_tokens: int
    ptr_sha256: str
    segments_sha256: str


@dataclass(frozen=True, slots=True)
class ViewManifest:
    """What a view is. `key` holds everything that decides it; `digest` is that of `key`."""

    digest: str
    key: dict[str, Any]
    token_set: TokenSetManifest
    train: ViewSplit
    holdout: ViewSplit

    @property
    def sequence_length(self) -> int:
        return int(self.key["sequence_length"])

    @property
    def width(self) -> int:
        """Ids a sequence carries: its length, and one more with `labels: overlap`."""
        return self.sequence_length + int(self.key["labels"] == "overlap")

    @property
    def bos(self) -> int | None:
        """The id in front of each document, None without one."""
        return self.token_set.bos if self.key["separators"]["bos"] else None

    @property
    def eos(self) -> int | None:
        """The id behind each document, None without one."""
        return self.token_set.eos if self.key["separators"]["eos"] else None

    def split(self, name: Split) -> ViewSplit:
        return self.train if name == "train" else self.holdout

    def to_document(self) -> dict[str, Any]:
        """The sealed JSON document."""
        fields = ViewSplit.__dataclass_fields__
        return seal(
            {
                "version": 1,
                "kind": KIND,
                "digest": self.digest,
                "key": self.key,
                "token_set": self.token_set.to_document(),
                **{
                    name: {field: getattr(self.split(name), field) for field in fields}
                    for name in SPLITS
                },
            }
        )

    @classmethod
    def load(cls, root: Path, digest: str) -> ViewManifest:
        """Read from the store at `root`; FileNotFoundError without it, CorruptStore if damaged."""
        what = f"view {digest}"
        path = Path(root) / "views" / digest.removeprefix("sha256:") / MANIFEST
        document = read_sealed(path, what=what, kind=KIND)
        try:
            manifest = cls(
                digest=document["digest"],
                key=document["key"],
                token_set=TokenSetManifest.from_document(document["token_set"], what=what),
                train=ViewSplit(**document["train"]),
                holdout=ViewSplit(**document["holdout"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptStore(f"{what}: {path} is damaged: {error}") from error
        if manifest.digest != digest or digest_of_key(manifest.key) != digest:
            raise CorruptStore(
                f"{what}: {path} is that of {manifest.digest}, "
                f"whose key says {digest_of_key(manifest.key)}"
            )
        return manifest


def digest_of_key(key: dict[str, Any]) -> str:
    """The digest that names a view: SHA-256 of the canonical JSON of its key."""
    text = json.dumps(key, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


class ViewReader:
    """Segments of one split of a view; every block is verified before its first use."""

    def __init__(self, root: Path, manifest: ViewManifest, split: Split = "train") -> None:
        self.manifest, self.split = manifest, split
        self.counts = manifest.split(split)
        self.ptr_file, self.segments_file = (
            CheckedFile(*item) for item in split_files(Path(root), manifest, split)
        )
        self._ptr = self.ptr_file.array(POINTER, HEADER_BYTES)
        self._segments = self.segments_file.array(SEGMENT, HEADER_BYTES)

    def segments(self, sequence: int) -> NDArray[Any]:
        """SEGMENT [n]: the segments of one sequence; IndexError outside."""
        if not 0 <= sequence < self.counts.sequences:
            raise IndexError(f"sequence {sequence} is not in 0..{self.counts.sequences - 1}")
        start = HEADER_BYTES + 8 * sequence
        self.ptr_file.check_range(start, start + 16)
        first, end = (int(value) for value in self._ptr[sequence : sequence + 2])
        self._check_segments(first, end)
        return self._segments[first:end]

    def sequences_of(self, row: int) -> list[int]:
        """Ascending: the sequences that hold ids of the document in `row`. Reads all segments."""
        found: list[int] = []
        step = 1 << 20
        size = self.counts.segments
        self.ptr_file.check_range(0, self.ptr_file.map.size_bytes)
        for first in range(0, size, step):
            end = min(first + step, size)
            self._check_segments(first, end)
            hits = np.flatnonzero(self._segments["row"][first:end] == row) + first
            found += (np.searchsorted(self._ptr, hits, "right") - 1).tolist()
        return sorted(set(found))

    def _check_segments(self, first: int, end: int) -> None:
        item = SEGMENT.itemsize
        if not 0 <= first <= end <= self.counts.segments:
            raise CorruptStore(f"{self.ptr_file.map.path}: points to segments {first}..{end}")
        self.segments_file.check_range(HEADER_BYTES + item * first, HEADER_BYTES + item * end)


def split_files(
    root: Path, manifest: ViewManifest, split: Split
) -> tuple[tuple[str, int, str], tuple[str, int, str]]:
    """(path, bytes, sha256) of the pointers and of the segments of a split."""
    folder = f"{root}/views/{manifest.digest.removeprefix('sha256:')}"
    counts = manifest.split(split)
    return (
        (
            f"{folder}/{split}.ptr.npy",
            npy_bytes(POINTER, counts.sequences + 1),
            counts.ptr_sha256,
        ),
        (
            f"{folder}/{split}.segments.npy",
            npy_bytes(SEGMENT, counts.segments),
            counts.segments_sha256,
        ),
    )
