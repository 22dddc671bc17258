"""Sizes of plans beside their documents, so that a listing reads no document."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_plans = sa.table(
    "plans",
    sa.column("digest", sa.Text),
    sa.column("document", sa.Text),
    sa.column("sources", sa.BigInteger),
    sa.column("tokens", sa.BigInteger),
)


def upgrade() -> None:
    for name in ("sources", "tokens"):
        op.add_column("plans", sa.Column(name, sa.BigInteger, nullable=False, server_default="0"))
    rows = op.get_bind()
    for digest, text in rows.execute(sa.select(_plans.c.digest, _plans.c.document)).all():
        document = json.loads(text)
        tokens = document["stages"][-1]["until"] * document["sequence_length"]
        sizes = {"sources": len(document["sources"]), "tokens": tokens}
        rows.execute(sa.update(_plans).where(_plans.c.digest == digest).values(**sizes))


def downgrade() -> None:
    for name in ("sources", "tokens"):
        op.drop_column("plans", name)
