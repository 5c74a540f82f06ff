"""Who holds an account's token, and what is stored of a refresh: on both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Barrier, Thread

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine
from sqlmodel import Session

from threadsworker.crypto import Cipher
from threadsworker.job import JobState
from threadsworker.store import accounts, events, expiring, standing, tokens
from threadsworker.store.database import clock, reading, transaction
from threadsworker.store.tables import AccountRow, JobRow
from threadsworker.store.tokens import Held

CIPHER = Cipher(SecretStr("an integration test's passphrase"))
LEASE, DAY = timedelta(seconds=90), timedelta(days=1)


@pytest.fixture
def account_id(engine: Engine) -> str:
    with transaction(engine) as session:
        return accounts.put(
            session,
            "main",
            user_id="1",
            access_token=SecretStr("the-old-token"),
            github_repo=None,
            github_token=None,
            token_expires_at=None,
            cipher=CIPHER,
            now=clock(session),
        ).id


def claim(engine: Engine, *, later: timedelta = timedelta(0)) -> Held | None:
    with transaction(engine) as session:
        return tokens.claim_due(session, lease=LEASE, now=clock(session) + later)


def held(engine: Engine, *, later: timedelta = timedelta(0)) -> Held:
    found = claim(engine, later=later)
    assert found is not None
    return found


def keep(engine: Engine, hold: Held, token: str) -> Held | None:
    with transaction(engine) as session:
        now = clock(session)
        return tokens.keep(session, hold, token, same=False, expires_at=now + 60 * DAY, now=now)


def row(engine: Engine) -> AccountRow:
    with reading(engine) as session:
        return accounts.find(session, "main")


def test_of_many_who_ask_at_once_one_holds_the_token(engine: Engine, account_id: str) -> None:
    found, barrier = list[Held | None](), Barrier(4)

    def ask() -> None:
        barrier.wait()
        found.append(claim(engine))

    threads = [Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one is not None for one in found) == 1


def test_a_hold_ends_with_its_lease_and_the_one_before_changes_nothing_more(
    engine: Engine, account_id: str
) -> None:
    first = held(engine)
    assert claim(engine) is None
    second = held(engine, later=LEASE + timedelta(seconds=1))
    with transaction(engine) as session:
        now = clock(session)
        assert not tokens.begin(session, first, now=now)
        assert not tokens.put_off(session, first, look_at=now + DAY, tries=1)
        assert not tokens.release(session, first)
        assert tokens.begin(session, second, now=now)
        assert tokens.put_off(session, second, look_at=now + DAY, tries=1, lost=True)
    after = row(engine)
    assert (after.refresh_tries, after.refresh_lease_until) == (1, None)
    assert after.refresh_begun_at is not None
    # Not before its time.
    assert claim(engine) is None
    assert held(engine, later=DAY + LEASE).begun_at is not None


def test_the_first_refresh_that_is_stored_wins(engine: Engine, account_id: str) -> None:
    first = held(engine)
    second = held(engine, later=LEASE + timedelta(seconds=1))
    kept = keep(engine, second, "sealed-2")
    assert kept is not None
    assert keep(engine, first, "sealed-1") is None
    assert (row(engine).access_token, row(engine).previous_token) == (
        "sealed-2",
        first.access_token,
    )
    with transaction(engine) as session:
        assert tokens.confirm(session, kept, look_at=clock(session) + 30 * DAY)
    assert (row(engine).previous_token, row(engine).refresh_lease_until) == (None, None)


def test_a_fact_that_comes_after_the_lease_leaves_the_next_hold_alone(
    engine: Engine, account_id: str
) -> None:
    late = held(engine)
    following = held(engine, later=LEASE + timedelta(seconds=1))
    kept = keep(engine, late, "sealed-1")
    assert kept is not None
    with transaction(engine) as session:
        assert tokens.confirm(session, kept, look_at=clock(session) + 30 * DAY)
    assert row(engine).refresh_lease_until == following.lease_until


def test_going_back_and_giving_up(engine: Engine, account_id: str) -> None:
    hold = held(engine)
    kept = keep(engine, hold, "sealed-new")
    assert kept is not None
    with transaction(engine) as session:
        now = clock(session)
        assert tokens.go_back(session, kept, look_at=now, now=now)
        # Once.
        assert not tokens.go_back(session, kept, look_at=now, now=now)
    after = row(engine)
    assert (after.access_token, after.previous_token) == (hold.access_token, None)
    assert (after.refresh_tries, after.token_expires_at) == (1, None)
    again = held(engine)
    with transaction(engine) as session:
        now = clock(session)
        # Somebody else's token is not given up for this one.
        assert not tokens.reject(session, kept, because="no", look_at=now + DAY, now=now)
        assert tokens.reject(session, again, because="no", look_at=now + DAY, now=now)
    after = row(engine)
    assert (after.status, after.disconnected_because) == ("needs_reconnect", "no")
    assert after.refresh_lease_until is None


def test_an_account_that_cools_down_is_left_alone(engine: Engine, account_id: str) -> None:
    with transaction(engine) as session:
        session.get_one(AccountRow, account_id).paused_until = clock(session) + DAY
    assert claim(engine) is None
    # But a person may want it.
    with transaction(engine) as session:
        assert tokens.claim(session, "main", lease=LEASE, now=clock(session)) is not None


def test_a_rejection_has_the_token_before_tried_at_once(engine: Engine, account_id: str) -> None:
    kept = keep(engine, held(engine), "sealed-new")
    assert kept is not None
    with transaction(engine) as session:
        tokens.put_off(session, kept, look_at=clock(session) + DAY, tries=1)
    assert claim(engine) is None
    with transaction(engine) as session:
        version, now = kept.token_version, clock(session)
        assert standing.disconnect(session, account_id, token_version=version, now=now)
    assert held(engine).previous_token == kept.previous_token


def job(engine: Engine, account_id: str, name: str, at: datetime, state: JobState) -> str:
    with transaction(engine) as session:
        now = clock(session)
        session.add(
            JobRow(
                id=name,
                account_id=account_id,
                content_hash="x",
                state=state,
                scheduled_at=at,
                wake_at=at,
                created_at=now,
            )
        )
    return name


def test_each_post_that_outlives_the_token_is_told_of_once_whoever_asks(
    engine: Engine, account_id: str
) -> None:
    with transaction(engine) as session:
        end = clock(session) + 60 * DAY
        session.get_one(AccountRow, account_id).token_expires_at = end
    job(engine, account_id, "late", end + DAY, JobState.SCHEDULED)
    job(engine, account_id, "early", end - DAY, JobState.SCHEDULED)
    job(engine, account_id, "ended", end + DAY, JobState.CANCELLED)
    with reading(engine) as session:
        assert expiring.accounts_to_outlive(session, limit=9) == [account_id]
    told, barrier = list[str | None](), Barrier(3)

    def tell() -> None:
        barrier.wait()
        with transaction(engine) as session:
            found = expiring.take_outliving(session, account_id, now=clock(session))
        told.extend(one.job_id for one in found)

    threads = [Thread(target=tell) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == ["late"]
    with reading(engine) as session:
        assert [one.what for one in events.of_job(session, "late")] == ["token.expiring"]
        assert expiring.accounts_to_outlive(session, limit=9) == []


def test_a_token_that_is_about_to_end_is_told_of_once(engine: Engine, account_id: str) -> None:
    with transaction(engine) as session:
        now = clock(session)
        session.get_one(AccountRow, account_id).token_expires_at = now + DAY
    with transaction(engine) as session:
        now = clock(session)
        assert expiring.take_soon_over(session, before=now, now=now) == []
        (told,) = expiring.take_soon_over(session, before=now + 7 * DAY, now=now)
        assert (told.account, told.job_id, told.expires_at.tzinfo) == ("main", None, now.tzinfo)
        assert expiring.take_soon_over(session, before=now + 7 * DAY, now=now) == []


@contextmanager
def while_a_refresh_is_stored(engine: Engine, act: Callable[[Session], object]) -> Iterator[Held]:
    """`act` begins before what a refresh has brought is committed, and ends after that."""
    hold = held(engine)

    def other() -> None:
        with transaction(engine) as session:
            act(session)

    with transaction(engine) as session:
        now = clock(session)
        kept = tokens.keep(session, hold, "fresh", same=False, expires_at=now + DAY, now=now)
        assert kept is not None
        thread = Thread(target=other)
        thread.start()
        # Long enough to read the row, which it may not change yet.
        thread.join(0.5)
    thread.join()
    yield kept


def test_a_token_that_a_person_puts_during_a_refresh_is_another_one_than_the_refreshed(
    engine: Engine, account_id: str
) -> None:
    """What is heard of the one from then on must not be taken for the other's."""

    def put(session: Session) -> None:
        accounts.put(
            session,
            "main",
            user_id="1",
            access_token=SecretStr("a-token-from-a-person"),
            github_repo=None,
            github_token=None,
            token_expires_at=None,
            cipher=CIPHER,
            now=clock(session),
        )

    with while_a_refresh_is_stored(engine, put) as kept, transaction(engine) as session:
        now = clock(session)
        assert not tokens.reject(session, kept, because="revoked", look_at=now, now=now)
    assert row(engine).token_version == kept.token_version + 1
    assert row(engine).status == "active"


def test_an_owner_who_takes_a_token_back_during_its_refresh_is_heard(
    engine: Engine, account_id: str
) -> None:
    def revoke(session: Session) -> None:
        accounts.revoked(session, "1", issued_before=None, cipher=CIPHER, now=clock(session))

    with while_a_refresh_is_stored(engine, revoke):
        assert row(engine).status == "needs_reconnect"
