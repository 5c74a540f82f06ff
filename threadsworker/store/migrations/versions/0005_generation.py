"""generations of the database, and the machine of a worker."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_ADDED = (
    ("threadsworker_worker", "host"),
    ("threadsworker_container", "restored_at"),
    ("threadsworker_segment", "audit_from"),
)


def upgrade() -> None:
    op.create_table(
        "threadsworker_generation",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("backup_from", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.add_column("threadsworker_worker", sa.Column("host", sa.String(), nullable=True))
    for table, name in _ADDED[1:]:
        op.add_column(table, sa.Column(name, sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    for table, name in _ADDED:
        op.drop_column(table, name)
    op.drop_table("threadsworker_generation")
