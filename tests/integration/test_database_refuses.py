"""What a command says when the database is away, will not let it in, or is none."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from tests.services import PostgresServer
from threadsworker.settings import load_settings
from threadsworker.store import schema
from threadsworker.store.database import make_engine

PASSWORD = "hunter2secret"


@pytest.fixture
def jobs(tmp_path: Path) -> Callable[[str], str]:
    """What `threadsworker jobs` says with such a database: a sentence, and exit code 1."""

    def run(url: str) -> str:
        environment = {**os.environ, "THREADSWORKER_HOME": str(tmp_path), "DATABASE_URL": url}
        done = subprocess.run(
            [sys.executable, "-m", "threadsworker", "jobs"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=environment,
            cwd=tmp_path,
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert PASSWORD not in done.stderr
        return done.stderr

    return run


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        (f"postgresql://u:{PASSWORD}@127.0.0.1:1/x", "does not answer: "),
        (f"postgresql://u:{PASSWORD}@127.0.0.1:port/x", "DATABASE_URL must be a URL"),
        (f"postgresql://u:{PASSWORD}@127.0.0.1:1/x?sslmod=require", 'option "sslmod"'),
    ],
)
def test_an_address_that_leads_nowhere(jobs: Callable[[str], str], url: str, sentence: str) -> None:
    assert sentence in jobs(url)


def test_a_file_that_is_no_database(jobs: Callable[[str], str], tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no database " * 20)
    url = f"sqlite:///{tmp_path}/notes.txt"
    assert jobs(url) == "The database refuses: file is not a database\n"


def test_a_user_that_may_not_read(jobs: Callable[[str], str], postgres: PostgresServer) -> None:
    with postgres.database() as url:
        engine = make_engine(load_settings(database_url=url).sqlalchemy_url)
        schema.upgrade(engine)
        name = "reads_nothing_" + str(engine.url.database)
        with engine.begin() as connection:
            connection.execute(text(f'CREATE ROLE "{name}" LOGIN'))
        try:
            poor = make_url(url).set(username=name).render_as_string(hide_password=False)
            assert jobs(poor).startswith("The database refuses: permission denied for table")
        finally:
            with engine.begin() as connection:
                connection.execute(text(f'DROP ROLE "{name}"'))
            engine.dispose()
