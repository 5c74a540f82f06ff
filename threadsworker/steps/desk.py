"""What the steps share: the database, the way out, and an account's services."""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property, partial
from uuid import uuid4

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from threadsworker import counting
from threadsworker.counting.instruments import THROTTLE_SECONDS, THROTTLES
from threadsworker.crypto import Cipher, load_cipher
from threadsworker.errors import Service, ThreadsWorkerError
from threadsworker.http import Http
from threadsworker.job import WaitReason
from threadsworker.log import redact
from threadsworker.media.spool import Spool
from threadsworker.polling import Expectation
from threadsworker.redaction import redact_settings
from threadsworker.settings import Settings
from threadsworker.staging import Staging
from threadsworker.staging.github import GitHubStaging
from threadsworker.steps.expecting import Expectations
from threadsworker.store import accounts, standing
from threadsworker.store.account_row import AccountRow
from threadsworker.store.accounts import Credentials
from threadsworker.store.database import clock, make_engine, reading, transaction
from threadsworker.threads_api import ThreadsApi

logger = logging.getLogger(__name__)


#: How long a connection to the database is used again unasked. A step whose statement is lost
#: with it is taken again.
TRUSTED_FOR = timedelta(seconds=5)


class OnHold(ThreadsWorkerError):
    """An account is paused, cools down, or has to be reconnected: nothing was asked."""

    def __init__(self, reason: WaitReason, rest: timedelta) -> None:
        super().__init__(f"{reason}: not before {rest} from now")
        self.reason = reason
        self.rest = rest


def paused(service: Service, pause: timedelta) -> None:
    """Count that a service asked for a pause."""
    counting.count(THROTTLES, service=service)
    counting.count(THROTTLE_SECONDS, max(0.0, pause.total_seconds()), service=service)


def _redacted(account: Credentials) -> Credentials:
    redact(account.access_token)
    if account.github_token is not None:
        redact(account.github_token)
    return account


@dataclass(frozen=True)
class Desk:
    """One per process, made on first use: connections must not cross a fork."""

    settings: Settings
    dice: random.Random = field(default_factory=random.Random)
    #: What the times of rows are compared with; None: the database's clock.
    now: Callable[[], datetime] | None = None
    _start: str = field(default_factory=lambda: uuid4().hex)

    def __post_init__(self) -> None:
        redact_settings(self.settings)

    @property
    def worker(self) -> str:
        """This process, for the rows. Host and pid alone would come back after a restart."""
        return f"{self.family}{os.getpid()}"

    @property
    def family(self) -> str:
        """What the ids of this worker's processes begin with, and no other's."""
        return f"{self._start}-"

    @cached_property
    def engine(self) -> Engine:
        return make_engine(
            self.settings.sqlalchemy_url,
            now=self.now,
            idle_limit=self.settings.lease,
            trusted_for=TRUSTED_FOR,
        )

    @cached_property
    def cipher(self) -> Cipher:
        return load_cipher(self.settings)

    @cached_property
    def spool(self) -> Spool:
        return Spool(self.settings.spool)

    @cached_property
    def _expectations(self) -> Expectations:
        return Expectations(self.engine)

    def expectation(self, kind: str) -> Expectation:
        """When to look at a container of `kind`. To be asked outside of a transaction."""
        return self._expectations.of(kind)

    @cached_property
    def http(self) -> Http:
        return self._make_http()

    def _make_http(self) -> Http:
        return Http(read_timeout=self.settings.http_timeout.total_seconds())

    def after_fork(self) -> None:
        """Forget the parent's connections without closing them, and throw dice of one's own."""
        self.engine.dispose(close=False)
        self.dice.seed()

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A transaction that commits at the end of the block. Never open during HTTP."""
        with transaction(self.engine) as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction that only reads."""
        with reading(self.engine) as session:
            yield session

    def credentials(self, session: Session, account_id: str) -> Credentials:
        """The account's tokens, opened, and from now on redacted wherever they are logged."""
        found = accounts.credentials(session, account_id, cipher=self.cipher, now=clock(session))
        return _redacted(found)

    def credentials_of(self, row: AccountRow, *, now: datetime) -> Credentials:
        """The same, of a row that was read already, as it is `now`."""
        return _redacted(accounts.credentials_of(row, cipher=self.cipher, now=now))

    def admit(self, account: Credentials) -> None:
        """Raise OnHold if nothing may be done for the account now."""
        if account.hold is not None:
            # Not all of its jobs at the same moment.
            jitter = account.hold.rest * (0.1 * self.dice.random())
            raise OnHold(account.hold.reason, account.hold.rest + jitter)

    def threads(self, account: Credentials, *, is_claimed: bool = True) -> ThreadsApi:
        """
        Meta's API on behalf of the account.

        Parameters
        ----------
        is_claimed:
            Whether the job that it is for is claimed. If not, nothing keeps it from others for
            longer than a lease: an answer that takes a quarter of that is not waited for, and
            not asked for again after half of it.

        Raises
        ------
        OnHold:
            Nothing may be asked for it now.
        """
        self.admit(account)
        return ThreadsApi(
            base_url=self.settings.threads_api_url,
            token=account.access_token,
            http=self.http,
            version=self.settings.threads_api_version,
            publish_timeout=self.settings.publish_timeout.total_seconds(),
            read_timeout=None if is_claimed else self._short_timeout(),
            on_pressure=partial(self._slow_down, account.account_id),
        )

    def _short_timeout(self) -> float:
        return min(self.settings.http_timeout, self.settings.lease / 4).total_seconds()

    def _slow_down(self, account_id: str, seconds: float | None) -> None:
        """Meta answers still, and says that it soon will not: pause before it has to say so."""
        try:
            with self.transaction() as session:
                now = clock(session)
                until = standing.cool_down(
                    session, account_id, asked_for=seconds, now=now, dice=self.dice
                )
        except SQLAlchemyError:
            logger.warning("Account %s: its pause could not be stored", account_id)
        else:
            paused("threads", until - now)
            logger.warning(
                "Account %s: close to a limit of Meta's, pauses until %s", account_id, until
            )

    def staging(self, account: Credentials, *, repo: str | None = None) -> Staging | None:
        """
        Where the account's local media are made public; None if it has no such place.

        Raises
        ------
        OnHold:
            GitHub wants no request with its token now.
        """
        repo = repo or account.github_repo
        if repo is None or account.github_token is None:
            return None
        if account.github_rest:
            raise OnHold(WaitReason.GITHUB_LIMIT, account.github_rest)
        return GitHubStaging(
            repo=repo,
            token=account.github_token,
            api_url=self.settings.github_api_url,
            raw_url=self.settings.github_raw_url,
            http=self.http,
            api_version=self.settings.github_api_version,
            upload_timeout=self.settings.github_upload_timeout.total_seconds(),
        )
