"""The tables. Every change needs a numbered migration beside it; a test compares the two.

Rows are written after the file that they index (a ref, a manifest, a plan) is durable, and are
never the only place where something is kept, except jobs, which may be asked for again.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

HEAD = "0004"  # the newest migration; `database.migrate` runs when the database says otherwise

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _number(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, autoincrement=False)


versions = Table(
    "versions",
    metadata,
    _text("kind"),
    _text("name"),
    _number("number"),
    _text("digest"),
    _text("created"),
    _text("document"),  # JSON, what the ref holds beside the columns above
    PrimaryKeyConstraint("kind", "name", "number"),
    UniqueConstraint("kind", "name", "digest"),
    Index(None, "kind", "digest"),
)

alias_moves = Table(
    "alias_moves",
    metadata,
    _text("kind"),
    _text("name"),
    _text("alias"),
    _number("revision"),
    Column("version", BigInteger, nullable=True),
    _text("created"),
    PrimaryKeyConstraint("kind", "name", "alias", "revision"),
)

notes = Table(
    "notes",
    metadata,
    _text("kind"),
    _text("name"),
    _number("number"),
    _number("revision"),
    _text("document"),  # JSON {"tags": {...}, "note": "..."}
    _text("created"),
    PrimaryKeyConstraint("kind", "name", "number", "revision"),
)

token_sets = Table(
    "token_sets",
    metadata,
    _text("text_digest"),
    _text("tokenizer_digest"),
    _text("created"),
    PrimaryKeyConstraint("text_digest", "tokenizer_digest"),
)

views = Table(
    "views",
    metadata,
    _text("digest"),
    _text("document"),
    _text("created"),
    PrimaryKeyConstraint("digest"),
)

plans = Table(
    "plans",
    metadata,
    _text("digest"),
    Column("mixture", Text, nullable=True),
    _text("document"),
    _text("created"),
    _number("sources"),  # how many, and
    _number("tokens"),  # token slots: listings need not read the document
    PrimaryKeyConstraint("digest"),
    Index(None, "created", "digest"),
)

plan_sources = Table(
    "plan_sources",
    metadata,
    _text("plan"),
    _text("path"),
    _text("dataset"),
    _text("digest"),
    PrimaryKeyConstraint("plan", "path"),
    ForeignKeyConstraint(["plan"], ["plans.digest"]),
    Index(None, "digest"),
)

# Runs are written to the store's refs within the transaction that changes these rows (run_refs.py).
runs = Table(
    "runs",
    metadata,
    _text("id"),
    _text("head"),  # plan digest: the last of the run's chain
    _number("sealed"),  # positions below may have been handed out
    _number("entries"),
    _text("created"),
    PrimaryKeyConstraint("id"),
)

run_entries = Table(
    "run_entries",
    metadata,
    _text("run"),
    _number("number"),
    _text("plan"),
    _number("start"),  # the first position at which the plan may differ from the one before
    _text("document"),  # JSON: what was asked for, and by what
    _text("created"),
    PrimaryKeyConstraint("run", "number"),
    ForeignKeyConstraint(["run"], ["runs.id"]),
    UniqueConstraint("run", "plan"),
)

# Work that goes on behind a request; worth nothing once the plan it makes is there.
jobs = Table(
    "jobs",
    metadata,
    _text("name"),
    _text("state"),  # running | done | failed
    _number("renewed"),  # seconds since 1970, by the process that does it
    _text("document"),
    PrimaryKeyConstraint("name"),
)
