"""`enqueue` as a part of an app's own transaction, on an engine that the app made as it likes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from threadsworker import Client, InvalidPost
from threadsworker.settings import load_settings

PICTURE = Path(__file__).parents[2] / "threadsworker/sandbox/assets/harbour.jpg"


@pytest.fixture
def client(engine: Engine, database_url: str, tmp_path: Path) -> Iterator[Client]:
    """A client with an account; nobody answers its broker."""
    settings = load_settings(
        home=tmp_path / "home",
        database_url=database_url,
        user_id="17841400000000001",
        access_token="token-main",
        github_repo="octo/stage",
        github_token="token-github",
    )
    with Client(settings) as client:
        yield client


@pytest.fixture
def app(database_url: str) -> Iterator[Engine]:
    """An app's engine, with the driver's defaults, and a table of the app's."""
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE article (title VARCHAR(80))"))
    yield engine
    engine.dispose()


def write(session: Session, title: str) -> None:
    session.execute(text("INSERT INTO article VALUES (:title)"), {"title": title})


def titles(app: Engine) -> list[str]:
    with app.connect() as connection:
        return list(connection.scalars(text("SELECT title FROM article")))


def test_what_is_rolled_back_was_never_there(client: Client, app: Engine) -> None:
    """Also if it is all that the transaction did, and if it made the account."""
    for _ in range(2):
        with Session(app) as session:
            client.enqueue("hello", key="k", media=[PICTURE], session=session)
            session.rollback()
    with Session(app) as session:
        write(session, "gone")
        client.enqueue("hello", key="k", session=session)
    assert client.jobs() == []
    assert titles(app) == []


def test_a_picture_goes_with_what_the_app_has_written(client: Client, app: Engine) -> None:
    with Session(app) as session, session.begin():
        write(session, "boats")
        job = client.enqueue("hello", media=[PICTURE], session=session)
        assert client.jobs() == []
    assert titles(app) == ["boats"]
    found = client.get(job.id)
    assert found.segments[0].media[0].sha256 is not None
    # It was begun when the app committed.
    assert found.run == 2


def test_a_refusal_leaves_the_transaction_usable(client: Client, app: Engine) -> None:
    with Session(app) as session, session.begin():
        write(session, "boats")
        with pytest.raises(InvalidPost):
            client.enqueue("x", topic="a.b", session=session)
    assert titles(app) == ["boats"]
    assert client.jobs() == []


def test_a_savepoint_is_no_commit(client: Client, app: Engine) -> None:
    with Session(app) as session, session.begin():
        write(session, "boats")
        with session.begin_nested():
            kept = client.enqueue("kept", session=session)
        with session.begin_nested() as savepoint:
            client.enqueue("taken back", session=session)
            savepoint.rollback()
        assert client.jobs() == []
    assert [job.id for job in client.jobs()] == [kept.id]


def test_jobs_begin_when_the_savepoints_owner_commits(client: Client, app: Engine) -> None:
    with Session(app) as session, session.begin(), session.begin_nested():
        job = client.enqueue("hello", session=session)
    assert client.get(job.id).run == 2


def test_a_registry_of_sessions_is_the_threads_own(client: Client, app: Engine) -> None:
    """As Flask-SQLAlchemy's `db.session`: another session's commit begins nothing."""
    registry = scoped_session(sessionmaker(app))
    job = client.enqueue("hello", session=registry)
    with registry.session_factory() as other:
        other.execute(text("SELECT 1"))
        other.commit()
    assert client.jobs() == []
    registry.commit()
    assert client.get(job.id).run == 2
    for text_of_another in ("one", "two"):
        again = client.enqueue(text_of_another, session=registry)
        registry.commit()
        assert client.get(again.id).run == 2
    registry.remove()


def test_a_commit_that_has_succeeded_does_not_fail(
    client: Client, app: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever keeps the job from being begun at once."""
    with Session(app) as session, session.begin():
        job = client.enqueue("hello", session=session)
        session.execute(text("ALTER TABLE threadsworker_event RENAME TO elsewhere"))
    assert [found.id for found in client.jobs()] == [job.id]
    assert "by the next dispatch" in caplog.text
