"""
Whether a publish may go out at once: one statement, under the lock on the account's row. If it says
no, `segments.has_twin_in_flight`, `quota.window` and `quota.needed` say why.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, case, func, not_, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from threadsworker.job import HARMLESS, RESTING, SegmentState
from threadsworker.store.prepared import Prepared, Times, among, given
from threadsworker.store.quota import DAY, TO_COME, TOTALS, Kind, to_repeat
from threadsworker.store.segments import alike
from threadsworker.store.tables import (
    AccountRow,
    AttemptRow,
    JobRow,
    PublishingLimitRow,
    QuotaUseRow,
    SegmentRow,
)


def is_clear(
    session: Session, account_id: str, *, job_id: str, segment_id: str, kind: Kind
) -> bool:
    """
    Whether no segment that reads the same may be in flight, and the quota has room for one more.

    As `segments.has_twin_in_flight` and `quota.window` tell, which also say why not. The caller
    holds the account's row.
    """
    twins, *window = _CLEAR.run(
        session, account=account_id, job=job_id, segment=segment_id, kind=kind
    ).one()
    total, used = _window(kind, *window)
    return bool(twins == 0 and used < total)


def is_roomy(session: Session, account_id: str, *, job_id: str) -> bool:
    """
    Whether the quotas have room for all that the job has still to send, beside what is set aside.

    As `quota.window` and `quota.needed` tell, which also say when there may be. The caller holds
    the account's row.
    """
    posts, replies, others_posts, others_replies, *windows = _ROOMY.run(
        session, account=account_id, job=job_id
    ).one()
    all_posts, used_posts = _window("post", *windows[:4])
    all_replies, used_replies = _window("reply", *windows[4:])
    return bool(
        (not posts or used_posts + others_posts + posts <= all_posts)
        and (not replies or used_replies + others_replies + replies <= all_replies)
    )


def _window(
    kind: Kind, total: int | None, told: int | None, since: int, own: int
) -> tuple[int, int]:
    """How many may be sent in the window, and how many were."""
    used = own if told is None else max(own, told + since)
    return TOTALS[kind] if total is None else total, used


def _columns(times: Times, limit: Any, kind: Any) -> list[Any]:
    """What `_window` is to be given."""
    begins = times.before(func.coalesce(col(limit.duration), int(DAY.total_seconds())))
    is_known = col(limit.read_at) > begins
    return [
        col(limit.total),
        # What was used when Meta was asked long ago has left the window since.
        case((is_known, col(limit.used))),
        _used(limit, kind, and_(is_known, col(QuotaUseRow.at) > col(limit.read_at))),
        _used(limit, kind, col(QuotaUseRow.at) > begins),
    ]


def _is_of(limit: Any, kind: Any) -> ColumnElement[bool]:
    return and_(col(limit.account_id) == col(AccountRow.id), col(limit.kind) == kind)


def _clear(times: Times) -> Select[Any]:
    limit, kind = PublishingLimitRow, given("kind")
    return (
        select(_twins(), *_columns(times, limit, kind))
        .select_from(AccountRow)
        .outerjoin(limit, _is_of(limit, kind))
        .where(col(AccountRow.id) == given("account"))
    )


def _roomy(times: Times) -> Select[Any]:
    posts, replies = aliased(PublishingLimitRow), aliased(PublishingLimitRow)
    mine, others = col(JobRow.id) == given("job"), _is_reserved()
    return (
        select(
            _to_come(mine, of_posts=True),
            _to_come(mine, of_posts=False),
            _to_come(others, of_posts=True),
            _to_come(others, of_posts=False),
            *_columns(times, posts, "post"),
            *_columns(times, replies, "reply"),
        )
        .select_from(AccountRow)
        .outerjoin(posts, _is_of(posts, "post"))
        .outerjoin(replies, _is_of(replies, "reply"))
        .where(col(AccountRow.id) == given("account"))
    )


def _is_reserved() -> ColumnElement[bool]:
    """Whether room is set aside for another job of the account."""
    return and_(
        col(JobRow.account_id) == given("account"),
        col(JobRow.reserved_at).is_not(None),
        not_(among(col(JobRow.state), sorted(RESTING))),
        col(JobRow.id) != given("job"),
    )


def _to_come(whose: ColumnElement[bool], *, of_posts: bool) -> ScalarSelect[int]:
    """How many posts, or replies, these jobs have still to send."""
    is_post = and_(col(SegmentRow.index) == 0, col(JobRow.reply_to).is_(None))
    return (
        select(func.count())
        .select_from(SegmentRow)
        .join(JobRow, col(JobRow.id) == col(SegmentRow.job_id))
        .where(whose, is_post if of_posts else not_(is_post), among(col(SegmentRow.state), TO_COME))
        .correlate(None)
        .scalar_subquery()
    )


def _used(limit: Any, kind: Any, when: ColumnElement[bool]) -> ScalarSelect[int]:
    """As `quota.window` counts: a container is one post, however often it is sent."""
    one_post = func.coalesce(col(AttemptRow.container_id), -col(QuotaUseRow.id))
    return (
        select(func.count(one_post.distinct()))
        .select_from(QuotaUseRow)
        .outerjoin(AttemptRow, col(AttemptRow.id) == col(QuotaUseRow.attempt_id))
        .where(
            col(QuotaUseRow.account_id) == given("account"),
            col(QuotaUseRow.kind) == kind,
            when,
            or_(col(AttemptRow.id).is_(None), not_(among(col(AttemptRow.state), sorted(HARMLESS)))),
            or_(
                col(QuotaUseRow.attempt_id).is_(None),
                col(QuotaUseRow.attempt_id).not_in(to_repeat(given("job"))),
            ),
        )
        .correlate(limit)
        .scalar_subquery()
    )


def _twins() -> ScalarSelect[int]:
    """As `segments.has_twin_in_flight` finds them."""
    own, other = aliased(SegmentRow), aliased(SegmentRow)
    return (
        select(func.count())
        .select_from(other)
        .join(JobRow, col(JobRow.id) == col(other.job_id))
        .join(own, alike(own, other))
        .where(
            col(own.id) == given("segment"),
            col(other.id) != given("segment"),
            among(col(other.state), [SegmentState.PUBLISHING, SegmentState.IN_DOUBT]),
            col(JobRow.account_id) == given("account"),
            not_(among(col(JobRow.state), sorted(RESTING))),
        )
        .scalar_subquery()
    )


_CLEAR = Prepared(_clear)
_ROOMY = Prepared(_roomy)
