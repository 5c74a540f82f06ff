"""The rows of an account: its tokens, its pauses, and what Meta last said of its quotas."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, Text
from sqlmodel import Field

from threadsworker.store.moment import Moment
from threadsworker.store.row import Row


class AccountRow(Row, table=True):
    """A Threads profile whose token we hold."""

    __tablename__ = "threadsworker_account"

    id: str = Field(primary_key=True)
    name: str = Field(unique=True)
    #: Meta's numeric id, as text: it is above 2^53.
    user_id: str
    #: Ciphertexts, see `threadsworker.crypto`.
    access_token: str = Field(sa_type=Text)
    github_token: str | None = Field(default=None, sa_type=Text)
    #: What the environment said when it was last followed, as a digest: followed once.
    environment: str | None = None
    #: When Meta made the token, and when it ends; None: not known.
    token_issued_at: datetime | None = Field(default=None, sa_type=Moment)
    token_expires_at: datetime | None = Field(default=None, sa_type=Moment)
    #: Grows when the token is replaced, so that of two refreshes one wins.
    token_version: int = 1
    #: What its owner allowed; None: Meta was not asked. And when it was.
    scopes: list[str] | None = Field(default=None, sa_type=JSON)
    token_checked_at: datetime | None = Field(default=None, sa_type=Moment)
    #: The ciphertext of the token before the last refresh, until the new one has answered.
    previous_token: str | None = Field(default=None, sa_type=Text)
    token_refreshed_at: datetime | None = Field(default=None, sa_type=Moment)
    #: When the token is looked at again; None: at once.
    refresh_at: datetime | None = Field(default=None, sa_type=Moment)
    #: Until when somebody is at it; also tells the one from the other.
    refresh_lease_until: datetime | None = Field(default=None, sa_type=Moment)
    #: When a refresh was sent whose answer is not stored.
    refresh_begun_at: datetime | None = Field(default=None, sa_type=Moment)
    #: Failures in a row.
    refresh_tries: int = 0
    #: When it was told that the token will soon be over.
    expiry_told_at: datetime | None = Field(default=None, sa_type=Moment)
    #: ``owner/name`` of the repository where local media are made public.
    github_repo: str | None = None
    status: str = "active"
    #: When a token of it was last rejected, and in which words.
    disconnected_at: datetime | None = Field(default=None, sa_type=Moment)
    disconnected_because: str | None = Field(default=None, sa_type=Text)
    #: When a person paused it; None: it is not paused.
    paused_at: datetime | None = Field(default=None, sa_type=Moment)
    #: Meta asked for a pause until then, and so often in a row.
    paused_until: datetime | None = Field(default=None, sa_type=Moment)
    throttles: int = 0
    #: The same of GitHub, for all accounts with the same token.
    github_paused_until: datetime | None = Field(default=None, sa_type=Moment)
    github_throttles: int = 0
    #: A digest of the GitHub token, to know which accounts share it.
    github_token_id: str | None = Field(default=None, index=True)
    #: Ask Meta for its publishing limit before a thread is begun.
    check_quota: bool = True
    #: Wait for room in the quota; False: fail at once.
    wait_on_quota: bool = True
    #: When its staging repository was last searched for files that no job needs.
    swept_at: datetime | None = Field(default=None, sa_type=Moment)
    created_at: datetime = Field(sa_type=Moment)


class PublishingLimitRow(Row, table=True):
    """What Meta last said of one quota of an account; every worker reads it here."""

    __tablename__ = "threadsworker_publishing_limit"

    account_id: str = Field(primary_key=True, foreign_key="threadsworker_account.id")
    #: ``post``, ``reply`` or ``delete``.
    kind: str = Field(primary_key=True)
    used: int
    total: int
    #: Seconds of the moving window.
    duration: int
    read_at: datetime = Field(sa_type=Moment)
