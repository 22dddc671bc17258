"""A small plan with stages, a ramp, nested groups and epochs, and real servers of it."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from threading import Thread

import numpy as np
import uvicorn
from numpy.typing import NDArray

from api.app import create_app
from api.settings import Settings
from awase_client.engine.reader import Engine
from curation.base.store import Store
from tests.tokenstore import Corpus, commit_plan, view_of, write_corpus

LENGTH = 16


@dataclass(frozen=True)
class Stream:
    """A store, a plan in it, and all its tokens in position order, read without numba."""

    store: Path
    plan: str
    tokens: NDArray[np.uint16]

    @property
    def total(self) -> int:
        return len(self.tokens)

    def digest(self, until: int | None = None) -> str:
        return hashlib.sha256(self.tokens[:until].tobytes()).hexdigest()


def make_stream(root: Path, *, masks: bool = False) -> Stream:
    """Three sources in a nested tree: two stages and a ramp of eight steps, several epochs each."""
    store = Store(root)
    views = {}
    for k, (path, documents) in enumerate({"ja.web": 160, "ja.wiki": 60, "en": 40}.items()):
        corpus = _corpus(store, path.replace(".", "-"), documents, seed=k, masks=masks)
        views[path] = (
            corpus,
            view_of(store, corpus, length=LENGTH, holdout=Fraction(1, 10), path=path),
        )
    counts = [[300, 60, 40], *[[70 - 5 * k, 10, 20 + 5 * k] for k in range(8)], [101, 300, 202]]
    plan = commit_plan(
        store,
        [(path, corpus.version, view) for path, (corpus, view) in views.items()],
        counts,
        tree=[[0, 1], 2],
        loss="assistant" if masks else "all",
    )
    engine = Engine.open(root, plan, numba=False)
    drawn = map(sum, zip(*counts, strict=True))
    epochs = [n / view.sequences for n, (_, view) in zip(drawn, views.values(), strict=True)]
    assert min(epochs) > 2, epochs
    return Stream(root, plan, engine.read(0, engine.total()).tokens)


def _corpus(store: Store, name: str, documents: int, *, seed: int, masks: bool) -> Corpus:
    random = np.random.default_rng(seed)
    sizes = random.integers(0, 60, documents)
    tokens = [random.integers(10, 50_000, size).tolist() for size in sizes]
    flags = [random.integers(0, 2, size).tolist() for size in sizes] if masks else None
    half = documents // 2
    return write_corpus(store, name, [tokens[:half], tokens[half:]], masks=flags)


@contextmanager
def serving(store: Path, **settings: object) -> Iterator[str]:
    """A real server of the store in a thread; yields its URL."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(256)  # from here on connections wait until the server accepts them
    app = create_app(Settings(store=store, **settings))
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1, ws="none")
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()  # uvicorn does, unless it was told to exit before it had started
