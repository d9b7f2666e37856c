"""Take one piece of work and bring it to an end: what Celery children and `annotate` share."""

import logging

from storage import claims, failures
from storage.claims import Claim
from storage.errors import (
    AffectlineError,
    AnalyserOutOfMemory,
    ConfigurationError,
    LeaseLost,
    OutputFailed,
)
from storage.records import SegmentKind
from worker.analyser.client import Analyser
from worker.engine import Engine, Stopping
from worker.finalise import finalise_job
from worker.illustrate import illustrate_job
from worker.plan import plan_job
from worker.segment import analyse_segment

logger = logging.getLogger(__name__)


def work_next(engine: Engine, analyser: Analyser) -> bool:
    """Claim one piece of work and bring it to an end. Returns whether there was one."""
    claim = claims.claim_next(engine.database, engine.able, lease_s=engine.settings.lease_s)
    if claim is None:
        return failures.adopt_orphan(engine.database, engine.able)
    try:
        _work(engine, analyser, claim)
    except Stopping:
        claims.hand_back(engine.database, claim)
    except LeaseLost:
        logger.warning("lease lost, result dropped", extra=_facts(claim))
    except ConfigurationError:  # of this worker, not of the job: others may do better
        claims.hand_back(engine.database, claim)
        raise
    except AffectlineError as error:
        _report(engine, claim, error)
    except MemoryError:  # it would end the whole Celery worker: celery issue 10462
        _report(engine, claim, AnalyserOutOfMemory())
    except OSError as error:  # of writing: what can't be read is typed by storage.blobs
        _report(
            engine, claim, OutputFailed(f"a file of the job can't be written: {error.strerror}")
        )
    return True


def _report(engine: Engine, claim: Claim, error: AffectlineError) -> None:
    logger.warning("%s: %s", error.code, error.message, extra=_facts(claim))
    failures.report_failure(engine.database, claim, error)


def _facts(claim: Claim) -> dict[str, object]:
    return {"job": claim.job, "segment": claim.segment, "kind": str(claim.kind)}


def _work(engine: Engine, analyser: Analyser, claim: Claim) -> None:
    if claim.kind is SegmentKind.PLAN:
        engine.wake_others(plan_job(engine, analyser, claim))
    elif claim.kind is SegmentKind.ANALYSE:
        analyse_segment(engine, analyser, claim)
    elif claim.kind is SegmentKind.ILLUSTRATE:
        illustrate_job(engine, analyser, claim)
    else:
        finalise_job(engine, claim)
