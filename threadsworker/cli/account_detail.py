"""One account in full, as `threadsworker account show` tells it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from rich.text import Text

from threadsworker import report
from threadsworker.cli.tables import accounts_table, console

#: In `AccountStatus`'s words.
_ACTIVE = "active"


def as_json(account: report.Account, quotas: report.Quotas | None, *, now: datetime) -> Any:
    """The account, and beside it ``token_age`` (seconds), ``health`` and ``quota``."""
    age = _age(account, now)
    return {
        **account.model_dump(mode="json"),
        "token_age": None if age is None else age.total_seconds(),
        "health": health(account, now=now),
        "quota": None if quotas is None else quotas.model_dump(mode="json")["quotas"],
    }


def show(account: report.Account, quotas: report.Quotas | None, *, now: datetime) -> None:
    """The account for people: a row as in the list, and a line for each thing to know."""
    accounts_table([account])
    out = console()
    for name, told in (
        ("health", health(account, now=now)),
        ("token", _token(account, now)),
        ("refresh", _refresh(account, now)),
        ("scopes", _scopes(account)),
        ("quota", _quota(quotas)),
    ):
        out.print(Text(f"{name:>10}  {told}"))


def health(account: report.Account, *, now: datetime) -> str:
    """Whether anything is published for it now; if not, why."""
    pauses = {"Meta": account.paused_until, "GitHub": account.github_paused_until}
    asked = [
        f"{who} asked for a pause until {_at(m)}" for who, m in pauses.items() if m and m > now
    ]
    troubles = [
        *([f"paused by a person since {_at(account.paused_at)}"] if account.paused_at else []),
        *([_disconnected(account, now)] if _needs_its_owner(account, now) else []),
        *asked,
    ]
    return "; ".join(troubles) or "good"


def _needs_its_owner(account: report.Account, now: datetime) -> bool:
    return account.status != _ACTIVE or _over(account, now)


def _over(account: report.Account, now: datetime) -> bool:
    return account.token_expires_at is not None and account.token_expires_at <= now


def _disconnected(account: report.Account, now: datetime) -> str:
    cause = account.disconnected_because or ("its token is over" if _over(account, now) else None)
    why = f" ({cause})" if cause else ""
    return f"its owner must sign in again{why}: threadsworker auth login {account.name}"


def _age(account: report.Account, now: datetime) -> timedelta | None:
    return now - account.token_issued_at if account.token_issued_at else None


def _token(account: report.Account, now: datetime) -> str:
    age, expires = _age(account, now), account.token_expires_at
    made = "its age is not known" if age is None else f"{_days(age)} old"
    if expires is None:
        return f"{made}, its end is not known"
    if expires <= now:
        return f"{made}, over since {_at(expires)}"
    return f"{made}, good until {_at(expires)}, for another {_days(expires - now)}"


def _refresh(account: report.Account, now: datetime) -> str:
    last, following = account.token_refreshed_at, account.refresh_at
    if _needs_its_owner(account, now):
        coming = "none before its owner has signed in"
    else:
        coming = f"next {_at(following)}" if following else "next as soon as a worker looks"
    told = [f"last {_at(last)}" if last else "never yet", coming]
    if account.refresh_tries:
        told.append(f"{account.refresh_tries} failed in a row")
    return ", ".join(told)


def _scopes(account: report.Account) -> str:
    if account.scopes is None:
        return f"not known: threadsworker account show {account.name} --check"
    asked = f" (asked {_at(account.token_checked_at)})" if account.token_checked_at else ""
    return ", ".join(account.scopes) + asked


def _quota(quotas: report.Quotas | None) -> str:
    if quotas is None or quotas.told_at is None:
        return "Meta was not asked yet"
    figures = [f"{one.kind} {one.used} of {one.total}" for one in quotas.quotas]
    return f"{', '.join(figures)} (asked {_at(quotas.told_at)})"


def _days(span: timedelta) -> str:
    if span < timedelta(days=2):
        return f"{span / timedelta(hours=1):.0f} hours"
    return f"{span.days} days"


def _at(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
