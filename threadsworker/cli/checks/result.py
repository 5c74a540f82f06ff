"""What a check has found, and how several are made at once within a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from time import monotonic

from threadsworker.errors import ThreadsWorkerError
from threadsworker.log import redacted
from threadsworker.report import Account
from threadsworker.settings import Settings
from threadsworker.steps.desk import Desk
from threadsworker.store import schema


class Level(StrEnum):
    """How bad it is. Only what FAILED makes the command fail."""

    OK = "OK"
    WARN = "WARN"
    FAILED = "FAILED"


@dataclass(frozen=True)
class Result:
    """One line."""

    name: str
    level: Level
    detail: str = ""
    #: What to do about it.
    advice: str = ""

    @property
    def ok(self) -> bool:
        return self.level is not Level.FAILED

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "level": self.level,
            "ok": self.ok,
            "detail": self.detail,
            "advice": self.advice,
        }


class Trouble(ThreadsWorkerError):
    """A check failed, and this is what to do."""

    def __init__(self, message: str, advice: str) -> None:
        super().__init__(message)
        self.advice = advice


def fine(name: str, detail: str = "") -> Result:
    return Result(name, Level.OK, detail)


def warning(name: str, detail: str, advice: str) -> Result:
    return Result(name, Level.WARN, detail, advice)


def failed(name: str, detail: str, advice: str) -> Result:
    return Result(name, Level.FAILED, detail, advice)


class Place:
    """The installation that is looked at. Connections are made on first use."""

    def __init__(self, settings: Settings, *, until: float) -> None:
        """`until`: when all has to be done, on the clock of `time.monotonic`."""
        self.settings = settings
        self.until = until

    @cached_property
    def desk(self) -> Desk:
        return Desk(self.settings)

    def close(self) -> None:
        """Close the connections."""
        if "desk" in vars(self):
            self.desk.engine.dispose()

    @property
    def has_database(self) -> bool:
        """False: it is the embedded one, and nothing has been stored in it yet."""
        file = self.settings.home / "threadsworker.db"
        return not self.settings.embedded_database or file.exists()

    @cached_property
    def versions(self) -> tuple[str | None, str | None]:
        """The schema's version, and the one that is needed. Nothing is changed."""
        return schema.versions(self.desk.engine)

    @property
    def is_behind(self) -> bool:
        """Whether the schema lacks something. One that is newer has that, and more."""
        present, wanted = self.versions
        return present is None or present < str(wanted)

    def check_database(self) -> None:
        """Raise what keeps the rows from being read."""
        if not self.has_database:
            raise Trouble("there is no database yet", "Start `threadsworker up`, or a worker.")
        present, wanted = self.versions
        if self.is_behind:
            raise Trouble(
                f"the database is at schema version {present or 'none'}, "
                f"this program needs {wanted}",
                "Run `threadsworker db upgrade`.",
            )

    @cached_property
    def accounts(self) -> list[Account]:
        """Every account; without a database none."""
        if not self.has_database:
            return []
        self.check_database()
        from threadsworker.client import Client

        with Client(self.settings) as client:
            return client.accounts()

    def each_account(self, look: Callable[[Account], list[Result]], name: str) -> list[Result]:
        """What `look` finds for each account, all at once."""
        tasks = {f"{name} {one.name}": _bound(look, one) for one in self.accounts}
        return at_once(tasks, until=self.until - 0.5)


def _bound(look: Callable[[Account], list[Result]], account: Account) -> Callable[[], list[Result]]:
    return lambda: look(account)


#: What to do about an error that says nothing of that.
_LOOK = "Look at what it names; `threadsworker check --only NAME` tries this one again."


def at_once(tasks: Mapping[str, Callable[[], list[Result]]], *, until: float) -> list[Result]:
    """
    What each task finds, in their order. One that breaks, or is not done by `until`, failed.

    Threads that hang end with the process.
    """
    found: dict[str, list[Result]] = {}

    def run(name: str, look: Callable[[], list[Result]]) -> None:
        found[name] = _looked(name, look)

    threads = [
        threading.Thread(target=run, args=(name, look), name=f"check {name}", daemon=True)
        for name, look in tasks.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until - monotonic()))
    late = "Look whether it can be reached from here: network, name, firewall."
    return [
        result
        for name in tasks
        for result in found.get(name, [failed(name, "no answer in time", late)])
    ]


def _looked(name: str, look: Callable[[], list[Result]]) -> list[Result]:
    try:
        return look()
    except Trouble as trouble:
        return [failed(name, redacted(str(trouble)), trouble.advice)]
    except ThreadsWorkerError as error:
        return [failed(name, redacted(str(error)), _LOOK)]
    except Exception as error:
        words = f"{type(error).__name__}: {error}".split("\n")[0]
        return [failed(name, redacted(words), _LOOK)]
