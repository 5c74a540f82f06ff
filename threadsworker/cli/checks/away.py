"""What is at Meta's and at GitHub's: accounts, their tokens and quotas, repositories, clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from threadsworker.cli.checks.result import Place, Result, Trouble, failed, fine, warning
from threadsworker.errors import (
    ApiError,
    NoAnswer,
    RequestRefused,
    TokenRejected,
)
from threadsworker.http import Http
from threadsworker.report import Account
from threadsworker.staging.github import GitHubStaging, RepositoryFacts
from threadsworker.steps.quota import figures
from threadsworker.store import accounts
from threadsworker.store.accounts import Credentials
from threadsworker.store.database import clock as database_clock
from threadsworker.store.standing import AccountStatus
from threadsworker.threads_api import ThreadsApi
from threadsworker.threads_api.oauth import Scope
from threadsworker.token_life import WARN_AHEAD

#: Seconds for which Meta or GitHub may be silent.
PATIENCE = 3.0
#: Kilobytes of a repository above which GitHub is slow: it asks for less than a gigabyte.
#: Source: https://docs.github.com/en/repositories/working-with-files/managing-large-files
#: (2026-10-02).
LARGE_REPOSITORY = 1024 * 1024
#: Branches of ours above which something does not clean up.
MANY_BRANCHES = 200
#: The share of GitHub's requests in an hour below which uploads may soon have to wait.
FEW_REQUESTS = 0.1
#: Clocks may differ so much; more is told, and much more is a failure.
SMALL_SKEW, LARGE_SKEW = timedelta(seconds=5), timedelta(minutes=5)
_STATUS_PAGE = "Look at Meta's status page, and at this network."
_SIGN_IN = "Sign in again: threadsworker auth login {}."


def account(place: Place) -> list[Result]:
    """Whose token it is, what it may do, and how long."""
    found = place.each_account(lambda one: _account(place, one), "account")
    if not found:
        return [warning("account", "there is none yet", "Run `threadsworker auth login NAME`.")]
    return found


def _account(place: Place, told: Account) -> list[Result]:
    name = f"account {told.name}"
    if told.status != AccountStatus.ACTIVE:
        why = f": {told.disconnected_because}" if told.disconnected_because else ""
        return [failed(name, f"{told.status}{why}", _SIGN_IN.format(told.name))]
    api = _threads(place, _credentials(place, told.name))
    try:
        profile = api.me()
        scopes, expires_at = _token(api, told)
    except TokenRejected as error:
        return [failed(name, f"Meta refuses its token: {error}", _SIGN_IN.format(told.name))]
    except (ApiError, NoAnswer) as error:
        return [failed(name, str(error), _STATUS_PAGE)]
    found = _scopes(name, told.name, scopes) + _expiry(place, name, told.name, expires_at)
    if told.paused_at is not None:
        advice = f"Run `threadsworker account resume {told.name}` when it shall go on."
        found.append(warning(name, "paused by a person: nothing of it goes out", advice))
    until = f", token until {expires_at:%Y-%m-%d}" if expires_at else ""
    return found or [fine(name, f"@{profile.username}{until}")]


def _token(api: ThreadsApi, told: Account) -> tuple[tuple[str, ...] | None, datetime | None]:
    """Scopes and end of the token: as Meta has told them before, or tells them now."""
    if told.scopes is not None and told.token_expires_at is not None:
        return told.scopes, told.token_expires_at
    try:
        facts = api.debug_token()
    except TokenRejected:
        raise
    except (ApiError, NoAnswer):
        # It may not be asked of each app; that says nothing of the token.
        return told.scopes, told.token_expires_at
    return facts.scopes or told.scopes, facts.expires_at or told.token_expires_at


def _scopes(title: str, name: str, scopes: tuple[str, ...] | None) -> list[Result]:
    if scopes is None:
        return []
    wanted = (Scope.BASIC, Scope.CONTENT_PUBLISH)
    missing = [str(scope) for scope in wanted if scope not in scopes]
    again = f"threadsworker auth login {name} --scope "
    if missing:
        advice = f"Sign in again and allow it: {again}publish."
        return [failed(title, f"its owner has not allowed {', '.join(missing)}", advice)]
    if Scope.MANAGE_REPLIES not in scopes:
        detail = f"its owner has not allowed {Scope.MANAGE_REPLIES}: threads stop after the root"
        return [warning(title, detail, f"Sign in again and allow it: {again}manage_replies.")]
    return []


def _expiry(place: Place, title: str, name: str, expires_at: datetime | None) -> list[Result]:
    if expires_at is None:
        return []
    with place.desk.reading() as session:
        left = expires_at - database_clock(session)
    if left <= timedelta(0):
        return [failed(title, f"its token ended on {expires_at:%Y-%m-%d}", _SIGN_IN.format(name))]
    if left < WARN_AHEAD:
        detail = f"its token ends on {expires_at:%Y-%m-%d %H:%M} UTC, and was not refreshed in time"
        advice = f"Run `threadsworker account refresh {name}`; it says what keeps it."
        return [warning(title, detail, advice)]
    return []


def quota(place: Place) -> list[Result]:
    return place.each_account(lambda one: _quota(place, one), "quota")


def _quota(place: Place, told: Account) -> list[Result]:
    if told.status != AccountStatus.ACTIVE:
        return []
    with place.desk.reading() as session:
        account_id = accounts.find(session, told.name).id
    name, parts, full = f"quota {told.name}", [], []
    try:
        quotas = figures(place.desk, account_id).quotas
    except TokenRejected as error:
        return [failed(name, f"Meta refuses its token: {error}", _SIGN_IN.format(told.name))]
    except (ApiError, NoAnswer) as error:
        return [failed(name, str(error), _STATUS_PAGE)]
    for one in quotas:
        parts.append(f"{one.kind} {one.used + one.reserved}/{one.total}")
        if one.free <= 0 and one.kind != "delete":
            opens = f"{one.opens_at:%H:%M} UTC" if one.opens_at else "soon"
            full.append(f"no {one.kind} before {opens}")
    if full:
        advice = "Nothing to do: what does not fit waits. `threadsworker quota` shows more."
        return [warning(name, f"{', '.join(parts)}: {', '.join(full)}", advice)]
    return [fine(name, ", ".join(parts))]


def staging(place: Place) -> list[Result]:
    return place.each_account(lambda one: _staging(place, one), "staging")


def _staging(place: Place, told: Account) -> list[Result]:
    given = _credentials(place, told.name)
    name = f"account {told.name}, staging in {given.github_repo}"
    if given.github_repo is None:
        return [fine(f"account {told.name}, staging", "none: media by public URL only")]
    if given.github_token is None:
        advice = "Run `threadsworker account add` with THREADSWORKER_GITHUB_TOKEN set."
        return [failed(name, "there is no token for it", advice)]
    repository = GitHubStaging(
        repo=given.github_repo,
        token=given.github_token,
        api_url=place.settings.github_api_url,
        raw_url=place.settings.github_raw_url,
        http=Http(read_timeout=PATIENCE),
        upload_timeout=PATIENCE,
    )
    try:
        facts = repository.facts()
        return _wrong_with(name, facts) or _fullness(name, repository, facts)
    except TokenRejected as error:
        advice = "Make another token with 'Contents: write' and run `threadsworker account add`."
        return [failed(name, f"GitHub refuses the token: {error}", advice)]
    except RequestRefused as error:
        advice = "Make it, public, or let the token see it; or name another with --github-repo."
        return [failed(name, f"GitHub does not show it: {error}", advice)]


def _wrong_with(name: str, facts: RepositoryFacts) -> list[Result]:
    if facts.private:
        return [failed(name, "it is private: Meta cannot fetch from it", "Make it public.")]
    if not facts.may_write:
        return [failed(name, "the token may not write", "Give it 'Contents: write'.")]
    return []


def _fullness(name: str, repository: GitHubStaging, facts: RepositoryFacts) -> list[Result]:
    branches = 0
    for _ in repository.staged_jobs():
        branches += 1
        if branches > MANY_BRANCHES:
            break
    rate = repository.rate_limit()
    if facts.size > LARGE_REPOSITORY:
        advice = "Use a new repository for staging: `threadsworker account add --github-repo`."
        return [warning(name, f"it has {facts.size / 1024**2:.1f} GB, and grows slow", advice)]
    if branches > MANY_BRANCHES:
        advice = "Look at the worker's log for what keeps it from taking them away."
        return [warning(name, f"more than {MANY_BRANCHES} posts have files there", advice)]
    if rate.remaining < FEW_REQUESTS * rate.limit:
        detail = f"{rate.remaining} of {rate.limit} requests left until {rate.reset:%H:%M} UTC"
        advice = "Nothing to do: uploads wait. Use the token for nothing else."
        return [warning(name, detail, advice)]
    told = f"public, writable, {facts.size} kB, {branches} posts staged"
    return [fine(name, f"{told}, {rate.remaining} of {rate.limit} requests left")]


def clock(place: Place) -> list[Result]:
    """This machine's clock, the database's, which decides, and Meta's."""
    begun = datetime.now(UTC)
    base = None
    if place.has_database:
        place.check_database()
        with place.desk.reading() as session:
            base = database_clock(session)
    here = begun + (datetime.now(UTC) - begun) / 2
    found = [] if base is None else _skew("this machine", here, "the database", base)
    meta = _date_of_meta(place)
    if meta is None:
        return found or [fine("clock", "this machine and the database agree; Meta tells no time")]
    found += _skew("the database" if base else "this machine", base or here, "Meta", meta)
    return found or [fine("clock", "this machine, the database and Meta agree")]


