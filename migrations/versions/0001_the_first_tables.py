"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    _create_frames()
    _create_jobs()
    _create_observations()
    _create_tracks()
    _create_media()
    _create_segments()


def _create_frames() -> None:
    op.create_table(
        "frames",
        sa.Column(
            "job",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("frame", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("time_us", sa.BigInteger(), nullable=False),
        sa.Column("face_count", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("job", "frame", name=op.f("pk_frames")),
        sqlite_with_rowid=False,
    )


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column(
            "job",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("error_code", sa.String(length=64), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("model_hash", sa.String(length=64), nullable=True),
        sa.Column("engine_version", sa.String(length=16), nullable=True),
        sa.Column("frames_total", sa.BigInteger(), nullable=True),
        sa.Column("segments_total", sa.Integer(), nullable=True),
        sa.Column("segments_done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("claimed_at", sa.Double(), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=True),
        sa.Column("finished_at", sa.Double(), nullable=True),
        sa.Column("summary", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("job", name=op.f("pk_jobs")),
        sa.UniqueConstraint("id", name=op.f("uq_jobs_id")),
        sqlite_autoincrement=True,
    )


def _create_observations() -> None:
    op.create_table(
        "observations",
        sa.Column(
            "job",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("frame", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("face", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("track", sa.Integer(), nullable=True),
        sa.Column("x", sa.Integer(), nullable=False),
        sa.Column("y", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("detection_score", sa.SmallInteger(), nullable=False),
        sa.Column("quality", sa.SmallInteger(), nullable=True),
        sa.Column("angry", sa.SmallInteger(), nullable=False),
        sa.Column("disgust", sa.SmallInteger(), nullable=False),
        sa.Column("fear", sa.SmallInteger(), nullable=False),
        sa.Column("happy", sa.SmallInteger(), nullable=False),
        sa.Column("neutral", sa.SmallInteger(), nullable=False),
        sa.Column("sad", sa.SmallInteger(), nullable=False),
        sa.Column("surprise", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("job", "frame", "face", name=op.f("pk_observations")),
        sqlite_with_rowid=False,
    )


def _create_tracks() -> None:
    op.create_table(
        "tracks",
        sa.Column(
            "job",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("track", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("first_frame", sa.BigInteger(), nullable=False),
        sa.Column("last_frame", sa.BigInteger(), nullable=False),
        sa.Column("first_time_us", sa.BigInteger(), nullable=False),
        sa.Column("last_time_us", sa.BigInteger(), nullable=False),
        sa.Column("face_count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("job", "track", name=op.f("pk_tracks")),
        sqlite_with_rowid=False,
    )


def _create_media() -> None:
    op.create_table(
        "media",
        sa.Column(
            "job",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("info", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["job"], ["jobs.job"], name=op.f("fk_media_job")),
        sa.PrimaryKeyConstraint("job", name=op.f("pk_media")),
    )
    with op.batch_alter_table("media", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_media_location"), ["location"], unique=False)


def _create_segments() -> None:
    op.create_table(
        "segments",
        sa.Column(
            "segment",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("job", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("fence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lease_until", sa.Double(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("losses", sa.Integer(), server_default="0", nullable=False),
        sa.Column("first_frame", sa.BigInteger(), nullable=True),
        sa.Column("frames_total", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("frames_done", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("full_decode", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["job"], ["jobs.job"], name=op.f("fk_segments_job")),
        sa.PrimaryKeyConstraint("segment", name=op.f("pk_segments")),
        sa.UniqueConstraint("job", "position", name=op.f("uq_segments_job_position")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("segments", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_segments_state_job_position"), ["state", "job", "position"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("segments", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_segments_state_job_position"))

    op.drop_table("segments")
    with op.batch_alter_table("media", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_media_location"))

    op.drop_table("media")
    op.drop_table("tracks")
    op.drop_table("observations")
    op.drop_table("jobs")
    op.drop_table("frames")
