"""What `threadsworker check` looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from threadsworker.broker import broker_url, is_running
from threadsworker.client import Client
from threadsworker.errors import ThreadsWorkerError
from threadsworker.http import Http
from threadsworker.log import redacted
from threadsworker.queue import Doorbell
from threadsworker.settings import Settings, load_settings
from threadsworker.steps.desk import Desk
from threadsworker.steps.upkeep import DISPATCH, silence_of
from threadsworker.store import accounts, duties, schema
from threadsworker.store.database import clock, make_engine
from threadsworker.store.standing import AccountStatus


@dataclass(frozen=True)
class Result:
    name: str
    ok: bool
    detail: str = ""
    #: What to do about it.
    advice: str = ""


def run_checks() -> list[Result]:
    """One result each; a check that breaks is a failed one."""
    settings = load_settings()
    checks: dict[str, Callable[[Settings], str]] = {
        "home": _home,
        "database": _database,
        "broker": _broker,
        "spool": _spool,
        "dispatch": _dispatch,
    }
    results = [_result(name, partial(look, settings)) for name, look in checks.items()]
    if results[1].ok:
        results += _accounts(settings)
    return results


def _result(name: str, look: Callable[[], str]) -> Result:
    try:
        return Result(name, True, look())
    except ThreadsWorkerError as error:
        return Result(name, False, redacted(str(error)))
    except Exception as error:
        return Result(name, False, redacted(f"{type(error).__name__}: {error}".split("\n")[0]))


def _home(settings: Settings) -> str:
    settings.ensure_home()
    probe = settings.home / ".writable"
    probe.touch()
    probe.unlink()
    return str(settings.home)


def _database(settings: Settings) -> str:
    engine = make_engine(settings.sqlalchemy_url)
    schema.ensure(engine, embedded=settings.embedded_database)
    return f"{engine.dialect.name}, schema version {schema.versions(engine)[0]}"


def _broker(settings: Settings) -> str:
    if settings.broker_url is None:
        if not is_running(settings.home):
            raise ThreadsWorkerError("the embedded broker is not running: start `threadsworker up`")
        return broker_url(settings.home)
    if not Doorbell(settings.broker_url.get_secret_value).answers():
        raise ThreadsWorkerError("no answer: check THREADSWORKER_BROKER_URL and the server")
    return "answers"


def _spool(settings: Settings) -> str:
    Client(settings).check_spool()
    return settings.spool


def _dispatch(settings: Settings) -> str:
    """Beat rings, a worker answers: the age of the last look for due jobs shows both."""
    desk = Desk(settings)
    with desk.reading() as session:
        last = duties.last_done(session, DISPATCH)
        age = None if last is None else clock(session) - last
    told = "never" if age is None else f"{age.total_seconds():.0f} s ago"
    if age is None or age > silence_of(settings):
        raise ThreadsWorkerError(
            f"due jobs were looked for {told}: start `threadsworker up`, or a worker and a beat"
        )
    return f"due jobs were looked for {told}"


def _accounts(settings: Settings) -> Iterator[Result]:
    desk, client = Desk(settings), Client(settings)
    for account in client.accounts():
        name = f"account {account.name}"
        if account.status != AccountStatus.ACTIVE:
            advice = f"Sign in again: threadsworker auth login {account.name}."
            yield Result(name, False, account.status, advice)
            continue
        with desk.reading() as session:
            row = accounts.find(session, account.name)
            credentials = desk.credentials(session, row.id)
        yield _result(name, partial(_profile, desk, credentials))
        if credentials.github_repo and credentials.github_token:
            yield _result(
                f"{name}, staging in {credentials.github_repo}",
                partial(_repository, settings, credentials),
            )


def _profile(desk: Desk, given: accounts.Credentials) -> str:
    return f"@{desk.threads(given).me().username}"


def _repository(settings: Settings, given: accounts.Credentials) -> str:
    from threadsworker.staging.github import GitHubStaging

    assert given.github_repo is not None
    assert given.github_token is not None
    facts = GitHubStaging(
        repo=given.github_repo,
        token=given.github_token,
        api_url=settings.github_api_url,
        raw_url=settings.github_raw_url,
        http=Http(),
    ).facts()
    if facts.private:
        raise ThreadsWorkerError("the repository is private: Meta cannot fetch from it")
    if not facts.may_write:
        raise ThreadsWorkerError("the token may not write: give it 'Contents: write'")
    return "public, writable"
