"""The tables, one schema for SQLite and PostgreSQL. migrations/ brings a database to it; a test
compares both.

Times of day are seconds since 1970 by the database's clock (`_at`); media times are microseconds
from the first frame (`_us`); scores, quality and probabilities are ten-thousandths; boxes are whole
pixels of the upright picture.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from storage.labels import EXPRESSIONS, UNCERTAIN_BELOW

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

SMOOTHED_COLUMNS = tuple(f"smoothed_{name}" for name in EXPRESSIONS)
ALL_FACES = -1
"""In the place of a track's number in `rollups`: every face of every looked-at frame."""

# SQLite numbers rows itself only when the key is exactly INTEGER.
KEY = BigInteger().with_variant(Integer, "sqlite")

jobs = Table(
    "jobs",
    metadata,
    Column("job", KEY, primary_key=True, autoincrement=True),  # the short key of the wide tables
    Column("id", String(32), nullable=False, unique=True),  # the public one
    Column("state", String(16), nullable=False),
    Column("error_code", String(64)),
    Column("error_message", Text),
    Column("options", JSON, nullable=False),
    Column("model_hash", String(64)),  # fixed by the plan
    Column("engine_version", String(16)),  # fixed by the plan
    Column(  # in ten-thousandths, as the model's file says; fixed by the plan
        "uncertain_below",
        SmallInteger,
        nullable=False,
        default=UNCERTAIN_BELOW,
        server_default="5500",  # of jobs older than the column
    ),
    Column("frames_total", BigInteger),  # looked-at frames; null before the plan
    Column("segments_total", Integer),
    Column("segments_done", Integer, nullable=False, server_default="0"),
    Column("claimed_at", Double),  # when a worker last took a piece of it
    Column("created_at", Double, nullable=False),
    Column("started_at", Double),
    Column("finished_at", Double),
    Column("summary", JSON),
    sqlite_autoincrement=True,  # a stale claim must never fit a later job that got the same key
)

media = Table(
    "media",
    metadata,
    Column("job", KEY, ForeignKey("jobs.job"), primary_key=True, autoincrement=False),
    Column("filename", Text, nullable=False),  # the caller's name: text, never a path to open
    Column("location", Text, nullable=False, index=True),  # see storage.blobs
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("info", JSON),  # records.MediaInfo, once planned
)

segments = Table(
    "segments",
    metadata,
    Column("segment", KEY, primary_key=True, autoincrement=True),
    Column("job", KEY, ForeignKey("jobs.job"), nullable=False),
    Column("position", Integer, nullable=False),  # 0 plan, 1.. analyse, last finalise
    Column("kind", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("fence", Integer, nullable=False, server_default="0"),  # raised by every claim
    Column("lease_until", Double),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("losses", Integer, nullable=False, server_default="0"),
    Column("first_frame", BigInteger),
    Column("frames_total", BigInteger, nullable=False, server_default="0"),
    Column("frames_done", BigInteger, nullable=False, server_default="0"),
    Column("full_decode", Boolean, nullable=False, server_default="0"),
    Column("payload", LargeBinary),  # zlib-compressed JSON of records.SegmentSlice
    UniqueConstraint("job", "position"),
    Index(None, "state", "job", "position"),
    sqlite_autoincrement=True,
)

frames = Table(
    "frames",
    metadata,
    Column("job", KEY, primary_key=True, autoincrement=False),
    Column("frame", BigInteger, primary_key=True, autoincrement=False),
    Column("time_us", BigInteger, nullable=False),
    Column("face_count", SmallInteger, nullable=False),
    Column("cut", SmallInteger, nullable=False, server_default="0"),  # 1: begins a new shot
    sqlite_with_rowid=False,
)

observations = Table(
    "observations",
    metadata,
    Column("job", KEY, primary_key=True, autoincrement=False),
    Column("frame", BigInteger, primary_key=True, autoincrement=False),
    Column("face", SmallInteger, primary_key=True, autoincrement=False),
    Column("track", Integer),  # null until finalise
    Column("x", Integer, nullable=False),
    Column("y", Integer, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("detection_score", SmallInteger, nullable=False),
    Column("quality", SmallInteger),
    *(Column(name, SmallInteger, nullable=False) for name in EXPRESSIONS),
    *(Column(name, SmallInteger) for name in SMOOTHED_COLUMNS),  # null until finalise
    sqlite_with_rowid=False,
)

tracks = Table(
    "tracks",
    metadata,
    Column("job", KEY, primary_key=True, autoincrement=False),
    Column("track", Integer, primary_key=True, autoincrement=False),
    Column("first_frame", BigInteger, nullable=False),
    Column("last_frame", BigInteger, nullable=False),
    Column("first_time_us", BigInteger, nullable=False),
    Column("last_time_us", BigInteger, nullable=False),
    Column("face_count", BigInteger, nullable=False),
    Column("best_frame", BigInteger, nullable=False),  # where a thumbnail is to be had
    Column("best_face", SmallInteger, nullable=False),
    Column("summary", JSON),  # records.FacesSummary; null: finalised before there was one
    Column("person", Text),  # a name given by hand
    sqlite_with_rowid=False,
)

rollups = Table(
    "rollups",
    metadata,
    Column("job", KEY, primary_key=True, autoincrement=False),
    Column("second", Integer, primary_key=True, autoincrement=False),
    Column("track", Integer, primary_key=True, autoincrement=False),  # or ALL_FACES
    Column("frame_count", Integer, nullable=False),  # looked-at frames; of a track: those with it
    Column("face_count", Integer, nullable=False),
    Column("poor_count", Integer, nullable=False),
    Column("uncertain_count", Integer, nullable=False),
    Column("weight", Integer, nullable=False),  # sum of the faces' weights
    *(Column(name, BigInteger, nullable=False) for name in EXPRESSIONS),  # sums, weighted
    sqlite_with_rowid=False,
)
