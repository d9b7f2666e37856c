"""Jobs that were done at revision 0001 get what later ones got when they ended: sums per second, and pictures."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

# As they were at this revision: the storage package may move on, this file may not.
EXPRESSIONS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
POOR_BELOW = 4_000
UNCERTAIN_BELOW = 5_500
ALL_FACES = -1

_DONE_WITHOUT_ROLLUPS = """
    SELECT job FROM jobs WHERE state = 'done'
        AND NOT EXISTS (SELECT 1 FROM rollups WHERE rollups.job = jobs.job)
"""
_POOR = f"quality < {POOR_BELOW}"
_UNCERTAIN = " AND ".join(f"{name} < {UNCERTAIN_BELOW}" for name in EXPRESSIONS)
_WEIGHT = f"CASE WHEN face IS NULL THEN 0 WHEN {_POOR} THEN 1 ELSE 10 END"
_ROLLUPS = f"""
    INSERT INTO rollups (job, second, track, frame_count, face_count, poor_count, uncertain_count,
        weight, {", ".join(EXPRESSIONS)})
    SELECT frames.job, time_us / 1000000, {{track}}, count(DISTINCT frames.frame), count(face),
        sum(CASE WHEN {_POOR} THEN 1 ELSE 0 END),
        sum(CASE WHEN {_UNCERTAIN} THEN 1 ELSE 0 END),
        sum({_WEIGHT}),
        {", ".join(f"coalesce(sum(({_WEIGHT}) * {name}), 0)" for name in EXPRESSIONS)}
    FROM frames {{join}} observations
        ON observations.job = frames.job AND observations.frame = frames.frame
    WHERE frames.job = :job GROUP BY 1, 2, 3
"""
_ILLUSTRATIONS = """
    INSERT INTO segments (job, position, kind, state)
    SELECT jobs.job, (SELECT max(position) + 1 FROM segments WHERE segments.job = jobs.job),
        'illustrate', 'ready'
    FROM jobs JOIN media ON media.job = jobs.job
    WHERE jobs.state = 'done' AND media.location LIKE 'blob:%' AND NOT EXISTS (
        SELECT 1 FROM segments WHERE segments.job = jobs.job AND segments.kind = 'illustrate')
"""


def upgrade() -> None:
    connection = op.get_bind()
    for job in connection.scalars(sa.text(_DONE_WITHOUT_ROLLUPS)).all():
        for track, join in ((str(ALL_FACES), "LEFT JOIN"), ("track", "JOIN")):
            rollups = sa.text(_ROLLUPS.format(track=track, join=join))
            connection.execute(rollups, {"job": job})
    connection.execute(sa.text(_ILLUSTRATIONS))


def downgrade() -> None:
    """Nothing: what was added is what revision 0002 knows too."""
