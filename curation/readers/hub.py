"""Datasets of the Hugging Face Hub, streamed by the `datasets` library; the only module to load it.

A run pins what it reads before it reads it: the revision becomes a commit of the Hub, files of this
machine get their digests. A shard of the dataset (most often a file of it) is a piece, its rows are
numbered from 0. Nothing is downloaded as a whole, no code of a dataset is run.
"""

from __future__ import annotations

import functools
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from curation.base.digest import digest_file, digest_of
from curation.base.errors import Failed, NotFound, TryAgain
from curation.batch import Batch
from curation.readers.batches import batches
from curation.readers.records import BadRecords, HubSource, ReadOptions, to_values
from curation.readers.survey import Piece, Surveyed

FORMAT = "hub"
PIN_SECONDS = 30.0


def pinned(source: HubSource) -> HubSource:
    """The source at the commit that its revision stands for now; a local one as it is."""
    if source.local:
        return source
    from huggingface_hub import HfApi

    with _errors(source):
        found = HfApi().dataset_info(source.dataset, revision=source.revision, timeout=PIN_SECONDS)
    return replace(source, revision=str(found.sha))


def survey(source: HubSource, *, task_bytes: int) -> list[Surveyed]:
    """The shards of a pinned source, each as an input of its own; Failed where there is none."""
    with _errors(source):
        names = _files(source)
        shards = int(_opened(source).num_shards)
    digests = [digest_file(Path(name)) for name in names if Path(name).is_file()]
    found = []
    for shard in range(shards):
        size = task_bytes  # of a file of the Hub only a request would tell
        if len(names) == shards and Path(names[shard]).is_file():
            size = Path(names[shard]).stat().st_size
        key = source.identity | {"files": digests, "shard": shard, "of": shards}
        cut = (shard, shard + 1, 0, max(1, size))
        found.append(Surveyed(f"{source}#{shard}", digest_of(key), size, FORMAT, None, (cut,)))
    if not found:
        raise Failed(f"{source}: the split has no shard")
    return found


def rows(source: HubSource, shard: int | None = None) -> Generator[dict[str, Any], None, None]:
    """The rows of a source, or of one of its shards, as the library gives them.

    TryAgain where the Hub is out of reach, NotFound for an unknown dataset, config or split.
    """
    with _errors(source):
        stream = _opened(source)
        if shard is not None:
            stream = stream.shard(num_shards=stream.num_shards, index=shard)
        yield from stream


def read(item: Surveyed, piece: Piece, options: ReadOptions, bad: BadRecords) -> Iterator[Batch]:
    """Batches of the rows of one shard."""
    assert options.hub is not None, "a hub input comes from a recipe with input.hub"
    yield from batches(
        _records(item, piece, options, options.hub),
        lambda record: to_values(record, options),
        item=item,
        piece=piece,
        options=options,
        bad=bad,
    )


def _records(
    item: Surveyed, piece: Piece, options: ReadOptions, source: HubSource
) -> Iterator[tuple[int, dict[str, Any]]]:
    for row, record in enumerate(rows(source, piece.start)):
        if row == 0 and options.source_field not in record:
            raise Failed(
                f"{item.path}: there is no column {options.source_field!r}; its columns are "
                f"{', '.join(record)}: set input.text in the recipe"
            )
        yield row, record


def _arguments(source: HubSource) -> dict[str, Any]:
    files = {source.split: list(source.data_files)} if source.data_files else None
    return {
        "path": source.dataset,
        "name": source.config,
        "revision": source.revision,
        "data_files": files,
    }


def _library() -> Any:
    import datasets

    datasets.disable_progress_bars()
    return datasets


def _files(source: HubSource) -> list[str]:
    """The files of the split, as the library resolves them."""
    builder = _library().load_dataset_builder(**_arguments(source))
    found = (builder.config.data_files or {}).get(source.split, ())
    return [str(name) for name in found]


@functools.lru_cache(maxsize=4)
def _opened(source: HubSource) -> Any:
    return _library().load_dataset(**_arguments(source), split=source.split, streaming=True)


@contextmanager
def _errors(source: HubSource) -> Iterator[None]:
    """The library's errors in ours, by consequence."""
    import httpx2
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        yield
    except GatedRepoError as error:
        raise Failed(
            f"{source}: its owners ask for consent to their terms: agree on its page, then set "
            "HF_TOKEN to a token of that account"
        ) from error
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise NotFound(
            f"{source}: the Hub has no such dataset or revision, or shows it only to an account "
            "that HF_TOKEN names"
        ) from error
    except FileNotFoundError as error:
        raise NotFound(f"{source}: {error}") from error
    except (ConnectionError, TimeoutError, httpx2.HTTPError, HfHubHTTPError) as error:
        raise TryAgain(
            f"{source}: the Hub is out of reach ({type(error).__name__}): is there a network, and "
            "is HF_HUB_OFFLINE unset? What was committed is kept; run the same command again"
        ) from error
    except (HFValidationError, OSError, ValueError, KeyError, RuntimeError) as error:
        raise Failed(f"{source}: the `datasets` library cannot read it ({error})") from error


__all__ = ["HubSource", "pinned", "read", "rows", "survey"]
