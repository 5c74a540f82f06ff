"""
Many posts at once: all of them are checked before one is stored, and all are stored or none.

A part of the client, apart from `client.py` for its length.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from threadsworker import report
from threadsworker.client.accounts import DEFAULT_ACCOUNT
from threadsworker.client.order import Order, key_problems, refuse_another
from threadsworker.errors import InvalidPost, NotFound, NotPossible, Problem
from threadsworker.media import Inspected
from threadsworker.plan import as_post
from threadsworker.post import Post
from threadsworker.queue import Title
from threadsworker.spread import Spread, free
from threadsworker.spread import parse as parse_spread
from threadsworker.store import accounts, describing, listing, runs, submission
from threadsworker.store.database import clock
from threadsworker.store.submission import Submission
from threadsworker.store.tables import JobRow
from threadsworker.when import When, zone_of

if TYPE_CHECKING:
    from threadsworker.client.client import Client

#: Jobs whose rows are written together.
_CHUNK = 500

#: An account's name and a key.
_Name = tuple[str, str | None]


@dataclass(frozen=True)
class _Entry:
    """One post that may be stored."""

    name: str
    order: Order
    media: tuple[Inspected, ...]
    #: Its moment is past: that matters unless its job exists.
    late: tuple[Problem, ...] = ()

    @property
    def key(self) -> _Name:
        return self.order.account, self.order.key


@dataclass(frozen=True)
class _Places:
    """Where posts without a moment go."""

    spread: Spread
    zone: ZoneInfo


def enqueue_all(
    client: Client,
    posts: Iterable[Mapping[str, Any]],
    *,
    names: Sequence[str],
    timezone: str | None,
    spread: str | None,
    dry_run: bool,
    also: Sequence[Problem],
) -> list[report.Enqueued]:
    """See `Client.enqueue_all`."""
    if spread is not None and timezone is None:
        raise TypeError("a spread needs a timezone")
    problems = list(also)
    places = _places(spread, timezone, problems)
    given = list(posts)
    called = [*names, *(f"post {number}" for number in range(len(names) + 1, len(given) + 1))]
    entries = _entries(client, given, called, timezone, problems)
    if problems:
        raise InvalidPost(problems)
    if dry_run:
        return _previews(client, entries, places)
    for entry in entries:
        client._spool_all(entry.media)
    try:
        done, starts = client._write(lambda session: _store(client, session, entries, places))
    except IntegrityError:
        # Somebody used one of the keys at the same moment: theirs is the job.
        done, starts = client._write(lambda session: _store(client, session, entries, places))
    _ring_all(client, starts, {one.id or "": one for one in done})
    return done


def _places(spread: str | None, timezone: str | None, problems: list[Problem]) -> _Places | None:
    if spread is None:
        return None
    try:
        zone = zone_of(timezone or "UTC")
    except InvalidPost as error:
        problems += error.problems
        zone = ZoneInfo("UTC")
    try:
        return _Places(parse_spread(spread), zone)
    except InvalidPost as error:
        problems += error.problems
        return None


def _entries(
    client: Client,
    given: Sequence[Mapping[str, Any]],
    called: Sequence[str],
    timezone: str | None,
    problems: list[Problem],
) -> list[_Entry]:
    """The posts, planned; what is wrong with any of them is added to `problems`."""
    unknown = _unknown_accounts(client, {str(one.get("account", DEFAULT_ACCOUNT)) for one in given})
    now, there = _present(client, given, unknown)
    staging = cache(client._staging_problems)
    first: dict[_Name, str] = {}
    entries = []
    for name, one in zip(called, given, strict=True):
        options = dict(one)
        account = str(options.pop("account", DEFAULT_ACCOUNT))
        key, at = options.pop("key", None), options.pop("at", None)
        zone = options.pop("timezone", timezone)
        wrong = key_problems(key)
        if account in unknown:
            wrong.append(Problem("account.unknown", unknown[account], "account", given=account))
        if key is not None and first.setdefault((account, key), name) != name:
            wrong.append(_duplicate(key, first[account, key]))
        post = None
        try:
            post = as_post(options.pop("post", ""), options.pop("media", ()), options)
        except InvalidPost as error:
            wrong += error.problems
        moment: list[Problem] = []
        terms = client._terms(post or Post(), at=at, timezone=zone, problems=moment, now=now)
        # Posts that are given again find their jobs, also when their time has come.
        late = [p for p in moment if p.rule == "schedule.in_past" and (account, key) in there]
        wrong += [problem for problem in moment if problem not in late]
        if post is not None:
            of_account = None if account in unknown else account
            try:
                media, planned = client._checked(
                    post, account=of_account, also=wrong, staging=staging
                )
            except InvalidPost as error:
                wrong = list(error.problems)
            else:
                order = Order(post, planned, terms, account, key)
                entries.append(_Entry(name, order, media, tuple(late)))
                continue
        problems += [replace(problem, where=f"{name}: {problem.where}") for problem in wrong]
    return entries


def _unknown_accounts(client: Client, names: Iterable[str]) -> dict[str, str]:
    """Those of the accounts that there are not, and what to say of each."""
    unknown = {}
    for name in names:
        try:
            client.account(name)
        except NotFound as error:
            unknown[name] = str(error)
    return unknown


def _present(
    client: Client, given: Iterable[Mapping[str, Any]], unknown: Mapping[str, str]
) -> tuple[datetime, set[_Name]]:
    """What time it is, and which keys are in use."""
    keys = [(str(one.get("account", DEFAULT_ACCOUNT)), one.get("key")) for one in given]
    # A key that is none is refused later, and cannot even be asked for.
    keys = [key for key in keys if key[0] not in unknown and not key_problems(key[1])]
    with client._reading() as session:
        ids = {name: accounts.find(session, name).id for name in {name for name, _ in keys}}
        return clock(session), set(_with_keys(session, ids, keys))


def _with_keys(
    session: Session, ids: Mapping[str, str], keys: Iterable[_Name]
) -> dict[_Name, JobRow]:
    """The jobs of those keys, by account and key."""
    wanted: dict[str, list[str]] = defaultdict(list)
    for account, key in keys:
        if key is not None:
            wanted[account].append(key)
    return {
        (account, key): row
        for account, of_account in wanted.items()
        for key, row in listing.with_keys(session, ids[account], of_account).items()
    }


def _previews(
    client: Client, entries: Sequence[_Entry], places: _Places | None
) -> list[report.Enqueued]:
    with client._reading() as session:
        names = {entry.order.account for entry in entries}
        ids = {name: accounts.find(session, name).id for name in names}
        now = clock(session)
        found = _found(session, ids, entries)
        orders = _placed(session, ids, entries, found, places, now=now)
    return [
        _reported(order, found[entry.key])
        if entry.key in found
        else report.Enqueued(
            id=None,
            account=order.account,
            key=order.key,
            state=order.terms.state_at(now),
            scheduled_at=order.terms.when.at if order.terms.when else None,
            timezone=order.terms.when.timezone if order.terms.when else None,
            segments=len(order.planned),
            new=True,
        )
        for entry, order in zip(entries, orders, strict=True)
    ]


def _store(
    client: Client, session: Session, entries: Sequence[_Entry], places: _Places | None
) -> tuple[list[report.Enqueued], list[JobRow]]:
    """What became of each, in their order; and the jobs whose chains are to be sent, now."""
    names = dict.fromkeys(entry.order.account for entry in entries)
    ids = {name: client._account(session, name).id for name in names}
    if places is not None:
        # Two who spread at once would both take the same slots.
        for account_id in sorted(ids.values()):
            accounts.lock(session, account_id)
    now = clock(session)
    found = _found(session, ids, entries)
    orders = _placed(session, ids, entries, found, places, now=now)
    new = [order for entry, order in zip(entries, orders, strict=True) if entry.key not in found]
    rows = list(_submitted(client, session, ids, new, now=now))
    added = iter(rows)
    done = [
        _reported(order, found[entry.key])
        if entry.key in found
        else _reported(order, next(added), new=True)
        for entry, order in zip(entries, orders, strict=True)
    ]
    return done, [row for row in rows if row.overdue_at is not None]


def _found(
    session: Session, ids: Mapping[str, str], entries: Sequence[_Entry]
) -> dict[_Name, JobRow]:
    """The jobs that exist already; raises for a post that cannot be stored beside them."""
    found = _with_keys(session, ids, [entry.key for entry in entries])
    for entry in entries:
        if entry.key in found:
            try:
                refuse_another(found[entry.key], entry.order)
            except NotPossible as error:
                raise NotPossible(f"{entry.name}: {error}", code=error.code) from None
        elif entry.late:
            raise InvalidPost(
                [replace(one, where=f"{entry.name}: {one.where}") for one in entry.late]
            )
    return found


def _placed(
    session: Session,
    ids: Mapping[str, str],
    entries: Sequence[_Entry],
    found: Mapping[_Name, JobRow],
    places: _Places | None,
    *,
    now: datetime,
) -> list[Order]:
    """The orders; those without a moment have the next free one, if they are to be spread."""
    orders = [entry.order for entry in entries]
    if places is None:
        return orders
    new = [entry.order for entry in entries if entry.key not in found]
    taken = {name: listing.moments(session, account_id) for name, account_id in ids.items()}
    for order in new:
        if order.terms.when is not None:
            taken[order.account].append(order.terms.when.at)
    slots = {name: free(places.spread, places.zone, now=now, taken=taken[name]) for name in taken}
    return [
        order
        if order.terms.when is not None or entry.key in found
        else _at(order, When(next(slots[order.account]), places.zone.key))
        for entry, order in zip(entries, orders, strict=True)
    ]


def _at(order: Order, when: When) -> Order:
    return replace(order, terms=replace(order.terms, when=when))


def _submitted(
    client: Client,
    session: Session,
    ids: Mapping[str, str],
    orders: Sequence[Order],
    *,
    now: datetime,
) -> Iterator[JobRow]:
    room: Counter[str] = Counter()
    concurrency = client.settings.account_concurrency
    for name in {order.account for order in orders}:
        room[name] = runs.room(session, ids[name], concurrency=concurrency)
    many = []
    for order in orders:
        rings = order.terms.starts_at(now) <= now and room[order.account] > 0
        room[order.account] -= rings
        many.append(
            Submission(
                account_id=ids[order.account],
                planned=order.planned,
                reply_to=order.post.reply_to,
                key=order.key,
                silence=client.settings.lease if rings else timedelta(0),
                terms=order.terms,
            )
        )
    for start in range(0, len(many), _CHUNK):
        yield from submission.submit_all(session, many[start : start + _CHUNK], now=now)


def _reported(order: Order, row: JobRow, *, new: bool = False) -> report.Enqueued:
    summary = describing.summary(row, order.account)
    return report.Enqueued(
        id=summary.id,
        account=summary.account,
        key=row.key,
        state=summary.state,
        scheduled_at=summary.scheduled_at,
        timezone=summary.timezone,
        segments=len(order.planned),
        new=new,
    )


def _ring_all(
    client: Client, starts: Sequence[JobRow], done: Mapping[str, report.Enqueued]
) -> None:
    """Send the chains; once nobody answers, `dispatch_due` has to send the rest."""
    heard = True
    unheard = []
    for row in starts:
        title = Title(done[row.id].account, done[row.id].segments)
        heard = heard and client._doorbell.ring(row.id, row.run, 0, title)
        if not heard:
            unheard.append(row)

    def give_up(session: Session) -> None:
        now = clock(session)
        for row in unheard:
            runs.unheard(session, row.id, run=row.run, now=now)

    if unheard:
        client._write(give_up)


def _duplicate(key: str, first: str) -> Problem:
    return Problem(
        "key.duplicate",
        f"The key {key!r} is that of {first} too; each post has a key of its own",
        "key",
        given=key,
    )
