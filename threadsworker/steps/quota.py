"""
Room for a whole thread in the account's publishing quota, before any of it goes out.

Meta is asked at most once a minute per account, by whichever worker comes first; a "no" is
never given from a figure that is older than a moment.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from sqlmodel import Session

from threadsworker import report
from threadsworker.errors import NoAnswer, NotReady, RequestRefused, Unavailable
from threadsworker.job import Failed, Outcome, Trouble, Wait, WaitReason
from threadsworker.steps.desk import Desk
from threadsworker.store import accounts, clearance, jobs, quota
from threadsworker.store.accounts import Credentials
from threadsworker.store.database import clock
from threadsworker.store.jobs import Claim
from threadsworker.store.quota import Kind, Told
from threadsworker.threads_api import PublishingLimit, Quota, ThreadsApi

logger = logging.getLogger(__name__)

#: How old Meta's figures may be for a "yes", and for a "no".
FRESH, FRESH_FOR_NO = timedelta(seconds=60), timedelta(seconds=2)


def look(desk: Desk, account: Credentials, *, age: timedelta | None) -> None:
    """Ask Meta for the account's figures, if those of that age are too old for a "yes"."""
    if age is None or age > FRESH:
        refresh(desk, desk.threads(account, is_claimed=False), account.account_id)


def set_aside(session: Session, claim: Claim, *, now: datetime) -> Outcome | datetime | None:
    """
    None when room for all that the job has still to send is set aside.

    Else when there may be room, as far as is known; or there never will be.
    """
    accounts.lock(session, claim.account_id)
    if clearance.is_roomy(session, claim.account_id, job_id=claim.job_id):
        quota.reserve(session, claim, now=now)
        return None
    looks = []
    for kind, need in quota.needed(session, claim.job_id).items():
        window = quota.window(session, claim.account_id, kind, now=now, without=claim.job_id)
        if need > (most := max(window.total, quota.TOTALS[kind])):
            return Failed(_too_long(kind, need, most))
        looks.append(window.opens_at(need, now))
    if looks and (later := max(looks)) > now:
        return later
    quota.reserve(session, claim, now=now)
    return None


def reserve(
    desk: Desk, claim: Claim, account: Credentials, later: datetime, *, waits: bool
) -> Outcome | None:
    """
    There was no room: if the figures are not of this moment, Meta is asked again.

    None when it is set aside now; else the job waits until there may be room, or fails, as its
    policy says.
    """
    with desk.reading() as session:
        age = _age(session, claim.account_id)
    if age is not None and age > FRESH_FOR_NO:
        refresh(desk, desk.threads(account), claim.account_id)
        with desk.transaction() as session:
            jobs.check(session, claim)
            room = set_aside(session, claim, now=clock(session))
        if not isinstance(room, datetime):
            return room
        later = room
    return _full(desk, later, waits=waits)


def _age(session: Session, account_id: str) -> timedelta | None:
    told_at = quota.told_at(session, account_id)
    return None if told_at is None else clock(session) - told_at


def refresh(desk: Desk, api: ThreadsApi, account_id: str) -> None:
    """
    Ask Meta for its figures and keep them.

    When Meta cannot say, our own rows have to do: a publish that its quota forbids is refused.
    """
    with desk.reading() as session:
        # What is used from now on may not be in the answer.
        asked_at = clock(session)
    try:
        found = _asked(api)
    except (Unavailable, NoAnswer, NotReady, RequestRefused) as error:
        logger.warning("Account %s: Meta does not tell its quota: %s", account_id, error)
        return
    with desk.transaction() as session:
        accounts.lock(session, account_id)
        quota.tell(session, account_id, _told(found), now=asked_at)


def _asked(api: ThreadsApi) -> PublishingLimit:
    try:
        return api.publishing_limit("posts", "replies")
    except RequestRefused:
        # The token may not manage replies: then those are refused anyway.
        return api.publishing_limit("posts")


def figures(desk: Desk, account_id: str, *, ask: bool = True) -> report.Quotas:
    """
    The account's quotas as they are now, for people; if `ask`, Meta is, unless it just was.
    """
    with desk.reading() as session:
        account = desk.credentials(session, account_id)
        age = _age(session, account_id)
    if ask and account.hold is None and (age is None or age > FRESH_FOR_NO):
        refresh(desk, desk.threads(account), account_id)
    with desk.reading() as session:
        now = clock(session)
        return report.Quotas(
            account=account.name,
            quotas=tuple(_figures(session, account_id, kind, now=now) for kind in quota.TOTALS),
            told_at=quota.told_at(session, account_id),
        )


def _figures(session: Session, account_id: str, kind: Kind, *, now: datetime) -> report.Quota:
    window = quota.window(session, account_id, kind, now=now)
    opens_at = window.opens_at(1, now)
    return report.Quota(
        kind=kind,
        total=window.total,
        used=window.used(now),
        reserved=window.reserved,
        free=window.free(now),
        window=window.length.total_seconds(),
        opens_at=opens_at if opens_at > now else None,
    )


def _told(found: PublishingLimit) -> dict[Kind, Told]:
    named: dict[Kind, object] = {
        "post": found.posts,
        "reply": found.replies,
        "delete": found.deletes,
    }
    return {
        kind: Told(one.used, one.total, one.duration)
        for kind, one in named.items()
        if isinstance(one, Quota)
    }


def _too_long(kind: str, need: int, total: int) -> Trouble:
    return Trouble(
        code="quota.too_small",
        message=f"the thread needs {need} of the account's {kind} quota, which is {total}: it "
        "can never go out as one",
        advice="Cut it into several posts and enqueue those.",
    )


def _full(desk: Desk, look_at: datetime, *, waits: bool) -> Outcome:
    with desk.reading() as session:
        now = clock(session)
    if not waits:
        return Failed(
            Trouble(
                code="quota.used_up",
                message="the publishing quota has no room for this thread, and it is not to wait; "
                f"the next look would be at {look_at:%Y-%m-%d %H:%M:%S} UTC",
                advice="Retry it later, or let it wait: wait_on_rate_limit.",
            )
        )
    return Wait(max(look_at - now, timedelta(0)), WaitReason.QUOTA, rewind=True)


def full_until(session: Session, claim: Claim, kind: Kind, *, now: datetime) -> datetime | None:
    """
    When to look again if the quota is known to have no room for one more; None if it has.

    For the moment before a publish: others may have used what was set aside, and then it is set
    aside no longer.
    """
    asks, _ = quota.policy(session, claim.job_id)
    window = quota.window(session, claim.account_id, kind, now=now, without=claim.job_id)
    is_known = window.told_at is not None and now - window.told_at <= FRESH
    if not asks and not (is_known and window.told >= window.total):
        return None
    if window.used(now) < window.total:
        return None
    # Room is looked for from the start, with Meta's figures of then.
    quota.release(session, claim)
    is_old = window.told_at is not None and not is_known
    return now if is_old else window.opens_at(1, now)
