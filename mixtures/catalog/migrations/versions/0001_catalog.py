"""The first tables: versions, aliases, notes, token sets, views, plans."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _key(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, autoincrement=False)


def upgrade() -> None:
    op.create_table(
        "versions",
        *_key("kind", "name"),
        _number("number"),
        *_key("digest", "created", "document"),
        sa.PrimaryKeyConstraint("kind", "name", "number", name="pk_versions"),
        sa.UniqueConstraint("kind", "name", "digest", name="uq_versions_kind_name_digest"),
    )
    op.create_index("ix_versions_kind_digest", "versions", ["kind", "digest"])
    op.create_table(
        "alias_moves",
        *_key("kind", "name", "alias"),
        _number("revision"),
        sa.Column("version", sa.BigInteger, nullable=True),
        *_key("created"),
        sa.PrimaryKeyConstraint("kind", "name", "alias", "revision", name="pk_alias_moves"),
    )
    op.create_table(
        "notes",
        *_key("kind", "name"),
        _number("number"),
        _number("revision"),
        *_key("document", "created"),
        sa.PrimaryKeyConstraint("kind", "name", "number", "revision", name="pk_notes"),
    )
    op.create_table(
        "token_sets",
        *_key("text_digest", "tokenizer_digest", "created"),
        sa.PrimaryKeyConstraint("text_digest", "tokenizer_digest", name="pk_token_sets"),
    )
    op.create_table(
        "views",
        *_key("digest", "document", "created"),
        sa.PrimaryKeyConstraint("digest", name="pk_views"),
    )
    op.create_table(
        "plans",
        *_key("digest"),
        sa.Column("mixture", sa.Text, nullable=True),
        *_key("document", "created"),
        sa.PrimaryKeyConstraint("digest", name="pk_plans"),
    )
    op.create_index("ix_plans_created_digest", "plans", ["created", "digest"])
    op.create_table(
        "plan_sources",
        *_key("plan", "path", "dataset", "digest"),
        sa.PrimaryKeyConstraint("plan", "path", name="pk_plan_sources"),
        sa.ForeignKeyConstraint(["plan"], ["plans.digest"], name="fk_plan_sources_plan_plans"),
    )
    op.create_index("ix_plan_sources_digest", "plan_sources", ["digest"])


def downgrade() -> None:
    for table in (
        "plan_sources",
        "plans",
        "views",
        "token_sets",
        "notes",
        "alias_moves",
        "versions",
    ):
        op.drop_table(table)
