"""The Celery application: messages are hints that say "look"; SQL alone knows what there is to do.

So nothing is lost with a message: no chords, no results, early acknowledgement, and the sweeper
sends what got lost.
"""

import logging
from typing import Protocol

from celery import Celery
from kombu.exceptions import OperationalError

from storage.settings import Settings

logger = logging.getLogger(__name__)

LOOK_TASK = "affectline.look"
QUEUE = "affectline"
_HINT_LIVES_S = 60  # an older one says nothing the sweeper has not said again


def make_celery(settings: Settings) -> Celery:
    """Make the application for a broker. Raises ConfigurationError without one that can be used."""
    settings.check_broker()
    app = Celery("affectline", broker=settings.broker_url, include=["worker.tasks"])
    app.conf.update(
        task_default_queue=QUEUE,
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_acks_late=False,
        worker_prefetch_multiplier=1,
        worker_concurrency=settings.workers,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        accept_content=["json"],
        task_serializer="json",
        broker_transport_options={
            "socket_connect_timeout": 2,
            "socket_timeout": 10,
            # One try: else whoever sends a hint while the broker is away waits 7 s for its failure.
            **{"max_retries": 1, "interval_start": 0},
        },
    )
    return app


class SendHints(Protocol):
    """Sends some hints."""

    def __call__(self, count: int = 1) -> None: ...


def hint_sender(settings: Settings) -> SendHints:
    """Make a function that sends some hints; a broker that is away is logged, never raised."""
    app = make_celery(settings)

    def send(count: int = 1) -> None:
        try:
            for _ in range(count):
                app.send_task(LOOK_TASK, expires=_HINT_LIVES_S, retry=False)
        except OperationalError as error:
            logger.warning("hint not sent, the sweeper will send it again: %s", error)

    return send


def queue_length(app: Celery) -> int:
    """Count the hints that wait in the broker. Raises OperationalError when it is away."""
    with app.connection_for_read() as connection:
        try:
            with connection.channel() as channel:
                return int(channel.queue_declare(QUEUE, passive=False).message_count)
        except (*connection.connection_errors, *connection.channel_errors) as error:
            raise OperationalError(f"the broker can't be reached: {error}") from error
