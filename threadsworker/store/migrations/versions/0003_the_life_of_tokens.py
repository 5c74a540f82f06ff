"""the life of tokens."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _moment(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=True)


def _of_account() -> list[sa.Column[Any]]:
    return [
        sa.Column("environment", sa.String(), nullable=True),
        _moment("token_issued_at"),
        sa.Column("scopes", sa.JSON(), nullable=True),
        _moment("token_checked_at"),
        sa.Column("previous_token", sa.Text(), nullable=True),
        _moment("token_refreshed_at"),
        _moment("refresh_at"),
        _moment("refresh_lease_until"),
        _moment("refresh_begun_at"),
        sa.Column("refresh_tries", sa.Integer(), nullable=False, server_default="0"),
        _moment("expiry_told_at"),
        sa.Column("disconnected_because", sa.Text(), nullable=True),
    ]


def upgrade() -> None:
    for column in _of_account():
        op.add_column("threadsworker_account", column)


def downgrade() -> None:
    for column in _of_account():
        op.drop_column("threadsworker_account", column.name)
