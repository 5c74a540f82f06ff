"""Accounts and their tokens in rows, on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text

from tests.integration.test_store import CIPHER, LEASE, add_account, add_job, held
from threadsworker.errors import InvalidSettings, NotFound, NotPossible
from threadsworker.job import WaitReason
from threadsworker.store import accounts, jobs, runs, standing, tables
from threadsworker.store.database import clock, reading, transaction


def test_tokens_are_stored_in_the_dark_and_open_for_their_own_account_only(engine: Engine) -> None:
    first, second = add_account(engine, "one"), add_account(engine, "two")
    with reading(engine) as session:
        opened = accounts.credentials(session, first, cipher=CIPHER, now=clock(session))
        rows = session.execute(
            text("SELECT access_token, github_token FROM threadsworker_account")
        ).all()
    assert opened.access_token == SecretStr("token-of-one")
    assert not any("token-of" in value or "ghp-of" in value for row in rows for value in row)

    with transaction(engine) as session:
        stolen = session.get_one(tables.AccountRow, first).access_token
        row = session.get_one(tables.AccountRow, second)
        row.access_token = stolen
        session.add(row)
    with pytest.raises(InvalidSettings, match="another account"), reading(engine) as session:
        accounts.credentials(session, second, cipher=CIPHER, now=clock(session))


def test_a_new_token_wakes_the_jobs_that_wait_for_it(engine: Engine) -> None:
    job_id = add_job(engine)
    claim = held(engine, job_id)
    with transaction(engine) as session:
        until = clock(session) + timedelta(hours=1)
        jobs.wait(session, claim, until=until, reason=WaitReason.NEEDS_RECONNECT, tries=0)
        standing.disconnect(
            session, claim.account_id, token_version=claim.token_version, now=clock(session)
        )
    add_account(engine)
    with transaction(engine) as session:
        assert accounts.find(session, "main").status == standing.AccountStatus.ACTIVE
        assert runs.dispatch(session, silence=LEASE, now=clock(session), limit=10, concurrency=4)


def test_an_account_with_jobs_is_not_removed(engine: Engine) -> None:
    add_job(engine)
    with pytest.raises(NotPossible, match="has jobs"), transaction(engine) as session:
        accounts.remove(session, "main")
    with pytest.raises(NotFound, match="known: main"), reading(engine) as session:
        accounts.find(session, "nobody")
