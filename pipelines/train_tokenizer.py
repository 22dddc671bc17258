"""Train a SentencePiece tokenizer on lines of dataset versions.

SentencePiece drops lines over 4,192 bytes without a word, so documents are cut into lines first
and longer lines at character borders. Its pieces depend on the number of threads, so that is fixed
and recorded; text comes in the versions' own order, evenly spaced, so the same versions give the
same model.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from curation.base.errors import AwaseError, Failed, UsageError
from curation.base.store import Store
from curation.shards.files import VersionFile
from curation.shards.manifest import DatasetManifest
from pipelines.tokenizers import SentencePieceTokenizer

BATCH_ROWS = 4096
MAX_LINE_BYTES = 4192  # sentencepiece's max_sentence_length; longer lines are skipped silently
THREADS = 2  # part of the recipe, not of the machine: pieces differ with it


@dataclass(frozen=True, slots=True)
class Training:
    """Options that decide the model. Sources: llm-jp-tokenizer v2 (identity, byte fallback, digits
    split, whitespace kept, newline its own piece, pieces of at most 16 characters)."""

    vocabulary: int = 8000
    exact: bool = True  # False: fewer pieces where the text is too small for that many
    max_bytes: int = 8_000_000
    character_coverage: float = 0.9995
    max_piece_characters: int = 16
    split_digits: bool = True
    byte_fallback: bool = True

    def document(self) -> dict[str, Any]:
        return {"model_type": "unigram", "normalization": "identity", "threads": THREADS} | {
            key: value if not isinstance(value, float) else str(value)
            for key, value in asdict(self).items()
        }


def split_lines(text: str, *, max_bytes: int = MAX_LINE_BYTES) -> Iterator[str]:
    """Non-empty lines of `text`, each at most `max_bytes` of UTF-8, cut at character borders."""
    for line in text.split("\n"):
        if not line:
            continue
        data = line.encode()
        start = 0
        while len(data) - start > max_bytes:
            end = start + max_bytes
            while data[end] & 0xC0 == 0x80:  # inside a character
                end -= 1
            yield data[start:end].decode()
            start = end
        yield data[start:].decode()


def spread(texts: Iterable[str], *, total_bytes: int, max_bytes: int) -> Iterator[str]:
    """Every k-th text so that about `max_bytes` of `total_bytes` remain, cut off exactly there."""
    step = max(1, math.ceil(total_bytes / max_bytes)) if max_bytes else 1
    left = max_bytes
    for number, text in enumerate(texts):
        if number % step:
            continue
        for line in split_lines(text):
            left -= len(line.encode())
            if left < 0:
                return
            yield line


def train(
    corpora: Sequence[tuple[Iterable[str], int]], options: Training
) -> SentencePieceTokenizer:
    """A unigram model of (texts, their bytes) pairs, each given an equal share of `max_bytes`.

    Raises UsageError where the text is too small for the vocabulary asked for, and what reading the
    texts raises.
    """
    from sentencepiece import SentencePieceTrainer

    if not corpora:
        raise UsageError("a tokenizer needs at least one dataset to train on")
    share = options.max_bytes // len(corpora)
    failed: list[AwaseError] = []  # SentencePiece tells an error of its input as one of its own

    def lines() -> Iterator[str]:
        try:
            for texts, total_bytes in corpora:
                yield from spread(texts, total_bytes=total_bytes, max_bytes=share)
        except AwaseError as error:
            failed.append(error)
            raise

    model = io.BytesIO()
    try:
        SentencePieceTrainer.train(
            sentence_iterator=lines(),
            model_writer=model,
            model_type="unigram",
            vocab_size=options.vocabulary,
            normalization_rule_name="identity",
            byte_fallback=options.byte_fallback,
            split_digits=options.split_digits,
            character_coverage=options.character_coverage,
            max_sentencepiece_length=options.max_piece_characters,
            max_sentence_length=MAX_LINE_BYTES,
            user_defined_symbols=["\n"],
            allow_whitespace_only_pieces=True,
            remove_extra_whitespaces=False,
            add_dummy_prefix=False,
            shuffle_input_sentence=False,
            unk_id=0,
            bos_id=1,
            eos_id=2,
            pad_id=3,
            hard_vocab_limit=options.exact,
            num_threads=THREADS,
            minloglevel=2,
        )
    except (AwaseError, RuntimeError, OSError) as error:
        if failed:
            raise failed[0] from error
        # without the place in its source: INTERNAL: src/trainer_interface.cc(744) [(...) == (...)]
        last = (str(error).strip().splitlines() or ["no reason given"])[-1]
        message = re.sub(r"^[A-Z]+: \S+\.cc\(\d+\) \[.*?\)\] ", "", last).rstrip(".")
        if "ocabulary size" in message or "sentences" in message:
            raise UsageError(
                f"SentencePiece cannot make {options.vocabulary:,} pieces of this text "
                f"({message}): change --vocabulary, or give more text"
            ) from error
        raise Failed(f"SentencePiece could not train: {message}") from error
    return SentencePieceTokenizer(model.getvalue())


def train_on_versions(
    store: Store, versions: Sequence[DatasetManifest], options: Training
) -> dict[str, Any]:
    """Train on dataset versions, save the model in the store, return its document."""
    corpora = [(version_texts(store, version), version.bytes) for version in versions]
    tokenizer = train(corpora, options)
    training = options.document() | {"datasets": [version.reference for version in versions]}
    return tokenizer.save(store, training=training)


def version_texts(store: Store, version: DatasetManifest) -> Iterator[str]:
    """The texts of a version, in row order."""
    for shard in version.shards:
        with VersionFile(store, version, shard) as file:
            for batch in file.iter_batches(BATCH_ROWS, columns=["text"]):
                yield from batch.column("text").to_pylist()