def _skew(one: str, its: datetime, other: str, others: datetime) -> list[Result]:
    difference = its - others
    if abs(difference) <= SMALL_SKEW:
        return []
    way = "ahead of" if difference > timedelta(0) else "behind"
    detail = f"{one} is {abs(difference).total_seconds():.0f} s {way} {other}"
    advice = "Set the clocks by NTP: posts are early or late by this, and signatures may fail."
    make = warning if abs(difference) <= LARGE_SKEW else failed
    return [make("clock", detail, advice)]


def _date_of_meta(place: Place) -> datetime | None:
    """The time in the head of an answer, of whatever kind: no token is needed for that."""
    url = f"{place.settings.threads_api_url.rstrip('/')}/{place.settings.threads_api_version}/me"
    try:
        answer = Http(read_timeout=PATIENCE).request("GET", url)
    except NoAnswer as error:
        raise Trouble(
            f"Meta does not answer: {error}", "Look at this network, its proxy and its firewall."
        ) from None
    try:
        told = parsedate_to_datetime(answer.headers["Date"])
    except (KeyError, ValueError):
        return None
    # It names whole seconds.
    return told.astimezone(UTC) + timedelta(seconds=0.5)


def _credentials(place: Place, name: str) -> Credentials:
    with place.desk.reading() as session:
        return place.desk.credentials(session, accounts.find(session, name).id)


def _threads(place: Place, given: Credentials) -> ThreadsApi:
    """Asked also during a pause: it is one look, and a person wants to know."""
    return ThreadsApi(
        base_url=place.settings.threads_api_url,
        token=given.access_token,
        http=Http(read_timeout=PATIENCE),
        version=place.settings.threads_api_version,
    )
