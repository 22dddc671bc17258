"""Tokenizers behind one face: SentencePiece, and Hugging Face `tokenizers` with the extra [hf].

The only module that imports sentencepiece and tokenizers. A tokenizer lives in the store under its
digest, so a token set names exactly what made it. Encoding never adds separators: they belong to
the view, which knows whether a mixture wants them.

    tokenizers/<digest>/tokenizer.model | tokenizer.json    the library's own file
    tokenizers/<digest>/manifest.json                       kind, ids, training; the commit
"""

from __future__ import annotations

import json
import struct
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curation.base.digest import digest_bytes, digest_of
from curation.base.errors import IntegrityError, NotFound, UsageError
from curation.base.store import Store, put_if_absent, read_json, to_json, write_atomic

SENTENCEPIECE_FILE = "tokenizer.model"
HUB_FILE = "tokenizer.json"


@dataclass(frozen=True, slots=True)
class SpecialIds:
    """Ids of the separators and of padding; None where the tokenizer has no such piece."""

    bos: int | None
    eos: int | None
    pad: int | None


class Tokenizer(ABC):
    """Text to ids and back; `digest` covers everything that decides the ids."""

    kind: str
    file_name: str
    digest: str  # sha256:<hex>
    vocabulary: int  # number of ids
    special: SpecialIds
    data: bytes  # the library's own file
    pieces: dict[str, str]  # separators named by the user, by role; empty for SentencePiece

    @abstractmethod
    def encode_batch(
        self, texts: Sequence[str], *, threads: int = 1
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Ids of all texts, joined: (ids [total] int32, offsets [len(texts) + 1] int64)."""

    @abstractmethod
    def decode(self, ids: Sequence[int] | NDArray[Any]) -> str:
        """Text of `ids`; special pieces decode to nothing."""

    @property
    def dtype(self) -> str:
        """uint16 up to 65,536 ids, else uint32."""
        return "uint16" if self.vocabulary <= 65_536 else "uint32"

    def document(self, training: dict[str, Any] | None = None) -> dict[str, Any]:
        """What manifest.json and the catalog keep."""
        return {
            "version": 1,
            "kind": self.kind,
            "digest": self.digest,
            "vocabulary": self.vocabulary,
            "bos": self.special.bos,
            "eos": self.special.eos,
            "pad": self.special.pad,
            "file": self.file_name,
            "file_sha256": digest_bytes(self.data),
            "pieces": self.pieces,
            "training": training,
        }

    def save(self, store: Store, *, training: dict[str, Any] | None = None) -> dict[str, Any]:
        """Put the tokenizer into the store; the manifest is the commit. Returns its document."""
        folder = store.tokenizer_dir(self.digest)
        if not (folder / "manifest.json").exists():
            write_atomic(folder / self.file_name, self.data)
            put_if_absent(folder / "manifest.json", to_json(self.document(training)))
        document: dict[str, Any] = read_json(folder / "manifest.json", what="tokenizer")
        return document


class SentencePieceTokenizer(Tokenizer):
    """A SentencePiece model; its digest covers pieces, scores, normaliser and options, no paths."""

    kind = "sentencepiece"
    file_name = SENTENCEPIECE_FILE

    def __init__(self, data: bytes) -> None:
        from sentencepiece import SentencePieceProcessor

        self.data = data
        self.pieces = {}
        self.digest = _sentencepiece_digest(data)
        self._processor = SentencePieceProcessor(model_proto=data)
        self.vocabulary = len(self._processor)
        self.special = SpecialIds(
            *(
                value if value >= 0 else None
                for value in (
                    self._processor.bos_id(),
                    self._processor.eos_id(),
                    self._processor.pad_id(),
                )
            )
        )

    def encode_batch(
        self, texts: Sequence[str], *, threads: int = 1
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        parts = self._processor.encode(list(texts), return_type="numpy", num_threads=threads)
        return _join(parts)

    def decode(self, ids: Sequence[int] | NDArray[Any]) -> str:
        text: str = self._processor.decode([int(token) for token in ids])
        return text


class HubTokenizer(Tokenizer):
    """A Hugging Face tokenizer.json; its digest covers the file and the library's version.

    bos and eos are what the file's own post-processor puts around a text, so a view with those
    separators equals `encode(text, add_special_tokens=True)`; where it adds none they come from
    `pieces`, named by the user: {"bos": "<s>", "eos": "</s>", "pad": "<pad>"}, any of them.
    """

    kind = "tokenizers"
    file_name = HUB_FILE

    def __init__(self, data: bytes, *, pieces: dict[str, str] | None = None) -> None:
        try:
            import tokenizers
        except ImportError as error:
            raise UsageError(
                "Hugging Face tokenizers need the extra [hf]: uv pip install 'tokenizers>=0.21'"
            ) from error
        self.data = data
        self.pieces = dict(pieces or {})
        try:
            self._tokenizer = tokenizers.Tokenizer.from_str(data.decode())
        except Exception as error:  # the library raises no other class
            raise UsageError(f"this is not a tokenizer.json ({error})") from error
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self.vocabulary = int(self._tokenizer.get_vocab_size(with_added_tokens=True))
        bos, eos = self._wrapping()
        named = {role: self._id_of(piece) for role, piece in self.pieces.items()}
        self.special = SpecialIds(named.get("bos", bos), named.get("eos", eos), named.get("pad"))
        self.digest = digest_of(
            {
                "kind": self.kind,
                "file": digest_bytes(data),
                "library": tokenizers.__version__,
                "bos": self.special.bos,
                "eos": self.special.eos,
                "pad": self.special.pad,
            }
        )

    def _wrapping(self) -> tuple[int | None, int | None]:
        """The ids that the post-processor puts before and after a text; one each at most."""
        bare = self._tokenizer.encode("a", add_special_tokens=False).ids
        whole = self._tokenizer.encode("a", add_special_tokens=True).ids
        start = next(
            (at for at in range(len(whole)) if whole[at : at + len(bare)] == bare), len(whole)
        )
        before, after = whole[:start], whole[start + len(bare) :]
        if len(before) > 1 or len(after) > 1:
            raise UsageError(
                f"this tokenizer.json wraps a text in {len(before)} and {len(after)} pieces; "
                "awase supports one separator on either side"
            )
        return (before[0] if before else None), (after[0] if after else None)

    def _id_of(self, piece: str) -> int:
        identifier = self._tokenizer.token_to_id(piece)
        if identifier is None:
            raise UsageError(f"the tokenizer has no piece {piece!r}")
        return int(identifier)

    def encode_batch(
        self, texts: Sequence[str], *, threads: int = 1
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return _join([np.asarray(encoding.ids, dtype=np.int32) for encoding in encodings])

    def decode(self, ids: Sequence[int] | NDArray[Any]) -> str:
        return str(self._tokenizer.decode([int(token) for token in ids], skip_special_tokens=True))


def _join(parts: Sequence[NDArray[Any]]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    offsets = np.zeros(len(parts) + 1, dtype=np.int64)
    np.cumsum([len(part) for part in parts], out=offsets[1:])
    flat = np.concatenate(parts) if parts else np.empty(0, dtype=np.int32)
    return flat.astype(np.int32, copy=False), offsets


def _sentencepiece_digest(data: bytes) -> str:
    """Digest of what decides ids and text: pieces, scores, types, normaliser, options."""
    from google.protobuf.message import DecodeError
    from sentencepiece import sentencepiece_model_pb2 as proto

    model = proto.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise UsageError(
            "this is not a SentencePiece model (its protobuf does not parse)"
        ) from error
    if not model.pieces:
        raise UsageError("this SentencePiece model has no pieces")
    normalizer, trainer = model.normalizer_spec, model.trainer_spec
    document = {
        "kind": "sentencepiece",
        "pieces": [
            [piece.piece, struct.pack("<f", piece.score).hex(), int(piece.type)]
            for piece in model.pieces
        ],
        "normalizer": {
            "charsmap": digest_bytes(normalizer.precompiled_charsmap),
            "add_dummy_prefix": normalizer.add_dummy_prefix,
            "remove_extra_whitespaces": normalizer.remove_extra_whitespaces,
            "escape_whitespaces": normalizer.escape_whitespaces,
        },
        "options": {
            "model_type": int(trainer.model_type),
            "byte_fallback": trainer.byte_fallback,
            "treat_whitespace_as_suffix": trainer.treat_whitespace_as_suffix,
            "unk_surface": trainer.unk_surface,
        },
    }
    return digest_of(document)


def read_tokenizer(path: Path, *, pieces: dict[str, str] | None = None) -> Tokenizer:
    """A tokenizer from a file of either library, told apart by its first byte."""
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {path}") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error
    if data.lstrip().startswith(b"{"):
        try:
            json.loads(data)
        except ValueError as error:
            raise UsageError(f"{path}: not a tokenizer.json ({error})") from error
    elif pieces:
        raise UsageError(f"{path}: a SentencePiece model names its own separators")
    try:
        if data.lstrip().startswith(b"{"):
            return HubTokenizer(data, pieces=pieces)
        return SentencePieceTokenizer(data)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def open_tokenizer(store: Store, digest: str) -> Tokenizer:
    """The tokenizer of that digest; NotFound, or IntegrityError where its bytes are others now."""
    folder = store.tokenizer_dir(digest)
    document = read_json(folder / "manifest.json", what=f"tokenizer {digest}")
    try:
        data = (folder / document["file"]).read_bytes()
    except FileNotFoundError as error:
        raise IntegrityError(
            f"tokenizer {digest}: {folder / document['file']} is missing: restore the file, or "
            "delete the folder and add the tokenizer again"
        ) from error
    if digest_bytes(data) != document["file_sha256"]:
        raise IntegrityError(
            f"tokenizer {digest}: {folder / document['file']} has digest {digest_bytes(data)}, "
            f"its manifest says {document['file_sha256']}: restore the file or add it again"
        )
    return tokenizer_of(digest, document, data)


def tokenizer_of(digest: str, document: dict[str, Any], data: bytes) -> Tokenizer:
    """The tokenizer of a manifest and a file; IntegrityError where they make another one."""
    if document["kind"] == SentencePieceTokenizer.kind:
        model = SentencePieceTokenizer(data)
        if model.digest != digest:
            raise IntegrityError(f"tokenizer {digest}: its file makes it {model.digest}")
        return model
    tokenizer = HubTokenizer(data, pieces=document["pieces"])
    if tokenizer.digest != digest:
        raise IntegrityError(
            f"tokenizer {digest}: the installed tokenizers library makes it {tokenizer.digest}: "
            "install the version it was added with, or add it again"
        )
    return tokenizer
