"""Stores of the stream and plan benchmarks, made once under benchmarks/data and kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from awase_client.engine.order import Order
from awase_client.engine.plan import Plan
from awase_client.engine.views import ViewManifest
from benchmarks._tokenstore import (
    LENGTH,
    folder_of,
    lognormal_lengths,
    score_table,
    write_source,
)
from curation.base.predicate import parse
from curation.base.store import Store, write_atomic
from mixtures.views import ViewRequest, build_views
from tests.tokenstore import Separators, commit_plan

SMALL = (("a", 50_000_000, 0.7), ("b", 30_000_000, 0.2), ("c", 20_000_000, 0.1))
SEQUENCES = 31_000
WIDE_SOURCES, WIDE_ROWS = 1000, 10_000


@dataclass(frozen=True)
class Small:
    """The store of 100 M tokens, its plan, and each source packed offline for readers of arrays."""

    root: Path
    plan: str
    packed: tuple[Path, ...]  # raw uint16, [sequences, 2048] in the order of the view


def small() -> Small:
    """3 sources of 50, 30 and 20 M tokens, blend 0.7 / 0.2 / 0.1, 31,000 sequences of 2,048."""
    folder = folder_of("stream")
    root, done = folder / "store", folder / "done.json"
    packed = tuple(folder / f"{name}.bin" for name, _, _ in SMALL)
    if not done.exists():
        store, sources = Store(root), []
        for seed, (name, total, _) in enumerate(SMALL):
            version, tokens = write_source(store, name, lognormal_lengths(seed, total), seed=seed)
            request = ViewRequest(
                dataset=version,
                token_set=tokens,
                where=None,
                holdout=Fraction(0),
                sequence_length=LENGTH,
                packing="concat",
                separators=Separators(),
                labels="shift",
                seed=1,
                path=name,
            )
            sources.append((name, version, build_views(store, None, [request])[0]))
        counts = [round(weight * SEQUENCES) for _, _, weight in SMALL]
        plan = commit_plan(store, sources, [counts])
        for path, (_, _, view) in zip(packed, sources, strict=True):
            pack_offline(root, view.digest, path)
        write_atomic(done, json.dumps({"plan": plan}).encode())
    return Small(root, json.loads(done.read_text())["plan"], packed)


def pack_offline(root: Path, view: str, target: Path) -> None:
    """Write the sequences of a train view one after another, by numpy alone and not the engine."""
    manifest = ViewManifest.load(root, view)
    folder = root / "views" / view.removeprefix("sha256:")
    segments = np.load(folder / "train.segments.npy")
    tokens = manifest.token_set
    parts = [np.fromfile(root / "tokens" / tokens.folder / p.tok, "<u2") for p in tokens.parts]
    flat = np.concatenate(parts)
    out = np.full(int(segments["length"].sum()), 0 if manifest.eos is None else manifest.eos, "<u2")
    places = np.cumsum(segments["length"]) - segments["length"]
    for place, at, count in zip(
        places.tolist(), segments["at"].tolist(), segments["tokens"].tolist(), strict=True
    ):
        out[place : place + count] = flat[at : at + count]
    out.tofile(target)


def located(data: Small) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """(source, sequence) of every position, by the order's numpy path."""
    path = data.root / "plans" / data.plan.removeprefix("sha256:") / "plan.json"
    order = Order(Plan.from_bytes(path.read_bytes()), numba=False)
    source, _, sequence = order.locate(np.arange(order.total))
    return source, sequence


@dataclass(frozen=True)
class Wide:
    """1,000 sources, 10 M documents: `large` has 1e10 positions, `few` 1e6 of 3 sources."""

    root: Path
    large: str
    few: str


def wide_requests(
    store: Store, *, sources: int = WIDE_SOURCES, rows: int = WIDE_ROWS
) -> list[ViewRequest]:
    """Write `sources` versions with token sets and ask for their views, none of them built."""

    def request(k: int) -> ViewRequest:
        lengths = np.random.default_rng([k, 5]).integers(10, 91, rows).astype(np.int64)
        table = score_table(rows, k)
        version, tokens = write_source(store, f"d{k:04d}", lengths, seed=k, table=table)
        return ViewRequest(
            dataset=version,
            token_set=tokens,
            where=parse("score >= 0.1"),
            holdout=Fraction(1, 1000),
            sequence_length=LENGTH,
            packing="concat",
            separators=Separators(),
            labels="shift",
            seed=1,
            path=f"s{k:04d}",
        )

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(request, range(sources)))


def wide(say: Callable[[str], None] = print) -> Wide:
    """The wide store, with `where` and hold-out on."""
    folder = folder_of("wide")
    root, done = folder / "store", folder / "done.json"
    if not done.exists():
        say("writing 1,000 token sets of 10,000 documents (once, 2 minutes)")
        store = Store(root)
        requests = wide_requests(store)
        views = build_views(store, None, requests)
        sources = [
            (request.path, request.dataset, view)
            for request, view in zip(requests, views, strict=True)
        ]
        large = commit_plan(store, sources, [[10**10 // WIDE_SOURCES + 1] * WIDE_SOURCES])
        few = commit_plan(store, sources[:3], [[10**6 // 3 + 1] * 3])
        write_atomic(done, json.dumps({"large": large, "few": few}).encode())
    document = json.loads(done.read_text())
    return Wide(root, document["large"], document["few"])
