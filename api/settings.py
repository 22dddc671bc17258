"""Settings of the server: one table, `AWASE_` in the environment, secrets from files.

docs/http.md prints this table; a test holds the two together.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from curation.base.store import DEFAULT
from mixtures.query import Limits

_SECRETS = Path("/run/secrets")


class Settings(BaseSettings):
    """How the server behaves. Precedence: argument, environment, file in /run/secrets, default."""

    model_config = SettingsConfigDict(
        env_prefix="AWASE_",
        frozen=True,
        extra="ignore",
        secrets_dir=_SECRETS if _SECRETS.is_dir() else None,
    )

    store: Path = Field(Path(DEFAULT), description="the folder of the store")
    catalog: SecretStr | None = Field(
        None, description="database URL of the catalog; unset: SQLite inside the store"
    )
    host: str = Field("127.0.0.1", description="the address that is bound")
    keys: SecretStr = Field(
        SecretStr(""),
        description="scope:sha256 pairs, separated by commas; `awase key create` prints one",
    )
    body_bytes: int = Field(1 << 20, ge=0, description="largest request body")
    page_items: int = Field(1000, ge=1, description="most items a page of a listing may hold")
    drain_seconds: float = Field(
        1.0, ge=0, description="after SIGTERM, how long /readyz says 503 before the port closes"
    )
    graceful_seconds: int = Field(
        30, ge=1, description="how long running responses may take after that"
    )
    disk_floor_bytes: int = Field(
        64 << 20, ge=0, description="free bytes under which /readyz says 503"
    )
    plan_wait_seconds: float = Field(
        10.0, ge=0, description="how long POST .../plan waits before it answers 202"
    )
    page_documents: int = Field(100, ge=1, description="most documents a page may hold")
    plan_threads: int = Field(1, ge=1, description="plans made at a time, a process")
    query_seconds: float = Field(10.0, gt=0, description="longest statistics query")
    query_rows: int = Field(10_000, ge=1, description="most groups a statistics query may return")
    query_bytes: int = Field(512 << 20, ge=1 << 20, description="memory of a statistics query")
    query_concurrency: int = Field(2, ge=1, description="statistics queries at a time, a process")
    query_rows_scanned: int = Field(
        200_000_000, ge=1, description="most rows of a version a statistics query may read"
    )
    engines: int = Field(32, ge=1, description="plans whose files stay mapped, a process")
    frame_bytes: int = Field(
        4 << 20, ge=1, description="most bytes of tokens in a frame, but always one sequence"
    )
    frame_threads: int = Field(2, ge=1, description="threads that build frames, a process")
    frames: int = Field(
        8, ge=1, description="whole frames in memory, a process; slow clients hold a piece each"
    )
    documents: bool = Field(
        True, description="whether GET .../documents may return text (scope read)"
    )

    @property
    def query_limits(self) -> Limits:
        """The bounds of one statistics query."""
        return Limits(
            self.query_seconds, self.query_rows, self.query_bytes, self.query_rows_scanned
        )
