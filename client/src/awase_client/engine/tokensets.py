"""Token sets: the tokens of one dataset version under one tokenizer, mapped into memory.

    tokens/<text digest>-<tokenizer digest>/
        manifest.json               sealed (documents.py); what follows is named there
        part-00000.tok              raw little-endian uint16 or uint32, no separators
        part-00000.tok.crc          CRC-32 of each 64 KiB block (files.py)
        part-00000.offsets.npy      int64 [rows + 1], starts at 0 in each part
        part-00000.mask, .mask.crc  only with a loss mask: one byte a token, 1 = counts in the loss

Row k of the parts joined is row k of the version, empty documents included. A *token address* is an
index into the tokens of all parts joined.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awase_client.engine.documents import read_sealed, seal
from awase_client.engine.files import CheckedFile, npy_bytes, sha256_of
from awase_client.errors import CorruptStore

KIND = "tokens"
MANIFEST = "manifest.json"


def folder_name(text_digest: str, tokenizer_digest: str) -> str:
    """Name of a token set's folder under tokens/."""
    return f"{_hex(text_digest)}-{_hex(tokenizer_digest)}"


def _hex(digest: str) -> str:
    prefix, _, value = digest.partition(":")
    if prefix != "sha256" or len(value) != 64 or set(value) - set("0123456789abcdef"):
        raise ValueError(f"{digest!r} is not sha256:<64 hex digits>")
    return value


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a token set: that of one shard. `bytes`, `characters`: of the text."""

    name: str
    rows: int
    tokens: int
    bytes: int
    characters: int
    tok_sha256: str
    offsets_sha256: str
    mask_sha256: str | None = None

    @property
    def tok(self) -> str:
        return self.name + ".tok"

    @property
    def offsets(self) -> str:
        return self.name + ".offsets.npy"

    @property
    def mask(self) -> str:
        return self.name + ".mask"


@dataclass(frozen=True, slots=True)
class TokenSetManifest:
    """What a token set is. `dtype` is "uint16" up to 65,536 pieces, else "uint32"."""

    text_digest: str
    tokenizer_digest: str
    vocabulary: int
    bos: int | None
    eos: int | None
    pad: int | None
    parts: tuple[Part, ...]
    loss_mask: bool = False

    @property
    def dtype(self) -> str:
        return "uint16" if self.vocabulary <= 65_536 else "uint32"

    @property
    def documents(self) -> int:
        return sum(part.rows for part in self.parts)

    @property
    def tokens(self) -> int:
        return sum(part.tokens for part in self.parts)

    @property
    def bytes(self) -> int:
        """UTF-8 bytes of the text."""
        return sum(part.bytes for part in self.parts)

    @property
    def characters(self) -> int:
        return sum(part.characters for part in self.parts)

    @property
    def folder(self) -> str:
        """Name of its folder under tokens/."""
        return folder_name(self.text_digest, self.tokenizer_digest)

    def to_document(self) -> dict[str, Any]:
        """The sealed JSON document."""
        return seal(
            {
                "version": 1,
                "kind": KIND,
                "text_digest": self.text_digest,
                "tokenizer_digest": self.tokenizer_digest,
                "dtype": self.dtype,
                "vocabulary": self.vocabulary,
                "bos": self.bos,
                "eos": self.eos,
                "pad": self.pad,
                "loss_mask": self.loss_mask,
                "documents": self.documents,
                "tokens": self.tokens,
                "bytes": self.bytes,
                "characters": self.characters,
                "parts": [asdict(part) for part in self.parts],
            }
        )

    @classmethod
    def from_document(cls, document: dict[str, Any], *, what: str) -> TokenSetManifest:
        """Read a manifest; CorruptStore where a field is missing or contradicts another."""
        try:
            manifest = cls(
                text_digest=document["text_digest"],
                tokenizer_digest=document["tokenizer_digest"],
                vocabulary=document["vocabulary"],
                bos=document["bos"],
                eos=document["eos"],
                pad=document["pad"],
                parts=tuple(Part(**part) for part in document["parts"]),
                loss_mask=document["loss_mask"],
            )
            folder_name(manifest.text_digest, manifest.tokenizer_digest)
            stated = {key: document[key] for key in ("dtype", "documents", "tokens")}
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptStore(f"{what}: its manifest is damaged: {error}") from error
        for key, value in stated.items():
            if getattr(manifest, key) != value:
                raise CorruptStore(
                    f"{what}: its manifest says {key} {value!r}, "
                    f"its parts say {getattr(manifest, key)!r}"
                )
        return manifest

    @classmethod
    def load(cls, root: Path, text_digest: str, tokenizer_digest: str) -> TokenSetManifest:
        """Read from the store at `root`; FileNotFoundError where there is no such token set."""
        path = root / "tokens" / folder_name(text_digest, tokenizer_digest) / MANIFEST
        what = f"token set {text_digest[:19]} under tokenizer {tokenizer_digest[:19]}"
        manifest = cls.from_document(read_sealed(path, what=what, kind=KIND), what=what)
        if (manifest.text_digest, manifest.tokenizer_digest) != (text_digest, tokenizer_digest):
            raise CorruptStore(f"{what}: {path} is the manifest of {manifest.folder}")
        return manifest


class TokenSetReader:
    """Documents of a token set by row; every block is verified before its first use."""

    def __init__(self, root: Path, manifest: TokenSetManifest) -> None:
        self.manifest = manifest
        self.folder = Path(root) / "tokens" / manifest.folder
        self._rows = np.cumsum([0, *(part.rows for part in manifest.parts)], dtype=np.int64)
        self._tok: dict[int, CheckedFile] = {}
        self._mask: dict[int, CheckedFile] = {}
        self._offsets: dict[int, NDArray[np.int64]] = {}

    def part_of(self, row: int) -> tuple[int, int]:
        """(part, row inside it) of a row of the version; IndexError outside."""
        if not 0 <= row < self._rows[-1]:
            raise IndexError(f"row {row} is not in 0..{int(self._rows[-1]) - 1}")
        part = int(np.searchsorted(self._rows, row, "right")) - 1
        return part, row - int(self._rows[part])

    def offsets(self, part: int) -> NDArray[np.int64]:
        """[rows + 1] int64 of one part, mapped; its SHA-256 is compared on first use."""
        if part not in self._offsets:
            item = self.manifest.parts[part]
            path = self.folder / item.offsets
            _verify(path, item.offsets_sha256, npy_bytes(np.dtype("<i8"), item.rows + 1))
            offsets = np.load(path, mmap_mode="r")
            if offsets[0] != 0 or offsets[-1] != item.tokens:
                raise CorruptStore(
                    f"{path} ends at token {int(offsets[-1])}, its manifest says {item.tokens}"
                )
            self._offsets[part] = offsets
        return self._offsets[part]

    def tokens(self, row: int) -> NDArray[Any]:
        """Tokens of the document in `row`, without separators; a read-only view of the file."""
        part, inside = self.part_of(row)
        start, end = (int(value) for value in self.offsets(part)[inside : inside + 2])
        return self._part(part, start, end)

    def part_tokens(self, part: int) -> NDArray[Any]:
        """All tokens of one part, a read-only view of the file."""
        return self._part(part, 0, self.manifest.parts[part].tokens)

    def _part(self, part: int, start: int, end: int) -> NDArray[Any]:
        dtype = np.dtype(self.manifest.dtype).newbyteorder("<")
        if part not in self._tok:
            item = self.manifest.parts[part]
            size = item.tokens * dtype.itemsize
            self._tok[part] = CheckedFile(self.folder / item.tok, size, item.tok_sha256)
        self._tok[part].check_range(start * dtype.itemsize, end * dtype.itemsize)
        return self._tok[part].array(dtype)[start:end]

    def mask(self, row: int) -> NDArray[np.uint8]:
        """Loss mask of the document in `row`; ones where the token set has no mask."""
        part, inside = self.part_of(row)
        start, end = (int(value) for value in self.offsets(part)[inside : inside + 2])
        item = self.manifest.parts[part]
        if item.mask_sha256 is None:
            return np.ones(end - start, np.uint8)
        if part not in self._mask:
            self._mask[part] = CheckedFile(self.folder / item.mask, item.tokens, item.mask_sha256)
        self._mask[part].check_range(start, end)
        return self._mask[part].array("u1")[start:end]

    def verify(self) -> int:
        """Compare every file with its SHA-256; returns bytes read, raises CorruptStore."""
        itemsize = np.dtype(self.manifest.dtype).itemsize
        read = 0
        for part in self.manifest.parts:
            size = npy_bytes(np.dtype("<i8"), part.rows + 1)
            read += _verify(self.folder / part.offsets, part.offsets_sha256, size)
            files = [(part.tok, part.tok_sha256, part.tokens * itemsize)]
            if part.mask_sha256 is not None:
                files.append((part.mask, part.mask_sha256, part.tokens))
            for name, digest, size in files:
                checked = CheckedFile(self.folder / name, size, digest)
                checked.check_range(0, size)
                read += _verify(self.folder / name, digest, size)
        return read


def _verify(path: Path, expected: str, size_bytes: int) -> int:
    """Bytes of `path`, whose size and SHA-256 are as expected; CorruptStore otherwise."""
    try:
        found, size = sha256_of(path)
    except FileNotFoundError as error:
        raise CorruptStore(f"{path} is missing; its manifest says {size_bytes} bytes") from error
    if size != size_bytes:
        raise CorruptStore(f"{path} has {size} bytes, its manifest says {size_bytes}")
    if found != expected:
        raise CorruptStore(f"{path}: expected {expected}, found {found}")
    return size
