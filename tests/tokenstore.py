"""A small store with token sets, views and a plan, and a reader from docs/tokens.md alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curation.base.digest import canonical, digest_bytes, digest_file, digest_of
from curation.base.predicate import Predicate
from curation.base.store import Store, make_dirs, write_atomic
from curation.shards.manifest import DatasetManifest, Shard
from curation.shards.tokens import TokenSetManifest, TokenSetWriter
from mixtures.views import View, build_view, request

TOKENIZER = "sha256:" + "7" * 64
BOS, EOS, PAD = 1, 2, 3


@dataclass(frozen=True)
class Separators:
    bos: bool = False
    eos: bool = True


@dataclass(frozen=True)
class Version:
    manifest: DatasetManifest


@dataclass(frozen=True)
class Corpus:
    """Documents of one version: text, columns, tokens; `masks` where the set has a loss mask."""

    version: Version
    token_set: TokenSetManifest
    texts: list[str]
    tokens: list[list[int]]
    masks: list[list[int]] | None


def write_corpus(
    store: Store,
    name: str,
    tokens: Sequence[Sequence[Sequence[int]]],
    *,
    texts: list[str] | None = None,
    columns: dict[str, list[Any]] | None = None,
    masks: list[list[int]] | None = None,
    vocabulary: int = 50_000,
) -> Corpus:
    """A version with one shard a list in `tokens`, and its token set."""
    flat = [list(document) for part in tokens for document in part]
    texts = texts or [f"{name} {row}" for row in range(len(flat))]
    digest = digest_of([name, texts, {k: [str(v) for v in c] for k, c in (columns or {}).items()}])
    text_digest = digest_of([name, texts])
    folder = store.dataset_dir(name, digest)
    make_dirs(folder)
    shards, row = [], 0
    for index, part in enumerate(tokens):
        end = row + len(part)
        table = pa.table(
            {
                "id": [str(k) for k in range(row, end)],
                "text": pa.array(texts[row:end], pa.string()),
                **{key: values[row:end] for key, values in (columns or {}).items()},
            }
        )
        path = folder / f"part-{index:05d}.parquet"
        pq.write_table(table, path)
        size = sum(len(text.encode()) for text in texts[row:end])
        shards.append(
            Shard(
                name=path.name,
                sha256=digest_file(path),
                rows=len(part),
                bytes=size,
                characters=sum(map(len, texts[row:end])),
                file_bytes=path.stat().st_size,
            )
        )
        row = end
    version = commit_version(store, name, digest, text_digest, shards)
    writer = TokenSetWriter(
        store,
        text_digest=text_digest,
        tokenizer_digest=TOKENIZER,
        vocabulary=vocabulary,
        bos=BOS,
        eos=EOS,
        pad=PAD,
        loss_mask=masks is not None,
    )
    row = 0
    for index, part in enumerate(tokens):
        with writer.part(index) as out:
            for document in part:
                mask = None if masks is None else np.array(masks[row], np.uint8)
                ids = np.array(document, np.int64)
                out.append(ids, np.array([0, len(ids)]), mask=mask)
                row += 1
    token_set = writer.commit(parts=len(tokens))
    return Corpus(version, token_set, texts, flat, masks)


def commit_version(
    store: Store, name: str, digest: str, text_digest: str, shards: Sequence[Shard]
) -> Version:
    """A version of shards whose files are there."""
    manifest = DatasetManifest(
        name=name,
        digest=digest,
        text_digest=text_digest,
        rows=sum(shard.rows for shard in shards),
        bytes=sum(shard.bytes for shard in shards),
        characters=sum(shard.characters for shard in shards),
        shards=tuple(shards),
    )
    manifest.commit(store)
    return Version(manifest)


def view_of(
    store: Store,
    corpus: Corpus,
    *,
    length: int = 8,
    packing: str = "concat",
    where: Predicate | None = None,
    holdout: Fraction = Fraction(0),
    separators: Separators | None = None,
    labels: str = "shift",
    seed: int = 1,
    path: str = "web",
) -> View:
    return build_view(
        store,
        None,
        dataset=corpus.version,
        token_set=corpus.token_set,
        where=where,
        holdout=holdout,
        sequence_length=length,
        packing=packing,
        separators=separators or Separators(),
        labels=labels,
        seed=seed,
        path=path,
    )


def write_plan(
    store: Store,
    sources: dict[str, tuple[Corpus, View]],
    *,
    counts: list[int],
    loss: str = "all",
    seed: int = 1,
) -> str:
    """A plan of one stage over the views; returns its digest."""
    parts = [(path, corpus.version, view) for path, (corpus, view) in sources.items()]
    return commit_plan(store, parts, [counts], loss=loss, seed=seed)


def commit_plan(
    store: Store,
    sources: Sequence[tuple[str, request.Version, View]],
    stages: Sequence[Sequence[int]],
    *,
    tree: list[Any] | None = None,
    loss: str = "all",
    seed: int = 1,
) -> str:
    """A plan over views with a stage for each row of counts; returns its digest."""
    key = sources[0][2].manifest
    untils = accumulate(sum(counts) for counts in stages)
    document = {
        "version": 1,
        "kind": "plan",
        "seed": seed,
        "sequence_length": key.sequence_length,
        "width": key.width,
        "dtype": key.token_set.dtype,
        "pad": PAD,
        "packing": key.key["packing"],
        "labels": key.key["labels"],
        "loss": loss,
        "separators": key.key["separators"],
        "tokenizer": key.key["tokenizer_digest"],
        "sources": [
            {
                "path": path,
                "dataset": version.manifest.name,
                "version": version.manifest.digest,
                "text_digest": version.manifest.text_digest,
                "view": view.digest,
                "sequences": view.sequences,
                "holdout_sequences": view.holdout_sequences,
                "licenses": [],
                "terms": [],
            }
            for path, version, view in sources
        ],
        "trees": [list(range(len(sources))) if tree is None else tree],
        "stages": [
            {"until": until, "tree": 0, "counts": list(counts)}
            for until, counts in zip(untils, stages, strict=True)
        ],
        "omit": [],
        "parent": None,
        "from": 0,
        "restart": [],
    }
    data = canonical(document)
    digest = digest_bytes(data)
    path = store.plan_path(digest)
    if not path.exists():
        write_atomic(path, data)
    return digest


class PlainReader:
    """Sequences of a view in plain Python: docs/tokens.md, "A reader", and nothing else."""

    def __init__(self, root: Path, view: str, split: str = "train", pad: int = PAD) -> None:
        folder = root / "views" / view.removeprefix("sha256:")
        document = json.loads((folder / "view.json").read_text())
        key, tokens = document["key"], document["token_set"]
        self.width = key["sequence_length"] + (key["labels"] == "overlap")
        self.bos = [tokens["bos"]] if key["separators"]["bos"] else []
        self.eos = [tokens["eos"]] if key["separators"]["eos"] else []
        self.pad = pad
        self.bos_counts = int(not tokens["loss_mask"])
        self.ptr = np.load(folder / f"{split}.ptr.npy").tolist()
        self.segments = np.load(folder / f"{split}.segments.npy").tolist()
        name = f"{key['text_digest'][7:]}-{key['tokenizer_digest'][7:]}"
        self.documents: list[list[int]] = []
        self.masks: list[list[int]] = []
        for part in tokens["parts"]:
            stem = root / "tokens" / name / part["name"]
            ids = np.fromfile(f"{stem}.tok", "<u2" if tokens["dtype"] == "uint16" else "<u4")
            mask = np.ones(len(ids), int)
            if tokens["loss_mask"]:
                mask = np.fromfile(f"{stem}.mask", "u1")
            offsets = np.load(f"{stem}.offsets.npy").tolist()
            for start, end in pairwise(offsets):
                self.documents.append(ids[start:end].tolist())
                self.masks.append(mask[start:end].tolist())

    def __len__(self) -> int:
        return len(self.ptr) - 1

    def sequence(self, s: int) -> tuple[list[int], list[int], list[int]]:
        """(ids, loss mask, starts of documents and padding) of one sequence."""
        ids: list[int] = []
        loss: list[int] = []
        starts: list[int] = []
        for row, start, _, length, _ in self.segments[self.ptr[s] : self.ptr[s + 1]]:
            starts.append(len(ids))
            document, mask = self.documents[row], self.masks[row]
            virtual = self.bos + document + self.eos
            flags = [self.bos_counts] * len(self.bos) + mask + mask[-1:] * len(self.eos)
            ids += virtual[start : start + length]
            loss += flags[start : start + length]
        if len(ids) < self.width:
            starts.append(len(ids))
        missing = self.width - len(ids)
        return ids + [self.pad] * missing, loss + [0] * missing, starts
