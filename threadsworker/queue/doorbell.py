"""
The bell: how an app, which is no worker, rings for a job.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from celery import Celery
from kombu.exceptions import OperationalError

from threadsworker import signing
from threadsworker.queue.app import CONNECT_TIMEOUT, make_app
from threadsworker.queue.messages import Title, cleanup, job_chain
from threadsworker.queue.names import EVENT
from threadsworker.queue.redis import BrokerFacts, facts_of


class Doorbell:
    """
    Rings for jobs, from any thread. Makes its Celery app on first use.

    `keys` gives what messages are signed with, see `make_app`; it may give None.
    """

    def __init__(
        self,
        broker_url: Callable[[], str],
        *,
        key_prefix: str = "",
        keys: Callable[[], signing.Keys | None] = lambda: None,
    ) -> None:
        self._broker_url = broker_url
        self._key_prefix = key_prefix
        self._keys = keys
        self._lock = threading.Lock()
        self._app: Celery | None = None

    def ring(self, job_id: str, run: int, index: int | None, title: Title | None = None) -> bool:
        """Send the chain of this run, see `job_chain`. False if the broker is out of reach."""
        try:
            job_chain(self._celery(), job_id, run, index, title).apply_async(retry=False)
        except (OperationalError, OSError):
            return False
        return True

    def ring_cleanup(self, job_id: str, run: int, title: Title | None = None) -> bool:
        """Send for cleaning up alone. False if the broker is out of reach; a sweep follows."""
        try:
            cleanup(self._celery(), job_id, run, title).apply_async(retry=False)
        except (OperationalError, OSError):
            return False
        return True

    def ring_event(self, notification_id: str) -> bool:
        """Send for what Meta has told. False if the broker is out of reach; a duty follows."""
        try:
            shown = f"notification {notification_id}"
            told = self._celery().signature(EVENT, args=(notification_id,), immutable=True)
            told.apply_async(retry=False, argsrepr=shown)
        except (OperationalError, OSError):
            return False
        return True

    def close(self) -> None:
        """Close the connections to the broker; the next message makes new ones."""
        with self._lock:
            app, self._app = self._app, None
        if app is not None:
            app.close()

    def _celery(self) -> Celery:
        with self._lock:
            if self._app is None:
                self._app = make_app(
                    self._broker_url(), key_prefix=self._key_prefix, keys=self._keys()
                )
            return self._app

    def facts(self) -> BrokerFacts:
        """What the broker tells of itself, see `facts_of`."""
        return facts_of(self._celery())

    def trouble(self) -> str | None:
        """What keeps the broker from being spoken to, in its own or the network's words."""
        try:
            with self._celery().connection_for_write() as connection:
                connection.ensure_connection(max_retries=1, timeout=CONNECT_TIMEOUT)
        except (OperationalError, OSError) as error:
            return str(error).partition("\n")[0] or type(error).__name__
        return None
