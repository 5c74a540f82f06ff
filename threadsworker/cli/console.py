"""What a command prints, and what it exits with."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from threadsworker.errors import (
    InvalidPost,
    InvalidRequest,
    NotFound,
    NotPossible,
    ThreadsWorkerError,
)
from threadsworker.log import redacted

#: Done.
DONE = 0
#: Failed; the message says why.
FAILED = 1
#: The command line is wrong.
USAGE = 2
#: The post breaks a rule; nothing was stored.
INVALID_POST = 3
#: There is no job, account or schedule of that name.
UNKNOWN = 4
#: Not possible in the present state.
NOT_POSSIBLE = 5
#: `--wait` ended, and the job is not published.
NOT_PUBLISHED = 6

#: PostgreSQL's code for what a user may not do.
#: Source: https://www.postgresql.org/docs/current/errcodes-appendix.html (2026-11-25).
_INSUFFICIENT_PRIVILEGE = "42501"

Json = Annotated[bool, typer.Option("--json", help="Answer with JSON.")]


def say(line: str = "") -> None:
    """A line of the result."""
    sys.stdout.write(line + "\n")


def note(line: str) -> None:
    """A line that is not the result."""
    sys.stderr.write(redacted(line) + "\n")


def say_json(value: Any) -> None:
    """The result as JSON."""
    say(json.dumps(_plain(value), ensure_ascii=False, indent=2))


def _plain(value: Any) -> Any:
    from pydantic import BaseModel

    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


@contextmanager
def errors_as_exit_codes(*, as_json: bool = False) -> Iterator[None]:
    """The one place where an error becomes an exit code."""
    try:
        yield
    except InvalidPost as error:
        if as_json:
            say_json({"problems": [vars(problem) for problem in error.problems]})
        for problem in error.problems:
            note(str(problem))
        raise typer.Exit(INVALID_POST) from None
    except InvalidRequest as error:
        if as_json:
            say_json({"problems": [vars(error.problem)]})
        note(str(error))
        raise typer.Exit(USAGE) from None
    except NotFound as error:
        note(str(error))
        raise typer.Exit(UNKNOWN) from None
    except NotPossible as error:
        note(f"{error} [{error.code}]")
        raise typer.Exit(NOT_POSSIBLE) from None
    except (ThreadsWorkerError, TimeoutError) as error:
        note(str(error))
        raise typer.Exit(FAILED) from None
    except Exception as error:
        if (said := _database_says(error)) is None:
            raise
        note(said)
        raise typer.Exit(FAILED) from None


def _database_says(error: Exception) -> str | None:
    """
    A sentence with the driver's own first line, if the database is away, will not let us in, or
    is none; None if it is another error.
    """
    # Imported for an error only: it takes its time.
    from sqlalchemy.exc import DatabaseError, InterfaceError, OperationalError

    if not isinstance(error, DatabaseError | InterfaceError):
        return None
    words = str(error.orig).partition("\n")[0]
    if isinstance(error, InterfaceError | OperationalError):
        return f"The database does not answer: {words}"
    # Without a statement it was connecting that failed. SQLite calls a file that is no database
    # by the general name.
    denied = getattr(error.orig, "sqlstate", None) == _INSUFFICIENT_PRIVILEGE
    if error.statement is None or denied or type(error) is DatabaseError:
        return f"The database refuses: {words}"
    return None
