"""
Acting for an account outside a job: its token for the length of one call, and what Meta's
answers mean for the account.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from threadsworker.errors import NotPossible, RateLimited, TokenRejected
from threadsworker.http import Http
from threadsworker.log import redact, redacted
from threadsworker.store import accounts, standing
from threadsworker.store.database import clock
from threadsworker.threads_api import QUOTA_USED_UP, ThreadsApi

if TYPE_CHECKING:
    from threadsworker.client.accounts import Accounts

logger = logging.getLogger(__name__)


class Acting:
    """
    Meta's API on behalf of an account, for one call: made anew each time, so that nothing is
    kept and a replaced token counts at once.
    """

    def __init__(self, client: Accounts, name: str, http: Http, *, publishes: bool = False) -> None:
        """
        Raises
        ------
        NotFound, NotPossible:
            There is no such account; Meta asked for a pause (`account.throttled`); a person
            paused it, and this publishes something (`account.paused`).
        """
        client._adopt(name)
        with client._reading() as session:
            row, now = accounts.find(session, name), clock(session)
            held = accounts.credentials(session, row.id, cipher=client._cipher, now=now)
        if standing.rest_until(row.paused_until, now):
            raise NotPossible(
                f"Meta wants account {name!r} to pause until "
                f"{row.paused_until:%Y-%m-%d %H:%M:%S} UTC",
                code="account.throttled",
            )
        if publishes and row.paused_at is not None:
            raise NotPossible(f"account {name!r} is paused", code="account.paused")
        redact(held.access_token)
        self.account_id = row.id
        self._client = client
        self._token_version = row.token_version
        self._dice = random.SystemRandom()
        self._api = ThreadsApi(
            base_url=client.settings.threads_api_url,
            token=held.access_token,
            http=http,
            on_pressure=self._slow_down,
        )

    @property
    def api(self) -> ThreadsApi:
        """To be used within `heard`."""
        return self._api

    @contextmanager
    def heard(self) -> Iterator[ThreadsApi]:
        """
        The API; a refusal that concerns the account is written down as a step would, and raised.

        A rejected token means that the account has to be connected again, unless the token was
        replaced meanwhile; a throttle, that it pauses.
        """
        try:
            yield self._api
        except TokenRejected as error:
            because = redacted(error.message)
            self._client._write(
                lambda session: standing.disconnect(
                    session,
                    self.account_id,
                    token_version=self._token_version,
                    now=clock(session),
                    because=because,
                )
            )
            raise
        except RateLimited as error:
            if (error.code, error.subcode) != QUOTA_USED_UP:
                self._slow_down(error.retry_after)
            raise

    def _slow_down(self, seconds: float | None) -> None:
        """Let the account pause; that it could not be written down loses no answer."""
        try:
            until = self._client._write(
                lambda session: standing.cool_down(
                    session,
                    self.account_id,
                    asked_for=seconds,
                    now=clock(session),
                    dice=self._dice,
                )
            )
        except SQLAlchemyError:
            logger.warning("Account %s: its pause could not be stored", self.account_id)
        else:
            logger.warning("Account %s: pauses for Meta until %s", self.account_id, until)
