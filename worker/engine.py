"""What every piece of work needs, and what this worker computes with."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from storage import claims
from storage.blobs import Blobs
from storage.claims import Capabilities, Claim
from storage.database import Database
from storage.records import JobOptions
from storage.settings import Settings
from worker.analyser.client import Analyser
from worker.analyser.limits import AnalyserLimits
from worker.model import load_model, load_yunet

ENGINE_VERSION = "7"
"""Raised with every change that can change a row: a job is finished by the version that planned it.
"""


class Stopping(Exception):  # noqa: N818  # a signal, not a fault
    """This worker is asked to end: what it holds is handed back."""


@dataclass(frozen=True)
class Engine:
    """What every piece of work needs."""

    database: Database
    blobs: Blobs
    settings: Settings
    able: Capabilities
    stopping: Callable[[], bool]  #: asked every second: True hands the work back
    wake_others: Callable[[int], None]  #: told how many pieces of work have become ready

    def tick(self, claim: Claim, frames_done: int) -> None:
        """Renew the lease and write the progress. Raises LeaseLost, or Stopping to hand back."""
        if self.stopping():
            raise Stopping
        claims.renew(self.database, claim, frames_done=frames_done, lease_s=self.settings.lease_s)

    @contextmanager
    def medium(self, claim: Claim) -> Iterator[int]:
        """Open the claim's medium and yield its descriptor."""
        descriptor = self.blobs.open(claim.location)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def capabilities(settings: Settings) -> Capabilities:
    """Tell what a worker with these settings computes with. Raises ModelContractError."""
    return Capabilities(
        model_hash=load_model(settings.model).sha256,
        engine_version=ENGINE_VERSION,
        yunet_hash=load_yunet(settings.yunet).sha256 if settings.yunet else "",
    )


def check_models(settings: Settings) -> None:
    """Load the classifier and the default detector as workers do. Raises ModelContractError, or what `Analyser` raises."""
    with Analyser(AnalyserLimits.from_settings(settings)) as analyser:
        analyser.load(JobOptions().detector, tick=lambda _done: None)
