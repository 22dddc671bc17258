"""Token sets: what is written is read back, attempts resume, damage is named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from awase_client.engine.tokensets import TokenSetReader
from awase_client.errors import CorruptStore
from curation.base.errors import NotFound, UsageError
from curation.base.store import Store
from curation.shards.tokens import TokenSetManifest, TokenSetWriter, load

TEXT = "sha256:" + "1" * 64
TOKENIZER = "sha256:" + "2" * 64


def writer_of(store: Store, *, vocabulary: int = 1000, loss_mask: bool = False) -> TokenSetWriter:
    return TokenSetWriter(
        store,
        text_digest=TEXT,
        tokenizer_digest=TOKENIZER,
        vocabulary=vocabulary,
        bos=1,
        eos=2,
        pad=None,
        loss_mask=loss_mask,
    )


def write(
    store: Store, parts: list[list[list[int]]], *, vocabulary: int = 1000
) -> TokenSetManifest:
    writer = writer_of(store, vocabulary=vocabulary)
    for index, documents in enumerate(parts):
        with writer.part(index) as part:
            for document in documents:
                tokens = np.asarray(document, np.int32)
                part.append(tokens, np.asarray([0, len(tokens)]), bytes=4, characters=2)
    return writer.commit(parts=len(parts))


PARTS = [[[5, 6, 7], [], [8]], [[], [9, 10]]]


@pytest.mark.parametrize(("vocabulary", "dtype"), [(65_536, "uint16"), (65_537, "uint32")])
def test_rows_are_read_back_with_the_smallest_dtype(
    tmp_path: Path, vocabulary: int, dtype: str
) -> None:
    store = Store(tmp_path)
    manifest = write(store, PARTS, vocabulary=vocabulary)
    assert (manifest.dtype, manifest.documents, manifest.tokens) == (dtype, 5, 6)
    assert (manifest.bytes, manifest.characters) == (20, 10)
    assert load(store, TEXT, TOKENIZER) == manifest
    reader = TokenSetReader(store.root, manifest)
    assert [reader.tokens(row).tolist() for row in range(5)] == [*PARTS[0], *PARTS[1]]
    assert reader.tokens(0).dtype == dtype
    raw = (store.token_set_dir(TEXT, TOKENIZER) / "part-00000.tok").read_bytes()
    assert raw == np.asarray([5, 6, 7, 8], "<u2" if dtype == "uint16" else "<u4").tobytes()
    offsets = np.load(store.token_set_dir(TEXT, TOKENIZER) / "part-00001.offsets.npy")
    assert offsets.tolist() == [0, 0, 2]
    assert reader.verify() > 0


def test_rows_outside_are_refused(tmp_path: Path) -> None:
    reader = TokenSetReader(tmp_path, write(Store(tmp_path), PARTS))
    with pytest.raises(IndexError, match=r"row 5 is not in 0\.\.4"):
        reader.tokens(5)


def test_a_loss_mask_is_kept_beside_the_tokens(tmp_path: Path) -> None:
    writer = writer_of(Store(tmp_path), loss_mask=True)
    with writer.part(0) as part:
        part.append(np.asarray([4, 5, 6]), np.asarray([0, 2, 3]), mask=np.asarray([0, 1, 1], "u1"))
    reader = TokenSetReader(tmp_path, writer.commit(parts=1))
    assert [reader.mask(row).tolist() for row in (0, 1)] == [[0, 1], [1]]


def test_a_part_that_failed_leaves_nothing_and_a_done_one_stays(tmp_path: Path) -> None:
    store = Store(tmp_path)
    writer = writer_of(store)
    with writer.part(0) as part:
        part.append(np.asarray([5]), np.asarray([0, 1]))
    with pytest.raises(UsageError), writer.part(1) as part:
        part.append(np.asarray([5]), np.asarray([0, 2]))
    again = writer_of(store)
    assert again.done(0) is not None
    assert again.done(1) is None
    with pytest.raises(NotFound, match="part 1"):
        again.commit(parts=2)
    with again.part(1) as part:
        part.append(np.asarray([7]), np.asarray([0, 1]))
    assert again.commit(parts=2).tokens == 2
    names = sorted(path.name for path in store.token_set_dir(TEXT, TOKENIZER).iterdir())
    assert not [name for name in names if name.startswith(".")]
    assert writer_of(store).commit(parts=2).tokens == 2
    assert not writer.work.exists()


@pytest.mark.parametrize(
    ("tokens", "offsets", "message"),
    [
        ([5, 1000], [0, 2], "token 1000 is outside the vocabulary of 1000"),
        ([5, -1], [0, 2], "token -1 is outside"),
        ([5, 6], [0, 1], "do not run from 0 to 2"),
        ([5, 6], [0, 2, 1, 2], "offsets decrease"),
    ],
)
def test_contradictions_are_refused(
    tmp_path: Path, tokens: list[int], offsets: list[int], message: str
) -> None:
    with pytest.raises(UsageError, match=message), writer_of(Store(tmp_path)).part(0) as part:
        part.append(np.asarray(tokens), np.asarray(offsets))


def test_a_missing_token_set_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="awase tokenize"):
        load(Store(tmp_path), TEXT, TOKENIZER)


def test_a_flipped_bit_is_named_with_both_digests(tmp_path: Path) -> None:
    store = Store(tmp_path)
    manifest = write(store, PARTS)
    folder = store.token_set_dir(TEXT, TOKENIZER)
    for name in ("part-00000.tok", "part-00000.tok.crc", "part-00000.offsets.npy"):
        good = (folder / name).read_bytes()
        (folder / name).write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
        with pytest.raises(CorruptStore, match=r"part-00000.*sha256:.*"):
            TokenSetReader(store.root, manifest).tokens(0)
        (folder / name).write_bytes(good[:-1])
        with pytest.raises(CorruptStore, match=r"part-00000.*bytes, its manifest says"):
            TokenSetReader(store.root, manifest).tokens(0)
        (folder / name).unlink()
        with pytest.raises(CorruptStore, match="is missing"):
            TokenSetReader(store.root, manifest).tokens(0)
        (folder / name).write_bytes(good)


def test_a_changed_manifest_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    write(store, PARTS)
    path = store.token_set_dir(TEXT, TOKENIZER) / "manifest.json"
    document = json.loads(path.read_bytes())
    document["eos"] = 3
    path.write_text(json.dumps(document))
    with pytest.raises(CorruptStore, match=r"is damaged: expected sha256:.*, found sha256:"):
        load(store, TEXT, TOKENIZER)
