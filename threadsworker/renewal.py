"""
Refreshing an account's token so that it is never without one that works.

The same for beat's duty and for `Client.refresh_account`:

1. One worker at a time holds the token, by a lease on its row.
2. It writes down that a refresh is under way, asks Meta for one, and stores the new token by
   compare-and-set on `token_version`; the old token stays in the row beside it.
3. It reads ``/me`` with the new token. Only when that has answered is the old one dropped. If
   the new one is refused and the old one answers, the old one is put back.

What if the worker dies between Meta's answer and step 2's commit? The new token is gone with it.
Meta does not say whether the old string goes on working after a refresh
(https://developers.facebook.com/documentation/threads/get-started/long-lived-tokens,
2026-08-12). If it does, nothing is lost: the next worker finds the lease over, refreshes the old
token again, and nobody notices. If Meta should end the old string at once, nobody can help: the
only string that works was never stored. Then the refresh and ``/me`` are both refused, and the
account needs its owner, with the reason in its row: that a refresh was begun at such a time and
its answer lost. No post fails for it; they wait. The window is one commit wide, and a database
that does not answer at that moment is asked again for a while before the token is given up.
"""

from __future__ import annotations

import logging
import random
from dataclasses import replace
from datetime import datetime, timedelta

from pydantic import SecretStr
from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, OperationalError
from tenacity import retry, retry_if_exception_type, retry_if_result, stop_after_delay, wait_fixed

from threadsworker.crypto import Cipher
from threadsworker.errors import (
    NeverSent,
    NotPossible,
    RateLimited,
    RequestRefused,
    ThreadsWorkerError,
    TokenRejected,
)
from threadsworker.http import Http
from threadsworker.log import redact, redacted
from threadsworker.settings import Settings
from threadsworker.store import accounts, standing, tokens
from threadsworker.store.database import clock, reading, transaction
from threadsworker.store.tokens import Held
from threadsworker.threads_api import ThreadsApi, Token
from threadsworker.token_life import next_try, refresh_due

logger = logging.getLogger(__name__)

#: How often a dead token is tried again: tokens have been rejected that were good.
DEAD_CHECK = timedelta(days=1)
#: Seconds for which a person waits for a worker that is at it; most take less.
CLAIM_PATIENCE = 2.0
#: Seconds for which a new token is tried to be stored by a database that does not answer.
STORE_PATIENCE = 60.0
#: Requests of one refresh, the repeated ones among them: the lease outlasts them all.
MOST_REQUESTS = 10


