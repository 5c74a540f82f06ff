"""
What `threadsworker check` looks at, and in which order.

A check looks and changes nothing: it may run beside anything, as often as one likes, also from a
container of another version.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from time import monotonic

from threadsworker.cli.checks import here, rows
from threadsworker.cli.checks.result import Place, Result, at_once, failed
from threadsworker.errors import InvalidSettings
from threadsworker.settings import load_settings

#: Seconds for what is here, and for the rest: the command ends within both.
HERE_WITHIN, REST_WITHIN = 6.0, 8.0


@dataclass(frozen=True)
class Check:
    name: str
    #: What it looks at, for people.
    about: str
    look: Callable[[Place], list[Result]]
    #: Whether it needs the rows: it is not made when `database` has failed.
    reads_rows: bool = False
    #: Whether it is made only when it is asked for.
    on_request: bool = False


def _away(name: str) -> Callable[[Place], list[Result]]:
    """A check of `checks.away`, which takes a while to import, and not every call needs it."""

    def look(place: Place) -> list[Result]:
        module = import_module("threadsworker.cli.checks.away")
        found: list[Result] = getattr(module, name)(place)
        return found

    return look


CHECKS = (
    Check("settings", "variables that no setting reads", here.settings),
    Check("home", "the home: writable, and its owner's alone", here.home),
    Check("key", "the key that opens tokens: its owner's alone", here.key),
    Check("database", "the database, and the version of its schema", here.database),
    Check("broker", "Redis: answers, throws nothing away, keeps on disk", here.broker),
    Check("spool", "where media wait: writable, with room", here.spool),
    Check("webhooks", "what receiving from Meta needs, if it is set up", here.webhooks),
    Check("dispatch", "beat and a worker: due jobs are looked for", rows.dispatch, True),
    Check("workers", "worker processes that show signs of life", rows.workers_alive, True),
    Check("jobs", "jobs that need a person, or failed lately", rows.jobs_in_trouble, True),
    Check("account", "each account's token: valid, scopes, end", _away("account"), True),
    Check("quota", "each account's publishing quotas", _away("quota"), True),
    Check("staging", "each account's repository at GitHub", _away("staging"), True),
    Check("clock", "this machine's clock, the database's, Meta's", _away("clock"), True),
    Check(
        "this-worker",
        "a worker on this machine, for its health check",
        rows.this_worker,
        True,
        True,
    ),
)


def chosen(only: Collection[str], skip: Collection[str]) -> list[Check]:
    """
    The checks that are to be made.

    Raises
    ------
    InvalidSettings:
        There is no check of such a name.
    """
    known = [check.name for check in CHECKS]
    for name in (*only, *skip):
        if name not in known:
            raise InvalidSettings(f"there is no check {name!r}; known: {', '.join(known)}")
    return [
        check
        for check in CHECKS
        if (check.name in only if only else not check.on_request) and check.name not in skip
    ]


def run_checks(only: Collection[str] = (), skip: Collection[str] = ()) -> list[Result]:
    """What each check has found, in their order; a check that breaks is a failed one."""
    wanted = chosen(only, skip)
    try:
        settings = load_settings()
    except InvalidSettings as error:
        return [failed("settings", str(error), "Correct it; docs/settings.md lists all settings.")]
    place = Place(settings, until=monotonic() + HERE_WITHIN)
    try:
        found = _made(place, [check for check in wanted if not check.reads_rows])
        if all(result.ok for result in found if result.name == "database"):
            place.until = monotonic() + REST_WITHIN
            found += _made(place, [check for check in wanted if check.reads_rows])
    finally:
        place.close()
    return found


def _made(place: Place, checks: list[Check]) -> list[Result]:
    return at_once({one.name: partial(one.look, place) for one in checks}, until=place.until)
