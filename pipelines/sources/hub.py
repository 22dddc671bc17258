"""Wikipedia from the Hugging Face Hub: the first articles of a language, streamed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

from curation.base.errors import AwaseError, TryAgain
from curation.readers.hub import HubSource, pinned, rows
from pipelines.sources import RawDocument, write_documents

DATASET = "wikimedia/wikipedia"
SNAPSHOT = "20231101"
LANGUAGES = ("ja", "en")
ARTICLES = 2_000  # a language
LICENSE = "CC-BY-SA-3.0 OR GFDL-1.3-or-later"  # the data set's card


def available() -> bool:
    """False where the user has told the Hub's client to stay offline."""
    return os.environ.get("HF_HUB_OFFLINE", "0") in ("", "0")


def fetch(folder: Path, say: Callable[[str], None]) -> list[Path]:
    """ARTICLES articles of each language under `folder`; TryAgain where the Hub gives none."""
    paths = []
    for language in LANGUAGES:
        path = folder / f"wikipedia-{language}.jsonl.zst"
        if not path.exists():
            say(f"streaming {ARTICLES:,} articles of {DATASET} {SNAPSHOT}.{language}")
            source = HubSource(DATASET, config=f"{SNAPSHOT}.{language}")
            try:
                write_documents(path, articles(pinned(source), f"wikipedia-{language}"))
            except AwaseError as error:
                raise TryAgain(f"{error}; or give your own text with --input PATH") from error
        paths.append(path)
    return paths


def articles(source: HubSource, name: str) -> Iterator[RawDocument]:
    """The first ARTICLES rows (id, url, title, text) as documents of the source `name`."""
    with closing(rows(source)) as found:
        for row in islice(found, ARTICLES):
            yield RawDocument(
                id=f"{name}/{row['id']}",
                text=row["text"],
                source=name,
                license=LICENSE,
                url=row["url"],
            )
