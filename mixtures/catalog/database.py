"""The database behind the catalog: SQLite in WAL mode, or PostgreSQL by URL. Owns SQLAlchemy.

SQLite: every transaction that writes starts with BEGIN IMMEDIATE, so that writers queue (busy
timeout) instead of failing half way; synchronous=FULL, so that a commit survives a power cut.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError, OperationalError

from curation.base.errors import AwaseError, Failed, TryAgain, UsageError
from curation.base.store import disk_full
from mixtures.catalog.models import HEAD

ENVIRONMENT = "AWASE_CATALOG"
BUSY_SECONDS = 30.0
# More than the threads that a server answers with, so that none waits for a connection.
MAX_CONNECTIONS = {"pool_size": 5, "max_overflow": 60}
_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)
_LOCK = 0x61776173  # PostgreSQL advisory lock for migrations: "awas"


class Database:
    """A pool of connections to one migrated database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str, *, fill: Callable[[Connection], object]) -> Database:
        """Connect and bring the tables to HEAD; TryAgain where the server cannot be reached.

        Where there were no tables, `fill` is called in the transaction that makes them: a database
        is either absent or knows all that the store held when it was made.
        """
        engine = _engine(url)
        try:
            _migrate(engine, fill)
        except AwaseError:
            engine.dispose()
            raise
        except OperationalError as error:
            engine.dispose()
            raise _unavailable(engine, error, "cannot be opened") from error
        except DatabaseError as error:
            engine.dispose()
            raise Failed(
                f"catalog {_shown(url)} is damaged ({error.orig}): move it away, then "
                "`awase doctor --rebuild` restores it from the store"
            ) from error
        return cls(engine)

    def close(self) -> None:
        self._engine.dispose()

    @property
    def dialect(self) -> str:
        return self._engine.dialect.name

    def answers(self) -> bool:
        """Whether a query gets an answer now."""
        try:
            with self.read() as rows:
                rows.exec_driver_sql("SELECT 1")
        except AwaseError:
            return False
        return True

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One read transaction; TryAgain where the database does not answer."""
        try:
            with self._engine.connect() as connection, connection.begin():
                yield connection
        except OperationalError as error:
            raise _unavailable(self._engine, error, "does not answer") from error

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction that is committed at the end; waits for other writers up to 30 s."""
        try:
            with (
                self._engine.connect().execution_options(awase_write=True) as connection,
                connection.begin(),
            ):
                yield connection
        except OperationalError as error:
            raise _unavailable(
                self._engine, error, f"cannot be written, waited up to {BUSY_SECONDS:.0f} s"
            ) from error


def _unavailable(engine: Engine, error: OperationalError, what: str) -> AwaseError:
    """The error for a user: a full or read-only disk said so, else in the driver's words."""
    catalog = f"catalog {_shown(engine.url)}"
    if getattr(error.orig, "sqlite_errorcode", None) in _FULL:
        return disk_full(catalog)
    if engine.url.database and engine.dialect.name == "sqlite":
        folder = Path(engine.url.database).parent
        if not os.access(folder, os.W_OK):  # WAL makes files beside the database even to read it
            return Failed(
                f"{catalog}: {what}: {folder} cannot be written, which SQLite needs even to read; "
                "use a writable copy of the store, or AWASE_CATALOG with PostgreSQL"
            )
    return TryAgain(f"{catalog}: {what} ({error.orig}): run the same command again")


def sqlite_url(path: Path) -> str:
    return URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)


def insert_if_absent(connection: Connection, table: sa.Table, values: Mapping[str, Any]) -> bool:
    """Insert a row unless one with the same key exists; True where it was inserted."""
    return bool(connection.execute(_insert(connection, table).values(**values)).rowcount)


def insert_all_if_absent(
    connection: Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert each row unless one with the same key exists, in one call of the driver."""
    connection.execute(_insert(connection, table), rows)


def _insert(connection: Connection, table: sa.Table) -> Any:
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as insert_postgresql

        return insert_postgresql(table).on_conflict_do_nothing()
    from sqlalchemy.dialects.sqlite import insert as insert_sqlite

    return insert_sqlite(table).on_conflict_do_nothing()


def dump(document: Mapping[str, Any]) -> str:
    return json.dumps(dict(document), ensure_ascii=False)


def _shown(url: str | URL) -> str:
    return make_url(url).render_as_string(hide_password=True)


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            raise UsageError(
                f"{ENVIRONMENT} {_shown(url)!r}: use postgresql+psycopg://user@host/database, "
                "or leave it unset for SQLite inside the store"
            )
        if parsed.get_backend_name() == "postgresql":
            return sa.create_engine(parsed, pool_pre_ping=True, **MAX_CONNECTIONS)
        options = {"timeout": BUSY_SECONDS}
        engine = sa.create_engine(parsed, connect_args=options, **MAX_CONNECTIONS)
    except ArgumentError as error:
        raise UsageError(f"{ENVIRONMENT} is not a database URL ({error})") from error
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise UsageError(
            f"{ENVIRONMENT}: the driver is not installed ({error}); "
            "install awase with the extra `postgres`"
        ) from error
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, below
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    write = connection.get_execution_options().get("awase_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _current(connection: Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").first()
    return None if row is None else str(row[0])


def _migrate(engine: Engine, fill: Callable[[Connection], object]) -> None:
    """Bring the tables to HEAD, one process at a time."""
    with engine.connect() as connection, connection.begin():
        if _current(connection) == HEAD:
            return
    with engine.connect().execution_options(awase_write=True) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        before = _current(connection)
        if before != HEAD:
            _upgrade(connection, before)
        if before is None:
            fill(connection)


def _upgrade(connection: Connection, before: str | None) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if before is not None and before not in known:
        raise Failed(
            f"the catalog was made by a newer awase (revision {before}, this one knows {HEAD}): "
            "upgrade awase"
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
