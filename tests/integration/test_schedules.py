"""Recurring posts: one job per occurrence, on SQLite and PostgreSQL, in virtual time."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.pictures import PNG
from threadsworker import Client, InvalidPost, Media, NotFound, NotPossible, Poll, Post, report
from threadsworker.job import JobState
from threadsworker.settings import Settings, load_settings
from threadsworker.steps.desk import Desk
from threadsworker.steps.recurring import OCCURRENCES, make_due
from threadsworker.store import schedules, segments, submission
from threadsworker.store.tables import JobRow, ScheduleRow

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
AHEAD = timedelta(minutes=10)
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)


@dataclass
class Office:
    """A client and a desk that read the same clock, put forward by hand."""

    settings: Settings
    now: datetime = START

    def __post_init__(self) -> None:
        self.client = Client(self.settings, now=lambda: self.now)
        self.desk = self.another_desk()
        self.client.add_account(
            "main",
            user_id="1",
            access_token="token",
            github_repo="octo/stage",
            github_token="ghp",
        )

    def another_desk(self) -> Desk:
        return Desk(self.settings, now=lambda: self.now)

    def at(self, moment: datetime) -> int:
        """Do the duty at that moment; how many occurrences were due."""
        self.now = moment
        return make_due(self.desk)

    def jobs(self) -> list[report.JobSummary]:
        """By the time that they are for."""
        return sorted(self.client.jobs(), key=lambda job: job.scheduled_at or START)

    def times(self, state: JobState | None = None) -> list[datetime]:
        jobs = [job for job in self.jobs() if state in (None, job.state)]
        return [job.scheduled_at for job in jobs if job.scheduled_at]

    def texts(self) -> list[str]:
        """Of the jobs that are to go out."""
        wanted = [job.id for job in self.jobs() if job.state != JobState.CANCELLED]
        return [self.client.get(job_id).segments[0].text for job_id in wanted]

    def close(self) -> None:
        self.client.close()
        self.desk.engine.dispose()


@pytest.fixture
def office(engine: Engine, database_url: str, tmp_path: Path) -> Iterator[Office]:
    office = Office(load_settings(home=tmp_path, database_url=database_url))
    yield office
    office.close()


def test_a_schedule_reads_back_as_it_was_given(office: Office) -> None:
    given = office.client.schedule(
        "morning",
        "hello",
        cron="0 9 * * *",
        timezone="Africa/Lagos",
        jitter="5m",
        count=3,
        end="2026-12-01T00:00",
        late="latest",
    )
    assert given == office.client.get_schedule("morning") == office.client.schedules()[0]
    assert (given.cron, given.every, given.timezone) == ("0 9 * * *", None, "Africa/Lagos")
    assert given.next_at == datetime(2026, 3, 2, 8, tzinfo=UTC)
    assert given.ends_at == datetime(2026, 11, 30, 23, tzinfo=UTC)
    assert (given.count, given.made, given.jitter, given.late) == (3, 0, 300, "latest")
    assert given.posts == (("hello",),)


def test_a_job_is_made_when_its_preparation_begins_and_not_before(office: Office) -> None:
    office.client.schedule("hourly", "hello", every="1h")
    assert office.at(START + HOUR - AHEAD - SECOND) == 0
    assert office.at(START + HOUR - AHEAD) == 1
    assert office.at(START + HOUR - AHEAD) == 0
    (job,) = office.jobs()
    assert (job.state, job.scheduled_at) == (JobState.SCHEDULED, START + HOUR)
    assert office.client.get_schedule("hourly").next_at == START + HOUR
    assert office.client.get_schedule("hourly").made == 1


def test_an_occurrence_publishes_what_was_given_and_needs_no_file(
    office: Office, tmp_path: Path
) -> None:
    picture = tmp_path / "picture.png"
    picture.write_bytes(PNG)
    post = Post(
        text="one\n---\ntwo",
        media=(Media(picture, alt_text="a square"),),
        topic="boats",
        reply_to="123",
        pace=30,
        pace_jitter=5,
        check_rate_limit_before_post=False,
        wait_on_rate_limit=False,
        reply_control="followers_only",
    )
    planned = office.client.plan(post)
    office.client.schedule("with-all", post, every="1h")
    picture.unlink()
    office.at(START + HOUR)
    (job,) = office.jobs()
    with office.desk.reading() as session:
        rows = segments.of_job(session, job.id)
        media = segments.media_of(session, rows)
        read = tuple(submission.planned_segment(row, media[row.id]) for row in rows)
        owner = session.get_one(JobRow, job.id)
        kept = schedules.spooled(session)
    assert read == planned
    assert (owner.reply_to, owner.pace, owner.pace_jitter) == ("123", 30, 5)
    assert (owner.check_quota, owner.wait_on_quota) == (False, False)
    assert kept == {item.sha256 for item in planned[0].media}
    assert [office.desk.spool.read(sha256 or "") for sha256 in kept] == [PNG]


def test_models_and_enums_survive_the_row(office: Office) -> None:
    post = Post(text="?", poll=Poll(options=("yes", "no")), countries=("NG", "DE"))
    office.client.schedule("poll", post, every=60)
    with office.desk.reading() as session:
        (variant,) = schedules.variants_of(schedules.find(session, "poll"))
    assert variant.segments == office.client.plan(post)


def test_two_at_once_make_each_occurrence_once(office: Office) -> None:
    for number in range(6):
        office.client.schedule(f"s{number}", "hello", every=2, count=90)
    office.now = START + 30 * SECOND
    desks = [office.another_desk() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        made = sum(pool.map(make_due, [*desks, *desks]))
    for desk in desks:
        desk.engine.dispose()
    # Who comes second may have found a schedule in other hands.
    made += make_due(office.desk)
    times = office.times()
    assert made == len(times) == 6 * 90
    assert sorted(set(times)) == [START + timedelta(seconds=2 * n) for n in range(1, 91)]


def test_more_than_a_transaction_holds_is_made_in_several(office: Office) -> None:
    office.client.schedule("often", "hello", every=1, count=2 * OCCURRENCES + 5)
    assert office.at(START) == 2 * OCCURRENCES + 5
    assert office.client.get_schedule("often").made == 2 * OCCURRENCES + 5
    assert office.at(START + HOUR) == 0


def test_an_occurrence_that_somebody_else_has_made_counts_as_made(office: Office) -> None:
    # Given a schedule whose row knows less than its jobs do, as after a restored backup
    office.client.schedule("hourly", "hello", every="1h", count=2)
    office.at(START + HOUR)
    with office.desk.transaction() as session:
        row = schedules.find(session, "hourly")
        row.next_at, row.made = START + HOUR, 0
        session.add(row)
    # When the duty comes again, and later
    assert office.at(START + HOUR) == 1
    assert office.at(START + 2 * HOUR) == 1
    # Then there is one job for each, and the count was kept
    assert office.times() == [START + HOUR, START + 2 * HOUR]
    assert office.at(START + 3 * HOUR) == 0


def test_another_broken_constraint_is_an_error_and_makes_nothing(office: Office) -> None:
    office.client.schedule("hourly", Post(text="hello", media=(Media(PNG),)), every="1h")
    office.client.schedule("other", "hello", every="1h")
    with office.desk.transaction() as session:
        row = schedules.find(session, "hourly")
        broken = row.model_dump()["posts"]
        broken[0]["segments"][0]["media"][0]["url"] = "https://example.com/both.png"
        session.delete(row)
        session.flush()
        session.add(ScheduleRow(**{**row.model_dump(), "posts": broken}))
    # The other one is made all the same.
    assert office.at(START + HOUR) == 1
    assert len(office.jobs()) == 1
    assert office.client.get_schedule("hourly").made == 0


@pytest.mark.parametrize(
    ("late", "made"),
    [
        # Ten hours without beat, and it is 22:30 now.
        ("skip", []),
        ("latest", [START + 10 * HOUR]),
    ],
)
def test_no_burst_follows_a_downtime(office: Office, late: str, made: list[datetime]) -> None:
    office.client.schedule("hourly", "hello", every="1h", late=late)
    office.at(START + 10 * HOUR + 30 * MINUTE)
    assert office.times() == made
    office.at(START + 11 * HOUR)
    assert office.times() == [*made, START + 11 * HOUR]


@pytest.mark.parametrize(("late", "expected"), [("skip", [11]), ("latest", [10, 11])])
def test_what_is_in_time_after_a_downtime_is_made_too(
    office: Office, late: str, expected: list[int]
) -> None:
    office.client.schedule("hourly", "hello", every="1h", late=late)
    office.at(START + 10 * HOUR + 55 * MINUTE)
    assert office.times() == [START + hours * HOUR for hours in expected]


def test_a_minute_is_not_late(office: Office) -> None:
    office.client.schedule("hourly", "hello", every="1h")
    assert office.at(START + HOUR + MINUTE) == 1


def test_the_latest_is_published_however_late_it_is(office: Office) -> None:
    office.client.schedule("weekly", "hello", every="1w", late="latest")
    office.at(START + timedelta(days=13))
    (job,) = office.client.jobs()
    assert job.state == JobState.QUEUED
    with office.desk.reading() as session:
        missed_at = session.get_one(JobRow, job.id).missed_at
    assert missed_at == office.now + office.settings.missed_after


def test_a_pause_cancels_what_is_prepared_and_its_occurrences_are_passed_over(
    office: Office,
) -> None:
    office.client.schedule("often", ["a", "b", "c"], every="4m", late="latest")
    assert office.at(START) == 2
    assert office.client.pause_schedule("often").next_at is None
    assert office.times(JobState.CANCELLED) == [START + 4 * MINUTE, START + 8 * MINUTE]
    assert office.at(START + HOUR) == 0
    office.now = START + HOUR + MINUTE
    resumed = office.client.resume_schedule("often")
    assert (resumed.made, resumed.next_at) == (0, START + HOUR + 4 * MINUTE)
    office.at(office.now)
    assert office.times(JobState.SCHEDULED) == [
        START + HOUR + 4 * MINUTE,
        START + HOUR + 8 * MINUTE,
    ]
    # As if what was cancelled had never been made.
    assert office.texts() == ["a", "b"]


def test_a_short_pause_costs_nothing(office: Office) -> None:
    office.client.schedule("often", ["a", "b", "c"], every="4m", count=2)
    office.at(START)
    office.client.pause_schedule("often")
    office.client.resume_schedule("often")
    office.at(START + MINUTE)
    assert office.times(JobState.SCHEDULED) == [START + 4 * MINUTE, START + 8 * MINUTE]
    assert office.texts() == ["a", "b"]
    assert office.client.get_schedule("often").made == 2


def test_what_is_removed_publishes_no_more(office: Office) -> None:
    office.client.schedule("often", "hello", every="4m")
    office.at(START)
    office.now = START + 5 * MINUTE
    # The first one's time has come.
    assert office.client.unschedule("often") == 1
    assert office.times(JobState.CANCELLED) == [START + 8 * MINUTE]
    assert office.at(START + HOUR) == 0
    with pytest.raises(NotFound, match="there are none yet"):
        office.client.get_schedule("often")


def test_posts_take_turns(office: Office) -> None:
    office.client.schedule("often", ["a", "b", "c"], every=60, count=7)
    office.at(START)
    assert office.texts() == ["a", "b", "c", "a", "b", "c", "a"]


def test_at_random_each_comes_once_before_any_comes_again(office: Office) -> None:
    office.desk.dice.seed(4)
    names = ["a", "b", "c", "d"]
    office.client.schedule("often", names, every=5, count=100, order="random")
    office.at(START)
    texts = office.texts()
    rounds = [texts[start : start + 4] for start in range(0, 100, 4)]
    assert all(sorted(one) == names for one in rounds)
    assert len({tuple(one) for one in rounds}) > 5
    assert all(one != following for one, following in pairwise(texts))


def test_jitter_moves_the_post_and_not_the_occurrence(office: Office) -> None:
    office.client.schedule("often", "hello", every="1m", count=9, jitter=50)
    office.at(START)
    late = [(job.scheduled_at or START) - START for job in office.jobs()]
    assert late == sorted(late)
    assert all(
        n * MINUTE <= one <= n * MINUTE + timedelta(seconds=50) for n, one in enumerate(late, 1)
    )
    assert any(one.total_seconds() % 60 for one in late)
    with office.desk.reading() as session:
        rows = [session.get_one(JobRow, job.id) for job in office.jobs()]
    assert [row.occurrence for row in rows] == [START + n * MINUTE for n in range(1, 10)]


def test_a_start_is_the_first_occurrence(office: Office) -> None:
    start = START + 3 * HOUR
    given = office.client.schedule("later", "hello", every="2h", start=start, end=start + 4 * HOUR)
    assert given.next_at == start
    for hours in range(12):
        office.at(START + hours * HOUR)
    assert office.times() == [start, start + 2 * HOUR, start + 4 * HOUR]
    assert office.client.get_schedule("later").next_at is None


def test_every_problem_is_told_at_once_and_nothing_is_stored(office: Office) -> None:
    with pytest.raises(InvalidPost) as refused:
        office.client.schedule(
            " ",
            ["fine", "", Post(text="x", topic="a.b")],
            cron="x",
            timezone="Mars/Base",
            count=0,
            late="never",
            order="odd",
            start="soon",
        )
    told = {(problem.rule, problem.where) for problem in refused.value.problems}
    assert told == {
        ("schedule.name.empty", "name"),
        ("schedule.count.invalid", "count"),
        ("schedule.late.invalid", "late"),
        ("schedule.order.invalid", "order"),
        ("schedule.timezone.unknown", "timezone"),
        ("schedule.at.invalid", "start"),
        ("schedule.cron.invalid", "cron"),
        ("post.empty", "post 2, text"),
        ("threads.topic.invalid", "post 3, topic"),
    }
    assert office.client.schedules() == []


def test_what_is_not_possible_is_refused_with_its_code(office: Office) -> None:
    client = office.client
    client.schedule("one", "hello", every=60)
    refusals: list[tuple[Any, str]] = [
        (lambda: client.schedule("one", "hello", every=60), "schedule.exists"),
        (lambda: client.resume_schedule("one"), "schedule.not_paused"),
        (lambda: client.remove_account("main"), "account.has_schedules"),
    ]
    for act, code in refusals:
        with pytest.raises(NotPossible) as refused:
            act()
        assert refused.value.code == code
    client.pause_schedule("one")
    with pytest.raises(NotPossible, match="paused already"):
        client.pause_schedule("one")
    with pytest.raises(NotFound, match="known: one"):
        client.pause_schedule("two")
    with pytest.raises(NotFound):
        client.schedule("two", "hello", every=60, account="nobody")
