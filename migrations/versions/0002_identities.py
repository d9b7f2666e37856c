"""Shots, smoothed probabilities, tracks with a summary and a name, and sums per second for plots."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

# As they were at this revision: the storage package may move on, this file may not.
EXPRESSIONS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")


def upgrade() -> None:
    op.add_column("frames", sa.Column("cut", sa.SmallInteger(), server_default="0", nullable=False))
    for name in EXPRESSIONS:
        op.add_column("observations", sa.Column(f"smoothed_{name}", sa.SmallInteger()))
    for column in (
        sa.Column("best_frame", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("best_face", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("summary", sa.JSON()),
        sa.Column("person", sa.Text()),
    ):
        op.add_column("tracks", column)
    # Which face was best nobody knows any more: the first one is a face of the track at least.
    op.execute(
        "UPDATE tracks SET best_frame = first_frame, best_face = coalesce((SELECT min(face)"
        " FROM observations WHERE observations.job = tracks.job"
        " AND observations.frame = tracks.first_frame AND observations.track = tracks.track), 0)"
    )
    _create_rollups()


def _create_rollups() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "rollups",
        sa.Column("job", key, autoincrement=False, nullable=False),
        sa.Column("second", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("track", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("frame_count", sa.Integer(), nullable=False),
        sa.Column("face_count", sa.Integer(), nullable=False),
        sa.Column("poor_count", sa.Integer(), nullable=False),
        sa.Column("uncertain_count", sa.Integer(), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in EXPRESSIONS),
        sa.PrimaryKeyConstraint("job", "second", "track", name=op.f("pk_rollups")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("rollups")
    for name in ("person", "summary", "best_face", "best_frame"):
        op.drop_column("tracks", name)
    for name in reversed(EXPRESSIONS):
        op.drop_column("observations", f"smoothed_{name}")
    op.drop_column("frames", "cut")
