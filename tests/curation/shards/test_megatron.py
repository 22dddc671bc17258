"""Megatron's files: what is written is read back by the layout alone, damage is named."""

from __future__ import annotations

import struct
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from curation.base.errors import IntegrityError, NotFound, UsageError
from curation.base.store import Store
from curation.shards.megatron import Megatron, export, strip_final, write_index
from tests.tokenstore import EOS, write_corpus


def plain_read(prefix: Path) -> tuple[int, list[list[int]]]:
    """(dtype code, documents) by struct, from the layout in the docstring of megatron.py."""
    index = prefix.with_suffix(".idx").read_bytes()
    assert index[:9] == b"MMIDIDX\0\0"
    version, code, sequences, edges = struct.unpack_from("<QBQQ", index, 9)
    assert (version, edges) == (1, sequences + 1)
    at = 34
    lengths = struct.unpack_from(f"<{sequences}i", index, at)
    offsets = struct.unpack_from(f"<{sequences}q", index, at + 4 * sequences)
    documents = struct.unpack_from(f"<{edges}q", index, at + 12 * sequences)
    assert len(index) == at + 12 * sequences + 8 * edges
    size, letter = {8: (2, "H"), 4: (4, "i")}[code]
    data = prefix.with_suffix(".bin").read_bytes()
    found = []
    for first, end in pairwise(documents):
        ids: list[int] = []
        for s in range(first, end):
            ids += struct.unpack_from(f"<{lengths[s]}{letter}", data, offsets[s])
        found.append(ids)
    assert sum(lengths) * size == len(data)
    return code, found


PARTS = [[[10, 11, 12], [], [13]], [], [[14, 15], [16]]]


@pytest.mark.parametrize(("vocabulary", "code"), [(50_000, 8), (200_000, 4)])
def test_an_export_ends_documents_with_eos(tmp_path: Path, vocabulary: int, code: int) -> None:
    store = Store(tmp_path / "store")
    corpus = write_corpus(store, "web", PARTS, vocabulary=vocabulary)
    export(store, corpus.token_set, tmp_path / "out")
    want = [[*d, EOS] for part in PARTS for d in part if d]
    assert plain_read(tmp_path / "out") == (code, want)
    source = Megatron.open(tmp_path / "out.bin")
    assert len(source) == 4
    assert [source.document(k).tolist() for k in range(4)] == want
    tokens, offsets = strip_final((source.document(k) for k in range(4)), EOS)
    assert [tokens[a:b].tolist() for a, b in pairwise(offsets)] == [d[:-1] for d in want]


def test_an_export_without_eos_is_the_tokens_alone(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    corpus = write_corpus(store, "web", PARTS)
    export(store, corpus.token_set, tmp_path / "out", append_eos=False)
    assert plain_read(tmp_path / "out")[1] == [d for part in PARTS for d in part if d]


def test_documents_of_several_sequences_are_joined(tmp_path: Path) -> None:
    write_index(tmp_path / "a.idx", np.dtype("<u2"), np.array([2, 1, 3]))
    data = bytearray((tmp_path / "a.idx").read_bytes())
    data[17 + 1 + 8 : 17 + 1 + 16] = struct.pack("<Q", 3)
    data[34 + 36 :] = struct.pack("<3q", 0, 2, 3)
    (tmp_path / "a.idx").write_bytes(data)
    np.array([1, 2, 3, 4, 5, 6], "<u2").tofile(tmp_path / "a.bin")
    source = Megatron.open(tmp_path / "a")
    assert [source.document(k).tolist() for k in range(len(source))] == [[1, 2, 3], [4, 5, 6]]


def test_files_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"there is no .*a\.bin"):
        Megatron.open(tmp_path / "a.idx")
    write_index(tmp_path / "a.idx", np.dtype("<u2"), np.array([2, 1]))
    np.array([1, 2, 3], "<u2").tofile(tmp_path / "a.bin")
    assert len(Megatron.open(tmp_path / "a")) == 2
    good = (tmp_path / "a.idx").read_bytes()
    cases: list[tuple[bytes, type[Exception], str]] = [
        (b"X" + good[1:], UsageError, "no Megatron index"),
        (good[:17] + b"\x06" + good[18:], UsageError, "dtype code 6 are no integers"),
        (good[:-1], IntegrityError, "its header says"),
        (good[:20], IntegrityError, "a header alone has"),
        (good[:34] + struct.pack("<2i", 1, 2) + good[42:], UsageError, "one behind the other"),
        (good[:-8] + struct.pack("<q", 1), IntegrityError, "do not divide"),
    ]
    for data, kind, message in cases:
        (tmp_path / "a.idx").write_bytes(data)
        with pytest.raises(kind, match=message):
            Megatron.open(tmp_path / "a")
    (tmp_path / "a.idx").write_bytes(good)
    np.array([1, 2], "<u2").tofile(tmp_path / "a.bin")
    with pytest.raises(IntegrityError, match=r"has 4 bytes, its index says 3 tokens of 2"):
        Megatron.open(tmp_path / "a")
