"""What PostgreSQL was told, by its own log: the programs that are counted know nothing of it."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from uuid import uuid4

import psycopg

from tests.services import PostgresServer, eventually, own_postgres_server

#: Settings of a server that logs every statement into one file, in a form that can be read.
_LOGGING = {
    "log_statement": "all",
    "logging_collector": "on",
    "log_destination": "csvlog",
    "log_directory": "statements",
    "log_filename": "all.log",
    "log_rotation_size": "0",
    "log_rotation_age": "0",
    "log_timezone": "UTC",
}
#: Columns of the log's rows:
#: https://www.postgresql.org/docs/15/runtime-config-logging.html#RUNTIME-CONFIG-LOGGING-CSVLOG
#: (read 2026-11-29).
_TIME, _PROCESS, _TAG, _TRANSACTION, _MESSAGE, _APPLICATION = 0, 3, 7, 10, 13, 22

_STATEMENT = re.compile(r"(?:statement|execute [^:]*): (.*)", re.DOTALL)
_WRITES = re.compile(r"\b(INSERT INTO|UPDATE|DELETE FROM)\s+\"?threadsworker", re.IGNORECASE)
#: Signs of life of a process, and what a new connection asks first: no job causes these.
_UPKEEP = re.compile(
    r"threadsworker_worker\b|pg_catalog\.version|current_schema\(\)"
    r"|standard_conforming_strings|^SET |FROM pg_type",
)
#: By which a pool finds out whether its connection is still there.
_PINGS = ("", "SELECT 1")


@dataclass(frozen=True)
class Statement:
    """One statement: when (seconds since 1970), by which process of the server, and what."""

    at: float
    process: int
    text: str
    tag: str
    #: The transaction had a number by then, so its end is written to disk.
    numbered: bool

    @property
    def writes(self) -> bool:
        return self.tag in ("INSERT", "UPDATE", "DELETE") or bool(_WRITES.search(self.text))


@dataclass
class Transaction:
    """Statements from BEGIN to its end, which are left out; or one without either."""

    statements: list[Statement] = field(default_factory=list)
    committed: bool = True
    #: It wrote, or locked a row.
    wrote: bool = False

    @property
    def is_ping(self) -> bool:
        return len(self.statements) == 1 and self.statements[0].text in _PINGS

    @property
    def is_upkeep(self) -> bool:
        return any(_UPKEEP.search(one.text) for one in self.statements)


class StatementLog:
    """The log of a server; statements of one application are looked at."""

    def __init__(self, path: Path, server: PostgresServer, application: str) -> None:
        self._path = path
        self._url = server.url
        self._application = application

    def mark(self) -> int:
        """The place in the log up to which all is written that was executed before."""
        name = f"SELECT 'mark {uuid4()}'"
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(name)
        return eventually(lambda: self._end_of(name.encode()) or 0)

    def transactions(self, since: int, until: int | None = None) -> list[Transaction]:
        """The application's transactions between two places, in the order of their ends."""
        return list(_transactions(self._statements(since, until)))

    def _end_of(self, text: bytes) -> int | None:
        written = self._path.read_bytes()
        found = written.rfind(text)
        end = written.find(b"\n", found) if found >= 0 else -1
        return end + 1 if end >= 0 else None

    def _statements(self, since: int, until: int | None) -> Iterator[Statement]:
        with self._path.open("rb") as file:
            file.seek(since)
            written = file.read() if until is None else file.read(until - since)
        # The last row may not be whole yet.
        whole = written[: written.rfind(b"\n") + 1].decode()
        for row in csv.reader(whole.splitlines(keepends=True)):
            if len(row) > _APPLICATION and row[_APPLICATION] == self._application:
                found = _STATEMENT.match(row[_MESSAGE])
                if found is not None:
                    yield _statement(row, found[1])


def _statement(row: list[str], text: str) -> Statement:
    at = datetime.strptime(row[_TIME], "%Y-%m-%d %H:%M:%S.%f UTC").replace(tzinfo=UTC)
    return Statement(
        at=at.timestamp(),
        process=int(row[_PROCESS]),
        text=text.strip().rstrip(";"),
        tag=row[_TAG],
        numbered=row[_TRANSACTION] not in ("", "0"),
    )


def _transactions(statements: Iterable[Statement]) -> Iterator[Transaction]:
    opened: dict[int, Transaction] = {}
    for one in statements:
        word = "".join(takewhile(str.isalpha, one.text)).upper()
        if word == "BEGIN":
            opened[one.process] = Transaction()
        elif word in ("COMMIT", "ROLLBACK"):
            ended = opened.pop(one.process, None)
            if ended is not None:
                ended.committed, ended.wrote = word == "COMMIT", one.numbered
                yield ended
        elif one.process in opened:
            opened[one.process].statements.append(one)
        else:
            yield Transaction([one], wrote=one.writes)


@contextmanager
def logging_server(
    directory: Path, application: str, **settings: str
) -> Iterator[tuple[PostgresServer, StatementLog]]:
    """
    A server of our own, and its log of what `application` tells it.

    Raises
    ------
    SystemExit:
        PostgreSQL's programs are not on this machine.
    """
    asked: Mapping[str, str] = {**_LOGGING, **settings}
    with own_postgres_server(directory, **asked) as server:
        if server is None:
            raise SystemExit("there is no PostgreSQL here")
        path = directory / "postgres" / "statements" / "all.csv"
        yield server, StatementLog(path, server, application)
