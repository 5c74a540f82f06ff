"""
Schedules: recurring posts, and the jobs that come of them.

An occurrence becomes one job, whoever makes it and however often: the schedule's row is
locked, the job and the step to the next occurrence are one transaction, and a unique index on
schedule and occurrence has the last word.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select, update

from threadsworker import report
from threadsworker.errors import NotFound, NotPossible
from threadsworker.job import RESTING
from threadsworker.post import Segment
from threadsworker.recurrence import LatePolicy, PostOrder, Recurrence
from threadsworker.store import decisions, submission
from threadsworker.store.submission import Terms
from threadsworker.store.tables import AccountRow, JobRow, ScheduleRow
from threadsworker.when import When

#: Just before a moment, for "not before it" instead of "after it".
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Variant:
    """One of the posts of a schedule, planned: what an occurrence needs of its author."""

    segments: tuple[Segment, ...]
    reply_to: str | None = None
    pace: float = 0.0
    pace_jitter: float = 0.0
    check_quota: bool | None = None
    wait_on_quota: bool | None = None

    def as_json(self) -> dict[str, Any]:
        """For the row; `variants_of` reads it back."""
        options = {k: v for k, v in asdict(self).items() if k != "segments"}
        return {"segments": submission.written(self.segments), **options}


@dataclass(frozen=True)
class Making:
    """How jobs are made of occurrences."""

    #: Occurrences until then are made; it is ahead of `now` by what preparing a post takes.
    until: datetime
    now: datetime
    #: An occurrence later than this is left to the schedule's policy.
    late_after: timedelta
    prepare_ahead: timedelta
    #: As in `Terms`.
    missed_after: timedelta
    dice: Random
    #: Most jobs in one transaction.
    limit: int


def add(
    session: Session,
    *,
    name: str,
    account: AccountRow,
    recurrence: Recurrence,
    first: datetime | None,
    most: int | None,
    late: LatePolicy,
    order: PostOrder,
    variants: Sequence[Variant],
    now: datetime,
) -> ScheduleRow:
    """
    nothing → a schedule, whose `first` occurrence is the next.

    Raises
    ------
    NotPossible:
        There is one of that name (`schedule.exists`).
    """
    row = ScheduleRow(
        id=secrets.token_hex(8),
        name=name,
        account_id=account.id,
        cron=recurrence.cron,
        every=recurrence.every.total_seconds() if recurrence.every is not None else None,
        timezone=recurrence.timezone,
        anchor=recurrence.anchor,
        ends_at=recurrence.ends_at,
        most=most,
        jitter=recurrence.jitter.total_seconds(),
        late=late,
        order=order,
        posts=[variant.as_json() for variant in variants],
        next_at=first,
        created_at=now,
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        if session.exec(select(ScheduleRow.id).where(ScheduleRow.name == name)).first() is None:
            raise
        raise NotPossible(
            f"there is a schedule {name!r} already; remove it first, or use another name",
            code="schedule.exists",
        ) from None
    return row


def find(session: Session, name: str) -> ScheduleRow:
    """The schedule of that name; NotFound, naming those that exist, if there is none."""
    row = session.exec(select(ScheduleRow).where(ScheduleRow.name == name)).first()
    if row is None:
        names = session.exec(select(ScheduleRow.name).order_by(ScheduleRow.name)).all()
        known = f"known: {', '.join(names)}" if names else "there are none yet"
        raise NotFound(f"there is no schedule {name!r} ({known})")
    return row


def all_of(session: Session) -> list[ScheduleRow]:
    """Every schedule, by name."""
    return list(session.exec(select(ScheduleRow).order_by(ScheduleRow.name)).all())


def remove(session: Session, name: str, *, now: datetime) -> int:
    """
    a schedule → nothing; how many jobs for occurrences still to come were cancelled.

    Raises
    ------
    NotFound:
        There is none of that name.
    """
    row = _locked(session, name)
    withdrawn = _withdraw(session, row, now=now)
    session.delete(row)
    return withdrawn


def pause(session: Session, name: str, *, now: datetime) -> None:
    """
    active → paused. Jobs for occurrences still to come are cancelled.

    They are made again if it is resumed before their time.

    Raises
    ------
    NotFound, NotPossible:
        There is none of that name; it is paused already (`schedule.paused`).
    """
    row = _locked(session, name)
    if row.paused_at is not None:
        raise NotPossible(f"schedule {name!r} is paused already", code="schedule.paused")
    _withdraw(session, row, now=now)
    row.paused_at = now
    session.add(row)


def resume(session: Session, name: str, *, now: datetime) -> None:
    """
    paused → active. The occurrences of the pause are passed over.

    Raises
    ------
    NotFound, NotPossible:
        There is none of that name; it is not paused (`schedule.not_paused`).
    """
    row = _locked(session, name)
    if row.paused_at is None:
        raise NotPossible(f"schedule {name!r} is not paused", code="schedule.not_paused")
    row.paused_at = None
    row.next_at = None if _is_used_up(row) else recurrence_of(row).next_after(now)
    session.add(row)


def due(session: Session, *, until: datetime, limit: int) -> list[str]:
    """Ids of schedules with an occurrence to be made before `until`; the longest due first."""
    found = select(ScheduleRow.id).where(_is_due(until)).order_by(col(ScheduleRow.next_at))
    return list(session.exec(found.limit(limit)).all())


def make(session: Session, schedule_id: str, how: Making) -> int:
    """
    Jobs of the schedule's due occurrences, and on to the next one; how many were due.

    Fewer than the limit: no more are due. 0 too if somebody else is at it.
    """
    found = select(ScheduleRow).where(ScheduleRow.id == schedule_id, _is_due(how.until))
    row = session.exec(found.with_for_update(skip_locked=True)).first()
    if row is None:
        return 0
    account = session.get_one(AccountRow, row.account_id)
    rule, variants = recurrence_of(row), variants_of(row)
    occurrence, before = _in_time(row, rule, how), row.made
    while occurrence is not None and occurrence <= how.until and row.made - before < how.limit:
        index, row.deck = _draw(row, how.dice)
        row.last_post = index
        _make_job(session, row, account, variants[index], occurrence, how)
        row.made += 1
        occurrence = None if _is_used_up(row) else rule.next_after(occurrence)
    row.next_at = occurrence
    session.add(row)
    return row.made - before


def _is_due(until: datetime) -> ColumnElement[bool]:
    return and_(col(ScheduleRow.next_at) <= until, col(ScheduleRow.paused_at).is_(None))


def _in_time(row: ScheduleRow, rule: Recurrence, how: Making) -> datetime | None:
    """The occurrence to go on with: of those that are too late none, or the most recent."""
    in_time = how.now - how.late_after
    if row.next_at is None or row.next_at >= in_time:
        return row.next_at
    if row.late == LatePolicy.LATEST:
        return rule.last_before(in_time, since=row.next_at)
    return rule.next_after(in_time - _INSTANT)


def _draw(row: ScheduleRow, dice: Random) -> tuple[int, list[int]]:
    """The post that comes next, and those that come after it in this round."""
    if row.deck:
        return row.deck[0], row.deck[1:]
    deck = list(range(len(row.posts)))
    if row.order == PostOrder.RANDOM:
        dice.shuffle(deck)
        if deck[0] == row.last_post and len(deck) > 1:
            # Not twice in a row, also where one round follows another.
            other = dice.randrange(1, len(deck))
            deck[0], deck[other] = deck[other], deck[0]
    return deck[0], deck[1:]


def _make_job(
    session: Session,
    row: ScheduleRow,
    account: AccountRow,
    variant: Variant,
    occurrence: datetime,
    how: Making,
) -> None:
    missed_after = how.missed_after
    if missed_after and occurrence < how.now:
        # The schedule's policy wants it although it is late: that is no reason to miss it.
        missed_after += how.now - occurrence
    terms = Terms(
        when=When(recurrence_of(row).moment_of(occurrence, how.dice), row.timezone),
        prepare_ahead=how.prepare_ahead,
        missed_after=missed_after,
        pace=variant.pace,
        pace_jitter=variant.pace_jitter,
        check_quota=variant.check_quota,
        wait_on_quota=variant.wait_on_quota,
        schedule_id=row.id,
        occurrence=occurrence,
    )
    try:
        with session.begin_nested():
            submission.submit(
                session,
                account=account,
                planned=variant.segments,
                reply_to=variant.reply_to,
                key=None,
                silence=timedelta(0),
                now=how.now,
                terms=terms,
            )
    except IntegrityError:
        # Somebody made it who did not hold the row's lock, such as the one before a restored
        # backup. It is made, which is what matters.
        if not _is_made(session, row.id, occurrence):
            raise


def _is_made(session: Session, schedule_id: str, occurrence: datetime) -> bool:
    made = and_(col(JobRow.schedule_id) == schedule_id, col(JobRow.occurrence) == occurrence)
    return session.exec(select(exists().where(made))).one()


def _is_used_up(row: ScheduleRow) -> bool:
    return row.most is not None and row.made >= row.most


def _withdraw(session: Session, row: ScheduleRow, *, now: datetime) -> int:
    """
    Cancel what was made for occurrences still to come, as if it had never been made; how many.

    Those jobs give their occurrence free, and their posts are the next again.
    """
    found = select(JobRow).where(_is_to_come(row.id, now=now)).order_by(col(JobRow.occurrence))
    jobs = [job for job in session.exec(found).all() if decisions.cancel(session, job.id, now=now)]
    freed = col(JobRow.id).in_([job.id for job in jobs])
    session.exec(update(JobRow).where(freed).values(occurrence=None))
    known = {
        submission.content_hash(variant.segments, reply_to=variant.reply_to): index
        for index, variant in enumerate(variants_of(row))
    }
    row.deck = [known[job.content_hash] for job in jobs if job.content_hash in known] + row.deck
    row.made -= len(jobs)
    return len(jobs)


def _is_to_come(schedule_id: str, *, now: datetime) -> ColumnElement[bool]:
    return and_(
        col(JobRow.schedule_id) == schedule_id,
        # Later than its occurrence by the jitter.
        col(JobRow.scheduled_at) > now,
        col(JobRow.state).not_in(list(RESTING)),
    )


def _locked(session: Session, name: str) -> ScheduleRow:
    """The schedule's row, which nobody makes jobs of until the transaction ends."""
    found = select(ScheduleRow).where(ScheduleRow.name == name).with_for_update()
    return session.exec(found).first() or find(session, name)


