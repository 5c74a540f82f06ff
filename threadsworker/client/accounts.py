"""Accounts, as the client manages them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from pydantic import SecretStr
from sqlmodel import Session

from threadsworker import report
from threadsworker.client.base import Base
from threadsworker.client.offloading import offloaded
from threadsworker.errors import NotPossible
from threadsworker.http import Http
from threadsworker.log import redact
from threadsworker.store import accounts, standing
from threadsworker.store.database import clock
from threadsworker.store.tables import AccountRow
from threadsworker.threads_api import ThreadsApi

#: The account that the environment describes, and the one meant when none is named.
DEFAULT_ACCOUNT = "main"


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
        check_rate_limit_before_post: bool | None = None,
        wait_on_rate_limit: bool | None = None,
    ) -> report.Account:
        """
        Add an account, or replace the tokens of the one of that name and wake its jobs.

        Parameters
        ----------
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
                cipher=self._cipher,
                now=clock(session),
            )
            accounts.set_quota_policy(
                session, row.id, check=check_rate_limit_before_post, wait=wait_on_rate_limit
            )
            return accounts.describe(row)

        return self._write(put)

    aadd_account = offloaded(add_account)

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
        NotFound:
            There is no such account.
        TokenRejected:
            The token is dead: only `add_account` with a new one helps.
        ApiError, NoAnswer:
            Meta refused, a token that is not a day old for instance; there was no usable answer.
        """
        with self._reading() as session:
            row = accounts.find(session, name)
            held = accounts.credentials(session, row.id, cipher=self._cipher, now=clock(session))
        redact(held.access_token)
        api = ThreadsApi(
            base_url=self.settings.threads_api_url, token=held.access_token, http=Http()
        )
        fresh = api.refresh_access_token()
        redact(fresh.access_token)

        def keep(session: Session) -> report.Account:
            now = clock(session)
            accounts.refreshed(
                session,
                row.id,
                access_token=fresh.access_token,
                expires_at=now + timedelta(seconds=fresh.expires_in),
                token_version=row.token_version,
                cipher=self._cipher,
                now=now,
            )
            return accounts.describe(accounts.find(session, name))

        return self._write(keep)

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

    def _environment_account(self) -> bool:
        return self.settings.user_id is not None and self.settings.access_token is not None

    def _adopt_environment(self, session: Session) -> None:
        given = self.settings
        assert given.user_id is not None
        assert given.access_token is not None
        if accounts.matches(
            session,
            DEFAULT_ACCOUNT,
            user_id=given.user_id,
            access_token=given.access_token,
            github_repo=given.github_repo,
            github_token=given.github_token,
            cipher=self._cipher,
            now=clock(session),
        ):
            return
        accounts.put(
            session,
            DEFAULT_ACCOUNT,
            user_id=given.user_id,
            access_token=given.access_token,
            github_repo=given.github_repo,
            github_token=given.github_token,
            token_expires_at=None,
            cipher=self._cipher,
            now=clock(session),
        )


def _secret(value: SecretStr | str) -> SecretStr:
    return value if isinstance(value, SecretStr) else SecretStr(value)
