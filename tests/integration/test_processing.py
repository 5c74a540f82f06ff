"""What containers took is kept in their rows and learned from, on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, event, text
from sqlmodel import col, select

from tests.integration.test_store import add_job
from threadsworker.polling import BELIEFS, Seen, at_first, expect
from threadsworker.post import Segment
from threadsworker.steps.expecting import HOLDS, Expectations
from threadsworker.store import containers, processing, segments
from threadsworker.store.database import reading, transaction
from threadsworker.store.tables import ContainerRow

START = datetime(2026, 11, 1, tzinfo=UTC)
EIGHT = tuple(Segment(index=index, text=f"segment {index}") for index in range(8))


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@pytest.fixture
def add(engine: Engine) -> Callable[..., None]:
    """Adds a container that was looked at at these ages, and read FINISHED at the last of them."""
    job_id = add_job(engine, EIGHT)

    def add(
        *ages: float, kind: str = "text", segment: int = 0, item: int = 0, finished: bool = True
    ) -> None:
        with transaction(engine) as session:
            segment_id = segments.at(session, job_id, segment).id
            name = f"c{segment}-{item}"
            containers.add(session, segment_id, item=item, threads_id=name, kind=kind, now=START)
            found = select(ContainerRow.id).where(col(ContainerRow.threads_id) == name)
            container_id = session.exec(found).one()
            assert container_id is not None
            for age in ages[:-1]:
                containers.observed(session, container_id, status="IN_PROGRESS", now=after(age))
            last = "FINISHED" if finished else "IN_PROGRESS"
            containers.observed(session, container_id, status=last, now=after(ages[-1]))

    return add


def recent(engine: Engine, kind: str, limit: int = 50) -> list[Seen]:
    with reading(engine) as session:
        return processing.recent(session, kind, limit)


def test_the_looks_around_the_moment_are_kept(engine: Engine, add: Callable[..., None]) -> None:
    add(0.3, 0.5, 0.75, segment=0)
    add(0.4, segment=1)
    add(0.5, 0.6, segment=2, finished=False)
    add(1.0, 5.0, segment=3, kind="image")
    assert recent(engine, "text") == [Seen(0.0, 0.4), Seen(0.5, 0.75)]
    assert recent(engine, "text", limit=1) == [Seen(0.0, 0.4)]
    assert recent(engine, "image") == [Seen(1.0, 5.0)]
    assert recent(engine, "video") == []


def test_of_carousel_items_that_had_to_wait_for_their_turn_the_first_counts(
    engine: Engine, add: Callable[..., None]
) -> None:
    add(1.0, 3.0, segment=0, item=1, kind="image")
    add(3.1, segment=0, item=2, kind="image")
    add(3.2, 4.0, segment=0, item=3, kind="image")
    add(0.5, segment=1, item=1, kind="image")
    add(0.6, segment=1, item=2, kind="image")
    assert recent(engine, "image") == [Seen(0.0, 0.5), Seen(3.2, 4.0), Seen(1.0, 3.0)]


def test_a_container_of_before_the_upgrade_counts_as_ready_at_its_first_look(
    engine: Engine, add: Callable[..., None]
) -> None:
    add(0.3, 0.5)
    with transaction(engine) as session:
        session.execute(text("UPDATE threadsworker_container SET in_progress_at = NULL"))
    assert recent(engine, "text") == [Seen(0.0, 0.5)]


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    """The SELECTs of containers while the block lasts."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if "threadsworker_container" in statement:
            asked.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield asked
    event.remove(engine, "before_cursor_execute", note)


def test_the_database_is_asked_once_a_minute_and_kind(
    engine: Engine, add: Callable[..., None]
) -> None:
    now = 0.0
    expectations = Expectations(engine, clock=lambda: now)
    believed = expect(BELIEFS["text"], [])
    with counted(engine) as asked:
        assert expectations.of("text") == expectations.of("text") == believed
        assert expectations.of("image") == at_first("image")
        assert len(asked) == 2
    for segment in range(8):
        add(0.9, 1.9, 2.1, segment=segment)
    with counted(engine) as asked:
        assert expectations.of("text") == believed
        now = HOLDS
        assert 1.5 < expectations.of("text").median < 2.1
        assert expectations.of("text").median > believed.median
        assert len(asked) == 1


def test_a_database_that_does_not_answer_changes_nothing(
    engine: Engine, add: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    now = 0.0
    expectations = Expectations(engine, clock=lambda: now)
    for segment in range(8):
        add(0.9, 1.9, 2.1, segment=segment)
    learned = expectations.of("text")
    now = HOLDS
    with transaction(engine) as session:
        session.execute(text("ALTER TABLE threadsworker_container RENAME TO gone"))
    assert expectations.of("text") == learned
    assert "could not be read" in caplog.text