def recurrence_of(row: ScheduleRow) -> Recurrence:
    """When it recurs."""
    return Recurrence(
        cron=row.cron,
        every=timedelta(seconds=row.every) if row.every is not None else None,
        timezone=row.timezone,
        anchor=row.anchor,
        ends_at=row.ends_at,
        jitter=timedelta(seconds=row.jitter),
    )


def variants_of(row: ScheduleRow) -> list[Variant]:
    """The posts that it takes turns with."""
    return [
        Variant(**{**post, "segments": submission.segments_in(post["segments"])})
        for post in row.posts
    ]


def spooled(session: Session) -> set[str]:
    """SHA-256 of the local media that schedules still need: the spool has to keep them."""
    posts = [post for found in session.exec(select(ScheduleRow.posts)).all() for post in found]
    items = [item for post in posts for part in post["segments"] for item in part["media"]]
    return {item["sha256"] for item in items if item["sha256"] is not None}


def describe(session: Session, row: ScheduleRow, *, now: datetime) -> report.Schedule:
    """The schedule as it is shown. Its next occurrence may be a job already."""
    to_come = select(func.min(col(JobRow.occurrence))).where(_is_to_come(row.id, now=now))
    next_at = session.exec(to_come).one() or row.next_at
    return report.Schedule(
        name=row.name,
        account=session.get_one(AccountRow, row.account_id).name,
        cron=row.cron,
        every=row.every,
        timezone=row.timezone,
        starts_at=row.anchor,
        ends_at=row.ends_at,
        count=row.most,
        made=row.made,
        jitter=row.jitter,
        late=row.late,
        order=row.order,
        posts=tuple(tuple(part["text"] for part in post["segments"]) for post in row.posts),
        paused_at=row.paused_at,
        next_at=next_at if row.paused_at is None else None,
        created_at=row.created_at,
    )
