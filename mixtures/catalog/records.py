"""What the catalog answers with. All are values: nothing here reads a file or a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from curation.base.errors import Conflict
from curation.shards.manifest import DatasetManifest

Kind = Literal["dataset", "tokenizer", "mixture"]
KINDS: tuple[Kind, ...] = ("dataset", "tokenizer", "mixture")


class StaleAlias(Conflict):
    """The alias moved since the caller looked; nothing was changed."""

    status = 412
    code = "precondition-failed"


@dataclass(frozen=True, slots=True)
class Version:
    """One immutable version of a dataset, tokenizer or mixture, as its ref records it."""

    kind: Kind
    name: str
    number: int
    digest: str
    created: str
    document: Mapping[str, Any]

    @property
    def reference(self) -> str:
        return f"{self.name}@{self.number}"


@dataclass(frozen=True, slots=True)
class DatasetVersion:
    name: str
    number: int
    digest: str
    text_digest: str
    manifest: DatasetManifest
    created: str = ""  # when it was registered, ISO 8601

    @property
    def reference(self) -> str:
        return f"{self.name}@{self.number}"


@dataclass(frozen=True, slots=True)
class TokenizerVersion:
    name: str
    number: int
    digest: str
    document: Mapping[str, Any]
    created: str = ""

    @property
    def reference(self) -> str:
        return f"{self.name}@{self.number}"


@dataclass(frozen=True, slots=True)
class MixtureVersion:
    """A published mixture; `digest` covers the bytes of `text`, comments included."""

    name: str
    number: int
    digest: str
    text: str
    created: str = ""

    @property
    def reference(self) -> str:
        return f"{self.name}@{self.number}"


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
class PlanRecord:
    """A plan as recorded: `mixture` is the reference it was made from, `document` plan.json."""

    digest: str
    mixture: str | None
    document: Mapping[str, Any]
    created: str


@dataclass(frozen=True, slots=True)
class ViewRecord:
    digest: str
    document: Mapping[str, Any]
    created: str
