"""Catalog: the registry of one store. Publish, resolve, point, record."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import fields
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import Row, func, select, update

from curation.base.digest import digest_bytes
from curation.base.errors import Failed, NotFound, UsageError
from curation.base.names import Reference, parse_reference
from curation.base.store import Store, put_if_absent, to_json, write_atomic
from curation.shards import manifest as manifests
from mixtures.catalog import models, rebuild, refs, run_refs
from mixtures.catalog.database import ENVIRONMENT, Database, insert_if_absent, sqlite_url
from mixtures.catalog.pointers import Pointers
from mixtures.catalog.records import (
    DatasetVersion,
    Kind,
    MixtureVersion,
    PlanRecord,
    PlanSummary,
    TokenizerVersion,
    Version,
    ViewRecord,
)
from mixtures.catalog.versions import as_version

if TYPE_CHECKING:
    from curation.shards.tokens import TokenSetManifest


_SUMMARY = tuple(models.plans.c[item.name] for item in fields(PlanSummary))


class Catalog(Pointers):
    """Names of one store: immutable versions, movable aliases, and what was made from what.

    Safe for any number of threads and processes. What a method returned is durable in the store's
    refs; the database is an index of them.
    """

    @classmethod
    def open(cls, store: Store, url: str | None = None) -> Self:
        """Open the catalog of `store`; made, and filled from the store, where there is none.

        url: a database URL; default: AWASE_CATALOG, else SQLite in the store.
        """
        url = url or os.environ.get(ENVIRONMENT)
        if url is None:
            try:
                store.root.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise Failed(f"{store.root}: cannot be a store ({error.strerror})") from error
            url = sqlite_url(store.catalog_path)
        return cls(store, Database.open(url, fill=lambda rows: rebuild.fill(store, rows)))

    def close(self) -> None:
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def rebuild(self) -> rebuild.Rebuilt:
        """Empty the index and fill it from refs and manifests; what lives here alone is kept."""
        with self.database.write() as rows:
            rebuild.clear(rows)
            return rebuild.fill(self.store, rows)

    def unregistered(self) -> list[str]:
        """Versions and runs of which the store has more than the database, a line each."""
        table = models.versions.c
        with self.database.read() as rows:
            known = {
                (row.kind, row.name, row.number)
                for row in rows.execute(select(table.kind, table.name, table.number))
            }
            runs = {row.id: row for row in rows.execute(select(models.runs))}
        ahead = [
            f"run {id} went further in the store than in the catalog"
            for id in run_refs.ids(self.store)
            if run_refs.is_ahead(self.store, id, runs.get(id))
        ]
        return [*rebuild.unregistered(self.store, known), *ahead]

    def counts(self) -> dict[str, int]:
        """How many of each thing the catalog knows."""
        kinds = models.versions.c.kind
        grouped = select(kinds, func.count()).group_by(kinds).order_by(kinds)
        with self.database.read() as rows:
            found = {f"{kind} versions": int(count) for kind, count in rows.execute(grouped)}
            for table in (models.token_sets, models.views, models.plans, models.runs):
                count = rows.execute(select(func.count()).select_from(table)).scalar_one()
                found[table.name.replace("_", " ")] = count
        return found

    # Datasets, tokenizers, mixtures: the same versions, each with its own record.
    def register_dataset(self, name: str, manifest: manifests.DatasetManifest) -> DatasetVersion:
        """Give a committed version its number; the same rows again return the version they have."""
        path = self.store.dataset_dir(name, manifest.digest) / manifests.FILE_NAME
        if manifest.name != name or not path.exists():
            raise Failed(f"dataset {name}@{manifest.digest}: not committed, there is no {path}")
        extra = {"text_digest": manifest.text_digest, "parents": list(manifest.parents)}
        version, _ = self._publish("dataset", name, manifest.digest, extra)
        return self._dataset(version)

    def dataset(self, ref: str | Reference) -> DatasetVersion:
        """The version that `ref` means now; without selector the newest."""
        return self._dataset(self.version("dataset", ref))

    def datasets_of(self, references: Iterable[str]) -> dict[str, DatasetVersion]:
        """What each reference means now; many bare names are looked up in one query."""
        parsed = {ref: parse_reference(ref, what="dataset") for ref in references}
        bare = {reference.name for ref, reference in parsed.items() if ref == reference.name}
        newest = {item.name: item for item in self.newest("dataset")} if len(bare) > 20 else {}
        found = {}
        for ref, reference in parsed.items():
            item = newest.get(ref)
            if item is None or not self._is_newest("dataset", item):
                item = self.version("dataset", reference)
            found[ref] = self._dataset(item)
        return found

    def datasets(self, *, after: str = "", limit: int | None = None) -> list[DatasetVersion]:
        """The newest version of each dataset, by name."""
        return [self._dataset(item) for item in self.newest("dataset", after=after, limit=limit)]

    def register_tokenizer(
        self, name: str, digest: str, document: Mapping[str, Any]
    ) -> TokenizerVersion:
        """Number a tokenizer that lies in the store under `digest`."""
        extra = {"document": dict(document)}
        version, _ = self._publish("tokenizer", name, digest, extra)
        return _tokenizer(version)

    def tokenizer(self, ref: str | Reference) -> TokenizerVersion:
        return _tokenizer(self.version("tokenizer", ref))

    def tokenizers(self) -> list[TokenizerVersion]:
        """The newest version of each tokenizer, by name."""
        return [_tokenizer(item) for item in self.newest("tokenizer")]

    def publish_mixture(
        self, name: str, text: str, *, expected: str | None = None
    ) -> tuple[MixtureVersion, bool]:
        """Add a version with exactly this text; the same text again returns the version it has.

        Answers the version and whether this call, of any number at the same time, made it.

        expected: digest of the newest version that the caller has seen ("": none); StaleVersion if
        another is newest. The text is not judged here: `mixtures.spec.read_mixture` does that.
        """
        digest = digest_bytes(text.encode())
        extra = {"text": text}
        version, is_new = self._publish("mixture", name, digest, extra, expected=expected)
        return _mixture(version), is_new

    def mixture(self, ref: str | Reference) -> MixtureVersion:
        return _mixture(self.version("mixture", ref))

    def mixtures(self, *, after: str = "", limit: int | None = None) -> list[MixtureVersion]:
        """The newest version of each mixture, by name."""
        return [_mixture(item) for item in self.newest("mixture", after=after, limit=limit)]

    def _dataset(self, version: Version) -> DatasetVersion:
        manifest = manifests.load(self.store, version.name, version.digest)
        return DatasetVersion(
            version.name,
            version.number,
            version.digest,
            manifest.text_digest,
            manifest,
            version.created,
        )

    # Token sets, views, plans: named by digest, written by their owners before they are recorded.
    def register_token_set(self, text_digest: str, tokenizer_digest: str) -> None:
        """Record a committed token set."""
        self.token_set(text_digest, tokenizer_digest)
        row = {
            "text_digest": text_digest,
            "tokenizer_digest": tokenizer_digest,
            "created": self._clock(),
        }
        with self.database.write() as rows:
            insert_if_absent(rows, models.token_sets, row)

    def token_set(self, text_digest: str, tokenizer_digest: str) -> TokenSetManifest:
        """The manifest of a token set; NotFound names the command that makes it."""
        from curation.shards import tokens

        try:
            return tokens.load(self.store, text_digest, tokenizer_digest)
        except NotFound as error:
            dataset = self.name_of("dataset", text_digest) or text_digest
            tokenizer = self.name_of("tokenizer", tokenizer_digest) or tokenizer_digest
            raise NotFound(
                f"dataset {dataset} has no tokens of tokenizer {tokenizer}: "
                f"run `awase tokenize {dataset} --tokenizer {tokenizer}`"
            ) from error

    def token_sets(self, text_digest: str) -> list[TokenSetManifest]:
        """Every recorded token set of a text, oldest first."""
        table = models.token_sets
        query = select(table.c.tokenizer_digest).where(table.c.text_digest == text_digest)
        with self.database.read() as rows:
            found = rows.execute(query.order_by(table.c.created, table.c.tokenizer_digest)).all()
        return [self.token_set(text_digest, digest) for (digest,) in found]

    def record_view(self, digest: str, document: Mapping[str, Any]) -> None:
        """Record a view that lies in the store; `document` is what view.json holds."""
        with self.database.write() as rows:
            rebuild.insert_view(rows, digest, document, created=self._clock())

    def view(self, digest: str) -> ViewRecord:
        with self.database.read() as rows:
            row = rows.execute(select(models.views).where(models.views.c.digest == digest)).first()
        if row is None:
            raise NotFound(f"view {digest} is not in {self.store.root}")
        return ViewRecord(row.digest, json.loads(row.document), row.created)

    def record_plan(self, digest: str, mixture: str | None, document: Mapping[str, Any]) -> None:
        """Record a plan that lies in the store.

        mixture: the reference it was made from, None for a file that was not published.
        document: what plan.json holds; its sources' datasets become findable by `plans_with`.

        The first name stays; a plan of a file is named when it is made again from what was
        published.
        """
        path = self.store.plan_ref_path(digest)
        entry = {"version": refs.VERSION, "mixture": mixture, "created": self._clock()}
        put_if_absent(path, to_json(entry))
        kept = refs.read(path, refs.OF_PLAN)
        if mixture is not None and kept["mixture"] is None:
            kept = {**kept, "mixture": mixture}
            write_atomic(path, to_json(kept))
        table = models.plans
        unnamed = (table.c.digest == digest) & table.c.mixture.is_(None)
        with self.database.write() as rows:
            rebuild.insert_plan(rows, digest, document, kept)
            rows.execute(update(table).where(unnamed).values(mixture=kept["mixture"]))

    def plan(self, digest_or_prefix: str) -> PlanRecord:
        """A plan by `sha256:<hex>`, bare hex or at least 6 leading digits of it."""
        digits = digest_or_prefix.removeprefix("sha256:").lower()
        if not 6 <= len(digits) <= 64 or digits.strip("0123456789abcdef"):
            raise UsageError(
                f"plan {digest_or_prefix!r} is not a digest: give sha256:<hex>, or at least "
                "6 of its first digits"
            )
        table = models.plans.c
        query = select(models.plans).where(table.digest.like(f"sha256:{digits}%")).limit(2)
        with self.database.read() as rows:
            found = rows.execute(query).all()
        if not found:
            raise NotFound(
                f"plan {digest_or_prefix} is not in {self.store.root}: `awase mixture plan` makes "
                "one, `awase lineage DATASET` lists those of a dataset"
            )
        if len(found) > 1:
            raise UsageError(f"plan {digest_or_prefix!r} could be several: give more digits")
        return _plan(found[0])

    def plans(
        self,
        *,
        mixture: str | None = None,
        after: tuple[str, str] | None = None,
        limit: int | None = None,
    ) -> list[PlanSummary]:
        """Plans, newest first, of `mixture` ("name@3") alone if given.

        after: (created, digest) of the last one seen.
        """
        table = models.plans.c
        query = select(*_SUMMARY).order_by(table.created.desc(), table.digest).limit(limit)
        if mixture is not None:
            query = query.where(table.mixture == mixture)
        if after is not None:
            older = table.created < after[0]
            query = query.where(older | ((table.created == after[0]) & (table.digest > after[1])))
        with self.database.read() as rows:
            return [PlanSummary(**row._mapping) for row in rows.execute(query)]

    def children(self, dataset_digest: str) -> list[Version]:
        """Dataset versions that were made from this one, by name and number."""
        table = models.versions.c
        query = (
            select(models.versions)
            .where(table.kind == "dataset", table.document.contains(dataset_digest))
            .order_by(table.name, table.number)
        )
        with self.database.read() as rows:
            found = [as_version(row) for row in rows.execute(query)]
        ending = f"@{dataset_digest}"
        return [
            item
            for item in found
            if any(parent.endswith(ending) for parent in item.document.get("parents", ()))
        ]

    def plans_with(self, dataset_digest: str, *, limit: int | None = None) -> list[PlanSummary]:
        """Every plan that has a source of this dataset version, newest first."""
        uses = models.plan_sources.c
        chosen = select(uses.plan).where(uses.digest == dataset_digest)
        table = models.plans.c
        query = select(*_SUMMARY).where(table.digest.in_(chosen))
        with self.database.read() as rows:
            found = rows.execute(query.order_by(table.created.desc(), table.digest).limit(limit))
            return [PlanSummary(**row._mapping) for row in found]

    def name_of(self, kind: Kind, digest: str) -> str | None:
        """A reference to the newest version with this digest (of text, for a dataset)."""
        table = models.versions.c
        query = select(models.versions).where(table.kind == kind)
        if kind == "dataset":
            query = query.where(table.document.contains(digest, autoescape=True))
        else:
            query = query.where(table.digest == digest)
        with self.database.read() as rows:
            row = rows.execute(query.order_by(table.number.desc()).limit(1)).first()
        return None if row is None else as_version(row).reference


def _tokenizer(version: Version) -> TokenizerVersion:
    document = version.document["document"]
    return TokenizerVersion(version.name, version.number, version.digest, document, version.created)


def _mixture(version: Version) -> MixtureVersion:
    text = version.document["text"]
    return MixtureVersion(version.name, version.number, version.digest, text, version.created)


def _plan(row: Row[Any]) -> PlanRecord:
    return PlanRecord(
        row.digest, row.mixture, row.sources, row.tokens, row.created, json.loads(row.document)
    )