class Renewal:
    """Refreshes tokens. One per process or per call; it keeps nothing."""

    def __init__(
        self,
        engine: Engine,
        *,
        settings: Settings,
        cipher: Cipher,
        http: Http,
        dice: random.Random | None = None,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._cipher = cipher
        self._http = http
        self._dice = dice or random.Random()  # noqa: S311 - it spreads times

    # What callers ask for

    def next_due(self) -> bool:
        """
        Look at the next token that is due, and refresh it if its time has come. False: none is.

        What goes wrong is logged and in the row, and tried again later.
        """
        with transaction(self._engine) as session:
            held = tokens.claim_due(session, lease=self._lease, now=clock(session))
        if held is None:
            return False
        error = self._guarded(held, forced=False)
        if error is not None:
            logger.warning("Account %s: its token was not refreshed: %s", held.name, error)
        return True

    def refresh(self, name: str) -> ThreadsWorkerError | None:
        """
        Refresh the account's token now, due or not; why that failed, or None.

        Raises
        ------
        NotFound, NotPossible:
            There is no such account; somebody is refreshing it (`account.refreshing`).
        """
        return self._guarded(self._claim(name), forced=True)

    def check(self, name: str) -> ThreadsWorkerError | None:
        """Learn from Meta what the account's token is; raises as `refresh` does."""
        held = self._claim(name)
        try:
            self._learn(held)
        except TokenRejected as error:
            if self._alive(self._opened(held, held.access_token)) is False:
                self._fall_back(held, error)
            return error
        except ThreadsWorkerError as error:
            return error
        finally:
            with transaction(self._engine) as session:
                tokens.release(session, held)
        return None

    def _claim(self, name: str) -> Held:
        with reading(self._engine) as session:
            accounts.find(session, name)
        held = self._claim_patiently(name)
        if held is None:
            raise NotPossible(
                f"a worker is refreshing the token of account {name!r} at this moment",
                code="account.refreshing",
            )
        return held

    @retry(
        retry=retry_if_result(lambda held: held is None),
        stop=stop_after_delay(CLAIM_PATIENCE),
        wait=wait_fixed(0.1),
        retry_error_callback=lambda _: None,
    )
    def _claim_patiently(self, name: str) -> Held | None:
        with transaction(self._engine) as session:
            return tokens.claim(session, name, lease=self._lease, now=clock(session))

    # One token

    def _guarded(self, held: Held, *, forced: bool) -> ThreadsWorkerError | None:
        try:
            return self._renew(held, forced=forced)
        except ThreadsWorkerError as error:
            # A key that does not open the token, for instance: the others must not wait for it.
            self._put_off(held)
            return error

    def _renew(self, held: Held, *, forced: bool) -> ThreadsWorkerError | None:
        if held.previous_token is not None:
            # Somebody died, or had no answer, between storing the new one and asking it.
            unsettled = self._settle(held)
            if unsettled is not None or not forced:
                return unsettled
            with transaction(self._engine) as session:
                again = tokens.claim(session, held.name, lease=self._lease, now=clock(session))
            if again is None:
                return None
            held = again
        held = self._known(held)
        due = refresh_due(held.issued_at, held.expires_at)
        if not forced and due is not None and due > self._now():
            self._look_at(held, due)
            return None
        return self._refresh(held)

    def _known(self, held: Held) -> Held:
        """With what Meta tells of the token, if it was not asked yet and will say so."""
        if held.checked_at is not None:
            return held
        try:
            return self._learn(held)
        except ThreadsWorkerError as error:
            # It may be that it tells testers only; a refresh tells as well.
            logger.info("Account %s: Meta does not tell about its token: %s", held.name, error)
            return held

    def _refresh(self, held: Held) -> ThreadsWorkerError | None:
        with transaction(self._engine) as session:
            if not tokens.begin(session, held, now=clock(session)):
                return None
        token = self._opened(held, held.access_token)
        try:
            fresh = self._api(token).refresh_access_token()
        except TokenRejected as error:
            return self._refused(held, error)
        except RateLimited as error:
            self._cool_down(held, error)
            return error
        except ThreadsWorkerError as error:
            # What Meta answers with a refusal it has not done.
            self._put_off(held, lost=not isinstance(error, NeverSent | RequestRefused))
            return error
        kept = self._keep(held, token, fresh)
        if kept is None:
            logger.warning("Account %s: its token was replaced meanwhile", held.name)
            return None
        logger.info("Account %s: its token was refreshed", held.name)
        # A trouble of the proof is no trouble of the refresh.
        unsettled = self._settle(kept)
        return unsettled if isinstance(unsettled, TokenRejected) else None

    @retry(
        retry=retry_if_exception_type((OperationalError, InterfaceError)),
        stop=stop_after_delay(STORE_PATIENCE),
        wait=wait_fixed(1.0),
        reraise=True,
    )
    def _keep(self, held: Held, token: SecretStr, fresh: Token) -> Held | None:
        sealed = self._cipher.encrypt(fresh.access_token, bound_to=held.account_id)
        with transaction(self._engine) as session:
            now = clock(session)
            life = timedelta(seconds=fresh.expires_in) if fresh.expires_in else None
            return tokens.keep(
                session,
                held,
                sealed,
                same=fresh.access_token == token,
                expires_at=now + life if life else None,
                now=now,
            )

    def _settle(self, held: Held) -> ThreadsWorkerError | None:
        """Drop the token before, now that the present one answers; or put it back."""
        if held.previous_token is not None:
            try:
                self._api(self._opened(held, held.access_token)).me(fields=("id",))
            except TokenRejected as error:
                return self._fall_back(held, error)
            except ThreadsWorkerError as error:
                self._put_off(held)
                return error
        with transaction(self._engine) as session:
            now = clock(session)
            due = refresh_due(held.issued_at, held.expires_at) or now
            tokens.confirm(session, held, look_at=due)
        return None

    def _fall_back(self, held: Held, error: TokenRejected) -> ThreadsWorkerError:
        """The token does not work: put the one before back, if there is one and that does."""
        before = held.previous_token
        match before is not None and self._alive(self._opened(held, before)):
            case True:
                with transaction(self._engine) as session:
                    now = clock(session)
                    look_at = self._next_try(held, now)
                    tokens.go_back(session, held, look_at=look_at, now=now)
                logger.warning(
                    "Account %s: its new token does not work, and the one before does: back to it",
                    held.name,
                )
            case False:
                self._reject(held, error)
            case None:
                self._put_off(held)
        return error

    def _refused(self, held: Held, error: TokenRejected) -> ThreadsWorkerError:
        """A refresh was refused as if the token were dead: is it?"""
        match self._alive(self._opened(held, held.access_token)):
            case False:
                self._fall_back(held, error)
            case True:
                self._put_off(replace(held, begun_at=None))
            case None:
                self._put_off(held)
        return error

    def _alive(self, token: SecretStr) -> bool | None:
        """Whether a token answers; None: nobody knows."""
        try:
            self._api(token).me(fields=("id",))
        except TokenRejected:
            return False
        except ThreadsWorkerError:
            return None
        return True

    def _learn(self, held: Held) -> Held:
        facts = self._api(self._opened(held, held.access_token)).debug_token()
        if not facts.is_valid:
            raise TokenRejected("Meta calls the token invalid", service="threads", http_status=200)
        with transaction(self._engine) as session:
            return tokens.learn(
                session,
                held,
                issued_at=facts.issued_at,
                expires_at=facts.expires_at,
                scopes=facts.scopes,
                now=clock(session),
            )

    def _reject(self, held: Held, error: TokenRejected) -> None:
        because = redacted(error.message)
        with transaction(self._engine) as session:
            now = clock(session)
            if held.begun_at is not None and (held.expires_at is None or held.expires_at > now):
                because += (
                    f" (a refresh was begun at {held.begun_at:%Y-%m-%d %H:%M:%S} UTC and its "
                    "answer was lost: it may have ended this token)"
                )
            dead = tokens.reject(session, held, because=because, look_at=now + DEAD_CHECK, now=now)
        if dead:
            logger.error("Account %s: its owner must sign in again: %s", held.name, because)

    def _cool_down(self, held: Held, error: RateLimited) -> None:
        with transaction(self._engine) as session:
            now = clock(session)
            until = standing.cool_down(
                session, held.account_id, asked_for=error.retry_after, now=now, dice=self._dice
            )
            tokens.put_off(session, held, look_at=until, tries=held.tries)

    def _put_off(self, held: Held, *, lost: bool = False) -> None:
        with transaction(self._engine) as session:
            look_at = self._next_try(held, clock(session))
            tokens.put_off(session, held, look_at=look_at, tries=held.tries + 1, lost=lost)

    def _look_at(self, held: Held, moment: datetime) -> None:
        with transaction(self._engine) as session:
            tokens.put_off(session, held, look_at=moment, tries=0)

    def _next_try(self, held: Held, now: datetime) -> datetime:
        return next_try(held.tries + 1, expires_at=held.expires_at, now=now, dice=self._dice)

    def _now(self) -> datetime:
        with reading(self._engine) as session:
            return clock(session)

    def _opened(self, held: Held, sealed: str) -> SecretStr:
        token = self._cipher.decrypt(sealed, bound_to=held.account_id)
        redact(token)
        return token

    def _api(self, token: SecretStr) -> ThreadsApi:
        return ThreadsApi(base_url=self._settings.threads_api_url, token=token, http=self._http)

    @property
    def _lease(self) -> timedelta:
        return max(self._settings.lease, MOST_REQUESTS * self._settings.http_timeout)
