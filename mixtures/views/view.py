"""A view that is there: what a plan counts of it, and finding it without building anything."""

from __future__ import annotations

from dataclasses import dataclass

from awase_client.engine.views import ViewManifest, digest_of_key
from curation.base.store import Store
from mixtures.views.request import ViewRequest
from mixtures.views.selection import stored_selection


@dataclass(frozen=True, slots=True)
class View:
    """A committed view, as a plan counts it."""

    manifest: ViewManifest

    @property
    def digest(self) -> str:
        return self.manifest.digest

    @property
    def sequences(self) -> int:
        """Sequences of one epoch of the train split."""
        return self.manifest.train.sequences

    @property
    def documents(self) -> int:
        """Documents of the train split, those without tokens left out."""
        return self.manifest.train.documents

    @property
    def tokens(self) -> int:
        """Ids in sequences, each once: tokens of the documents, separators, less the tail."""
        counts = self.manifest.train
        return counts.stored_tokens + counts.separator_tokens - counts.tail_tokens

    @property
    def stored_tokens(self) -> int:
        """Tokens of the documents of the train split, without separators."""
        return self.manifest.train.stored_tokens

    @property
    def tail_tokens(self) -> int:
        """Ids after the last whole sequence, which no epoch delivers."""
        return self.manifest.train.tail_tokens

    @property
    def padding_tokens(self) -> int:
        return self.manifest.train.padding_tokens

    @property
    def holdout_sequences(self) -> int:
        return self.manifest.holdout.sequences

    @property
    def holdout_documents(self) -> int:
        return self.manifest.holdout.documents


def load_view(store: Store, digest: str) -> View | None:
    """A committed view by its digest, None where there is none."""
    found = load_manifest(store, digest)
    return None if found is None else View(found)


def load_manifest(store: Store, digest: str) -> ViewManifest | None:
    try:
        return ViewManifest.load(store.root, digest)
    except FileNotFoundError:
        return None


def stored_view(store: Store, request: ViewRequest) -> View | None:
    """The view of a request where a plan was counted over it before; reads no rows, builds nothing.

    IntegrityError where it is there and not what it says.
    """
    selection = None
    if request.where is not None:
        found = stored_selection(store, request.dataset.manifest, request.where)
        if found is None:
            return None
        selection = found.sha256
    return load_view(store, digest_of_key(request.key(selection)))
