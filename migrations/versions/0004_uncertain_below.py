"""What is uncertain to a job's model, beside the model. All jobs so far were told so by the shipped models' 0.55."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column(
        "jobs",
        sa.Column("uncertain_below", sa.SmallInteger(), server_default="5500", nullable=False),
    )


def downgrade() -> None:
    op.drop_column("jobs", "uncertain_below")
