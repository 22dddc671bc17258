"""Wikipedia from the Hugging Face Hub: the first articles of a language, streamed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from curation.base.errors import TryAgain
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
    """ARTICLES articles of each language under `folder`; TryAgain where the Hub is out of reach."""
    paths = []
    for language in LANGUAGES:
        path = folder / f"wikipedia-{language}.jsonl.zst"
        if not path.exists():
            say(f"streaming {ARTICLES:,} articles of {DATASET} {SNAPSHOT}.{language}")
            write_documents(path, _articles(language))
        paths.append(path)
    return paths


def _articles(language: str) -> Iterator[RawDocument]:
    import datasets
    import httpx
    from huggingface_hub.errors import HfHubHTTPError

    try:
        rows = datasets.load_dataset(
            DATASET, f"{SNAPSHOT}.{language}", split="train", streaming=True
        )
        for row in rows.take(ARTICLES):
            yield RawDocument(
                id=f"wikipedia-{language}/{row['id']}",
                text=row["text"],
                source=f"wikipedia-{language}",
                license=LICENSE,
                url=row["url"],
            )
    except (OSError, httpx.HTTPError, HfHubHTTPError, datasets.exceptions.DatasetsError) as error:
        raise TryAgain(
            f"the Hub does not give {DATASET} ({type(error).__name__}): is there a network? "
            "Give your own text with --input PATH"
        ) from error
