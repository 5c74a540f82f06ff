"""Recurring posts, as the client manages them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from sqlmodel import Session

from threadsworker import report
from threadsworker.client.accounts import DEFAULT_ACCOUNT
from threadsworker.client.offloading import offloaded
from threadsworker.client.planning import Planning
from threadsworker.errors import InvalidPost, Problem
from threadsworker.media import Inspected
from threadsworker.plan import as_post
from threadsworker.post import Post
from threadsworker.recurrence import (
    Interval,
    LatePolicy,
    PostOrder,
    Recurrence,
    gathered,
    recurrence,
)
from threadsworker.store import schedules
from threadsworker.store.database import clock
from threadsworker.store.schedules import Variant
from threadsworker.when import resolve, zone_of

Choice = TypeVar("Choice", bound=StrEnum)

#: What `start` and `end` may be, see `threadsworker.when.resolve`.
Moment = datetime | timedelta | str


class Schedules(Planning):
    """Adding, pausing and removing recurring posts."""

    def schedule(
        self,
        /,
        name: str,
        post: Post | str | Sequence[Post | str],
        *,
        cron: str | None = None,
        every: Interval | None = None,
        timezone: str | None = None,
        media: Any = (),
        account: str = DEFAULT_ACCOUNT,
        start: Moment | None = None,
        end: Moment | None = None,
        count: int | None = None,
        jitter: Interval = 0.0,
        late: LatePolicy | str = LatePolicy.SKIP,
        order: PostOrder | str = PostOrder.TURN,
        **options: Any,
    ) -> report.Schedule:
        """
        Publish a post again and again.

        It is checked and planned now, once, and its local media are kept; what happens to its
        files later does not matter. Each occurrence becomes one job.

        Parameters
        ----------
        name:
            A new one.
        post:
            A `Post`, its text, or several of them, of which each occurrence takes one. With
            texts, `media` and `options` are their other fields.
        cron, every:
            One of the two: five fields of cron, or the time between two occurrences: seconds,
            ``"2h"``, ``"PT2H"``, a timedelta. Whole days keep their time of the day in the
            zone. Daylight saving: see `threadsworker.recurrence`.
        timezone:
            IANA name, such as ``Africa/Lagos``; None: UTC.
        start, end:
            The first possible occurrence, from which `every` counts, and the last. Without
            `start`, `every` counts from now, and the first occurrence is one interval from now.
        count:
            Occurrences at most.
        jitter:
            By how much a post is later than its occurrence at most, at random.
        late:
            What becomes of occurrences that came while nothing was running, a minute ago or
            more: ``skip``, or ``latest``: the most recent of them is published.
        order:
            How one of several posts is taken: in ``turn``; or at ``random``, each once before
            any comes again.

        Raises
        ------
        InvalidPost:
            With everything that is wrong with the posts (`post 2, text`: the second one's) and
            with the schedule (`schedule.…`). Nothing was stored.
        NotFound:
            There is no such account.
        NotPossible:
            There is a schedule of that name (`schedule.exists`).
        """
        problems: list[Problem] = []
        if not name.strip():
            problems.append(Problem("schedule.name.empty", "A schedule needs a name", "name"))
        if count is not None and count < 1:
            message = f"The count is 1 or more, and this is {count}"
            problems.append(Problem("schedule.count.invalid", message, "count", 1, count))
        policy = _chosen(LatePolicy, late, "late", problems)
        taken = _chosen(PostOrder, order, "order", problems)
        rule = self._recurrence(
            cron, every, timezone or "UTC", start=start, end=end, jitter=jitter, problems=problems
        )
        given = [post] if isinstance(post, Post | str) else list(post)
        inspected, variants = self._variants(given, media, options, account, problems)
        if problems:
            raise InvalidPost(problems)
        assert rule is not None
        self._spool_all(inspected)

        def add(session: Session) -> report.Schedule:
            now = clock(session)
            row = schedules.add(
                session,
                name=name,
                account=self._account(session, account),
                recurrence=rule,
                first=rule.first(after=None if start is not None else now),
                most=count,
                late=policy,
                order=taken,
                variants=variants,
                now=now,
            )
            return schedules.describe(session, row, now=now)

        return self._write(add)

    aschedule = offloaded(schedule)

    def schedules(self) -> list[report.Schedule]:
        """Every schedule, by name."""
        with self._reading() as session:
            now = clock(session)
            return [schedules.describe(session, row, now=now) for row in schedules.all_of(session)]

    aschedules = offloaded(schedules)

    def get_schedule(self, name: str) -> report.Schedule:
        """The schedule of that name; NotFound if there is none."""
        with self._reading() as session:
            found = schedules.find(session, name)
            return schedules.describe(session, found, now=clock(session))

    aget_schedule = offloaded(get_schedule)

    def pause_schedule(self, name: str) -> report.Schedule:
        """
        Publish nothing of it until it is resumed.

        What was prepared for occurrences still to come is cancelled, and made again if the
        schedule is resumed before their time.

        Raises
        ------
        NotFound, NotPossible:
            There is no such schedule; it is paused already (`schedule.paused`).
        """
        self._write(lambda session: schedules.pause(session, name, now=clock(session)))
        return self.get_schedule(name)

    apause_schedule = offloaded(pause_schedule)

    def resume_schedule(self, name: str) -> report.Schedule:
        """
        End a pause. The occurrences of the pause are passed over, whatever `late` says.

        Raises
        ------
        NotFound, NotPossible:
            There is no such schedule; it is not paused (`schedule.not_paused`).
        """
        self._write(lambda session: schedules.resume(session, name, now=clock(session)))
        return self.get_schedule(name)

    aresume_schedule = offloaded(resume_schedule)

    def unschedule(self, name: str) -> int:
        """
        Remove a schedule; how many jobs for occurrences still to come were cancelled.

        Raises
        ------
        NotFound:
            There is none of that name.
        """
        return self._write(lambda session: schedules.remove(session, name, now=clock(session)))

    aunschedule = offloaded(unschedule)

    def _recurrence(
        self,
        cron: str | None,
        every: Interval | None,
        timezone: str,
        *,
        start: Moment | None,
        end: Moment | None,
        jitter: Interval,
        problems: list[Problem],
    ) -> Recurrence | None:
        """What is wrong is added to `problems`."""
        with self._reading() as session:
            now = clock(session).astimezone(UTC).replace(microsecond=0)
        zone = "UTC"
        with gathered(problems, where="timezone"):
            zone = zone_of(timezone).key
        anchor = _moment(start, "start", zone, now, problems) or now
        ends_at = _moment(end, "end", zone, now, problems)
        with gathered(problems):
            return recurrence(
                cron=cron,
                every=every,
                timezone=timezone,
                anchor=anchor,
                ends_at=ends_at,
                jitter=jitter,
            )
        return None

    def _variants(
        self,
        given: Sequence[Post | str],
        media: Any,
        options: dict[str, Any],
        account: str,
        problems: list[Problem],
    ) -> tuple[list[Inspected], list[Variant]]:
        """The posts, planned, and their media; what is wrong is added to `problems`."""
        if not given:
            problems.append(Problem("schedule.posts.none", "There is no post to publish", "post"))
        everything: list[Inspected] = []
        variants: list[Variant] = []
        for number, one in enumerate(given, 1):
            try:
                post = as_post(one, media, options)
                inspected, planned = self._checked(post, account=account, also=[])
            except InvalidPost as error:
                place = f"post {number}, " if len(given) > 1 else ""
                problems += [replace(p, where=f"{place}{p.where}") for p in error.problems]
                continue
            everything += inspected
            variants.append(_variant(post, planned))
        return everything, variants


def _variant(post: Post, planned: Sequence[Any]) -> Variant:
    return Variant(
        segments=tuple(planned),
        reply_to=post.reply_to,
        pace=post.pace,
        pace_jitter=post.pace_jitter,
        check_quota=post.check_rate_limit_before_post,
        wait_on_quota=post.wait_on_rate_limit,
    )


def _moment(
    given: Moment | None, name: str, zone: str, now: datetime, problems: list[Problem]
) -> datetime | None:
    if given is not None:
        with gathered(problems, where=name):
            return resolve(given, timezone=zone, now=now).at
    return None


def _chosen(kind: type[Choice], given: str, name: str, problems: list[Problem]) -> Choice:
    """The member of that value; the first one, and a problem, if there is none."""
    members = list(kind)
    if given not in members:
        message = f"It is {' or '.join(members)}, and this is {given!r}"
        problems.append(Problem(f"schedule.{name}.invalid", message, name, given=given))
        return members[0]
    return kind(given)
