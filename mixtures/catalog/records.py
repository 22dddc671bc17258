"""What the catalog answers with. All are values: nothing here reads a file or a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from curation.base.errors import Conflict
from curation.shards.manifest import DatasetManifest

Kind = Literal["dataset", "tokenizer", "mixture"]
KINDS: tuple[Kind, ...] = ("dataset", "tokenizer", "mixture")


class Stale(Conflict):
    """What the caller looked at moved since; nothing was changed."""

    status = 412
    code = "precondition-failed"


class StaleAlias(Stale):
    """The alias moved since the caller looked."""


class StaleVersion(Stale):
    """The newest version is not the one the caller looked at."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """One immutable version under a name; numbers count from 1."""

    name: str
    number: int
    digest: str

    @property
    def reference(self) -> str:
        return f"{self.name}@{self.number}"


@dataclass(frozen=True, slots=True)
class Version(Numbered):
    """A version of a dataset, tokenizer or mixture, as its ref records it."""

    kind: Kind
    created: str  # when it was registered, ISO 8601
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DatasetVersion(Numbered):
    text_digest: str
    manifest: DatasetManifest
    created: str = ""


@dataclass(frozen=True, slots=True)
class TokenizerVersion(Numbered):
    document: Mapping[str, Any]
    created: str = ""


@dataclass(frozen=True, slots=True)
class MixtureVersion(Numbered):
    """A published mixture; `digest` covers the bytes of `text`, comments included."""

    text: str
    created: str = ""


@dataclass(frozen=True, slots=True)
class AliasMove:
    """One move of an alias; the highest revision is where it points. `version` None: removed."""

    kind: Kind
    name: str
    alias: str
    revision: int
    version: int | None
    created: str


@dataclass(frozen=True, slots=True)
class Notes:
    """Tags and a note on a version; free to change, each change a revision (0: never set)."""

    tags: Mapping[str, str]
    note: str
    revision: int


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """A line on a plan: `mixture` is the reference it was made from, `tokens` its token slots."""

    digest: str
    mixture: str | None
    sources: int
    tokens: int
    created: str


@dataclass(frozen=True, slots=True)
class PlanRecord(PlanSummary):
    """A plan as recorded, with its plan.json."""

    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ViewRecord:
    digest: str
    document: Mapping[str, Any]
    created: str
