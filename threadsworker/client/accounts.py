"""Accounts, as the client manages them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypedDict

from pydantic import SecretStr
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from threadsworker import report
from threadsworker.client.base import Base
from threadsworker.client.offloading import offloaded
from threadsworker.errors import AnswerLost, NotPossible
from threadsworker.http import Http
from threadsworker.renewal import Renewal
from threadsworker.store import accounts, standing
from threadsworker.store.database import clock
from threadsworker.store.tables import AccountRow
from threadsworker.threads_api import Granted

#: The account that the environment describes, and the one meant when none is named.
DEFAULT_ACCOUNT = "main"


class _Said(TypedDict):
    """What the environment, or a program, says of an account."""

    user_id: str
    access_token: SecretStr
    github_repo: str | None
    github_token: SecretStr | None


class Accounts(Base):
    """Adding, showing and removing accounts."""

    def add_account(
        self,
        name: str,
        *,
        user_id: str,
        access_token: SecretStr | str,
        github_repo: str | None = None,
        github_token: SecretStr | str | None = None,
        token_expires_at: datetime | None = None,
        token_issued_at: datetime | None = None,
        scopes: Sequence[str] | None = None,
        check_rate_limit_before_post: bool | None = None,
        wait_on_rate_limit: bool | None = None,
    ) -> report.Account:
        """
        Add an account, or replace the tokens of the one of that name and wake its jobs.

        Parameters
        ----------
        token_expires_at, token_issued_at, scopes:
            What is known of the token; what is not is learned from Meta before long.
        check_rate_limit_before_post, wait_on_rate_limit:
            Whether its posts ask for room in the publishing quota before they begin, and wait
            for it; a post may say otherwise. None: as it is, which is yes at first.
        """

        def put(session: Session) -> report.Account:
            row = accounts.put(
                session,
                name,
                user_id=str(user_id),
                access_token=_secret(access_token),
                github_repo=github_repo,
                github_token=None if github_token is None else _secret(github_token),
                token_expires_at=token_expires_at,
                token_issued_at=token_issued_at,
                scopes=scopes,
                cipher=self._cipher,
                now=clock(session),
            )
            accounts.set_quota_policy(
                session, row.id, check=check_rate_limit_before_post, wait=wait_on_rate_limit
            )
            if name == DEFAULT_ACCOUNT and self._environment_account():
                # Who does this knows what stands there, and wants this instead.
                accounts.followed(session, name, _digest(self._said_by_environment()))
            return accounts.describe(row)

        return self._write(put)

    aadd_account = offloaded(add_account)

    def connect_account(
        self,
        granted: Granted,
        *,
        name: str | None = None,
        github_repo: str | None = None,
        github_token: SecretStr | str | None = None,
    ) -> report.Account:
        """
        Keep the account whose owner has just signed in, see `threads_api.OAuth.grant`.

        Parameters
        ----------
        name:
            None: the profile's.

        Raises
        ------
        NotPossible:
            The account of that name is another profile's, whose posts would then go out under
            this one (`account.other_profile`).
        ThreadsWorkerError:
            What kept the grant from being whole.
        """
        if granted.long_lived is None or granted.profile is None:
            raise granted.trouble or AnswerLost("a grant without a token")
        token, profile = granted.long_lived, granted.profile
        name = name or profile.username or profile.id
        with self._reading() as session:
            now = clock(session)
            known = {row.name: row.user_id for row in accounts.all_of(session)}
        if known.get(name, profile.id) != profile.id:
            raise NotPossible(
                f"account {name!r} is the profile {known[name]}, and {profile.username} "
                f"({profile.id}) has signed in: sign in with the other one, or take another name",
                code="account.other_profile",
            )
        added = self.add_account(
            name,
            user_id=profile.id,
            access_token=token.access_token,
            github_repo=github_repo,
            github_token=github_token,
            token_issued_at=now,
            token_expires_at=now + timedelta(seconds=token.expires_in)
            if token.expires_in
            else None,
        )
        # What its owner really allowed. If Meta does not say so now, it is asked again.
        return added if self._renewal().check(name) else self.account(name)

    aconnect_account = offloaded(connect_account)

    def accounts(self) -> list[report.Account]:
        """Every account, by name."""

        def describe(session: Session) -> list[report.Account]:
            if self._environment_account():
                self._account(session, DEFAULT_ACCOUNT)
            return [accounts.describe(row) for row in accounts.all_of(session)]

        return self._write(describe)

    aaccounts = offloaded(accounts)

    def account(self, name: str = DEFAULT_ACCOUNT) -> report.Account:
        """The account of that name; NotFound if there is none."""
        return self._write(lambda session: accounts.describe(self._account(session, name)))

    aaccount = offloaded(account)

    def remove_account(self, name: str) -> None:
        """Remove an account and its tokens; NotFound, or NotPossible if it has jobs."""
        self._write(lambda session: accounts.remove(session, name))

    aremove_account = offloaded(remove_account)

    def refresh_account(self, name: str = DEFAULT_ACCOUNT) -> report.Account:
        """
        Exchange the account's token for one that is good for another 60 days, and wake its jobs.

        Raises
        ------
        NotFound, NotPossible:
            There is no such account; a worker is refreshing it at the moment
            (`account.refreshing`).
        TokenRejected:
            The token is dead: only signing in again, or `add_account` with a new one, helps.
        ApiError, NoAnswer:
            Meta refused, a token that is not a day old for instance; there was no usable answer.
        """
        self._adopt(name)
        error = self._renewal().refresh(name)
        if error is not None:
            raise error
        return self.account(name)

    def check_account(self, name: str = DEFAULT_ACCOUNT) -> report.Account:
        """
        Ask Meta what the account's token is: until when it lives, and what it may do.

        Raises
        ------
        NotFound:
            There is no such account.
        TokenRejected:
            The token is dead, as it now says in `Account.status`.
        ApiError, NoAnswer:
            Meta refused, as it does when the account is no tester of the app; there was no
            usable answer.
        """
        self._adopt(name)
        error = self._renewal().check(name)
        if error is not None:
            raise error
        return self.account(name)

    acheck_account = offloaded(check_account)

    def _renewal(self) -> Renewal:
        http = Http(read_timeout=self.settings.http_timeout.total_seconds())
        return Renewal(self._ready(), settings=self.settings, cipher=self._cipher, http=http)

    arefresh_account = offloaded(refresh_account)

    def pause_account(self, name: str = DEFAULT_ACCOUNT) -> report.Account:
        """
        Publish nothing for the account until it is resumed; its jobs wait.

        Raises
        ------
        NotFound, NotPossible:
            There is no such account; it is paused already (`account.paused`).
        """

        return self._stand(name, standing.pause, "is paused already", "account.paused")

    apause_account = offloaded(pause_account)

    def resume_account(self, name: str = DEFAULT_ACCOUNT) -> report.Account:
        """
        End a pause; the jobs that waited are due.

        Raises
        ------
        NotFound, NotPossible:
            There is no such account; it is not paused (`account.not_paused`).
        """

        return self._stand(name, standing.resume, "is not paused", "account.not_paused")

    aresume_account = offloaded(resume_account)

    def _stand(
        self, name: str, change: Callable[..., bool], refusal: str, code: str
    ) -> report.Account:
        def write(session: Session) -> report.Account:
            row = self._account(session, name)
            if not change(session, row.id, now=clock(session)):
                raise NotPossible(f"account {name!r} {refusal}", code=code)
            session.refresh(row)
            return accounts.describe(row)

        return self._write(write)

    def _account(self, session: Session, name: str) -> AccountRow:
        """The account's row; `main` is made or updated from the environment, if it says so."""
        if name == DEFAULT_ACCOUNT and self._environment_account():
            self._adopt_environment(session)
        return accounts.find(session, name)

    def _adopt(self, name: str) -> None:
        """The same, outside a transaction of the caller's."""
        if name == DEFAULT_ACCOUNT and self._environment_account():
            self._write(self._adopt_environment)

    def _environment_account(self) -> bool:
        return self.settings.user_id is not None and self.settings.access_token is not None

    def _adopt_environment(self, session: Session) -> None:
        self._follow(session, DEFAULT_ACCOUNT, self._said_by_environment())

    def _said_by_environment(self) -> _Said:
        given = self.settings
        assert given.user_id is not None
        assert given.access_token is not None
        return _Said(
            user_id=given.user_id,
            access_token=given.access_token,
            github_repo=given.github_repo,
            github_token=given.github_token,
        )

    def follow_account(
        self,
        name: str,
        *,
        user_id: str,
        access_token: SecretStr,
        github_repo: str | None = None,
        github_token: SecretStr | None = None,
    ) -> None:
        """
        Add the account as its owner's program has it, or change it if that has changed.

        Once for each thing that it says: a token that was refreshed since is not replaced by an
        older one that the program still has. `add_account` always replaces.
        """

        said = _Said(
            user_id=user_id,
            access_token=access_token,
            github_repo=github_repo,
            github_token=github_token,
        )

        def follow(session: Session) -> None:
            self._follow(session, name, said)

        try:
            self._write(follow)
        except IntegrityError:
            # Another process has just added it.
            self._write(follow)

    afollow_account = offloaded(follow_account)

    def _follow(self, session: Session, name: str, said: _Said) -> None:
        digest = _digest(said)
        if accounts.has_followed(session, name, digest):
            return
        now = clock(session)
        if not accounts.matches(session, name, **said, cipher=self._cipher, now=now):
            accounts.put(session, name, **said, token_expires_at=None, cipher=self._cipher, now=now)
        accounts.followed(session, name, digest)


def _digest(said: _Said) -> str:
    """Tells whether the same is said of the account as before."""
    secrets = (said["access_token"], said["github_token"])
    words = [said["user_id"], said["github_repo"], *(s and s.get_secret_value() for s in secrets)]
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()


def _secret(value: SecretStr | str) -> SecretStr:
    return value if isinstance(value, SecretStr) else SecretStr(value)
