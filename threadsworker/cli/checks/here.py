"""
What is on this machine, or next to it: settings, home, key, database, broker, spool.

What takes long to import is imported by those that need it: a health check runs often.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sqlalchemy.exc import SQLAlchemyError

from threadsworker.cli.checks.result import Place, Result, Trouble, failed, fine, warning
from threadsworker.crypto import key_file, load_cipher
from threadsworker.errors import InvalidSettings
from threadsworker.log import redacted
from threadsworker.settings import unknown_variables

if TYPE_CHECKING:
    from threadsworker.queue import BrokerFacts

#: Bytes below which there is little room for media: a video may have a gigabyte.
LITTLE_ROOM = 2 * 1024**3
#: Redis that Celery's transport is tested with, at least.
OLDEST_REDIS = (6, 2)


def settings(place: Place) -> list[Result]:
    """They were read, or there would be no place. What is left are names that nobody reads."""
    found = [
        warning(
            "settings",
            f"{name} is no setting",
            f"Did you mean {like}?" if like else "Remove it; docs/settings.md lists all.",
        )
        for name, like in unknown_variables()
    ]
    shared = not place.settings.embedded_database
    key_is_here = place.settings.secret_key is None and place.settings.secret_key_file is None
    if shared and key_is_here:
        found.append(
            warning(
                "settings",
                "the database is shared, and the key is a file in this machine's home",
                "Set THREADSWORKER_SECRET_KEY to the same key everywhere, or share the home.",
            )
        )
    return found or [fine("settings", "read, and none contradicts another")]


def home(place: Place) -> list[Result]:
    path = place.settings.ensure_home()
    probe = path / ".writable"
    try:
        probe.touch()
        probe.unlink(missing_ok=True)
    except OSError as error:
        raise Trouble(
            f"{path} cannot be written: {error.strerror}",
            "Give it to the user that this runs as, or set THREADSWORKER_HOME.",
        ) from None
    if open_to := place.settings.home_is_open_to():
        words, _, advice = open_to.partition(". ")
        return [warning("home", words, advice)]
    return [fine("home", str(path))]


def key(place: Place) -> list[Result]:
    if place.settings.secret_key is not None:
        try:
            load_cipher(place.settings)
        except InvalidSettings as error:
            raise Trouble(
                str(error),
                "Set the key that the other processes have; the first one of all is made by "
                "`threadsworker keys new`.",
            ) from None
        return [fine("key", "from THREADSWORKER_SECRET_KEY")]
    path = key_file(place.settings).path
    if not path.exists() and place.settings.secret_key_file is None:
        return [fine("key", "none yet; the first account makes one")]
    try:
        load_cipher(place.settings)
    except InvalidSettings as error:
        words, _, advice = str(error).partition(". ")
        raise Trouble(words, advice) from None
    return [fine("key", str(path))]


def database(place: Place) -> list[Result]:
    """Looks only: a database is upgraded by `db upgrade`, or, the embedded one, by a worker."""
    if not place.has_database:
        return [fine("database", "sqlite, made on first use")]
    try:
        present, wanted = place.versions
    except SQLAlchemyError as error:
        raise Trouble(
            redacted(str(getattr(error, "orig", error)).split("\n")[0]),
            "Look whether the server runs, and at DATABASE_URL: host, name, user, password.",
        ) from None
    name = place.desk.engine.dialect.name
    if present == wanted:
        return [fine("database", f"{name}, schema version {present}")]
    told = f"{name}, schema version {present or 'none'}; this program needs {wanted}"
    if not place.is_behind:
        return [
            warning(
                "database",
                told,
                "A later version of threadsworker has upgraded it: install that one here too.",
            )
        ]
    if place.settings.embedded_database:
        return [
            warning(
                "database",
                told,
                "The next worker that starts here upgrades it, or `threadsworker db upgrade`.",
            )
        ]
    return [failed("database", told, "Run `threadsworker db upgrade`.")]


def broker(place: Place) -> list[Result]:
    from threadsworker.broker import broker_url, is_running
    from threadsworker.queue import Doorbell

    given = place.settings.broker_url
    if given is None:
        if not is_running(place.settings.home):
            raise Trouble(
                "the embedded broker is not running",
                "Start `threadsworker up`: the broker lives as long as a worker or a beat.",
            )
        return [fine("broker", broker_url(place.settings.home))]
    bell = Doorbell(given.get_secret_value)
    try:
        if (trouble := bell.trouble()) is not None:
            raise Trouble(
                f"no answer: {trouble}",
                "Look at THREADSWORKER_BROKER_URL (host, name, password, number of the database), "
                "and whether the server runs.",
            )
        facts = bell.facts()
    finally:
        bell.close()
    return _troubles_of_redis(facts) or [fine("broker", _told(facts))]


def _told(facts: BrokerFacts) -> str:
    if facts.version is None:
        return "answers, and does not tell this user its version and policy"
    return f"answers, version {facts.version}"


def _troubles_of_redis(facts: BrokerFacts) -> list[Result]:
    found = []
    if facts.policy not in (None, "noeviction"):
        found.append(
            warning(
                "broker",
                f"maxmemory-policy is {facts.policy}: when memory is short, messages are thrown "
                "away. Nothing is lost, but posts are late until their rows are looked at",
                "Set maxmemory-policy to noeviction.",
            )
        )
    if facts.persistent is False:
        found.append(
            warning(
                "broker",
                "nothing is written to disk: after a restart of Redis its messages are gone. "
                "Nothing is lost, but posts may be up to a lease late then",
                "Set appendonly to yes, if that delay matters.",
            )
        )
    if facts.version is not None and _number(facts.version) < OLDEST_REDIS:
        oldest = ".".join(map(str, OLDEST_REDIS))
        found.append(
            warning("broker", f"version {facts.version} is old", f"Use {oldest} or later.")
        )
    return found


def _number(version: str) -> tuple[int, ...]:
    parts = version.split(".")[:2]
    return tuple(int(part) for part in parts) if all(p.isdigit() for p in parts) else OLDEST_REDIS


def spool(place: Place) -> list[Result]:
    from threadsworker.client import Client

    url = place.settings.spool
    parts = urlsplit(url)
    # Another store's URL may hold a key.
    shown = url if parts.scheme in ("", "file") else f"{parts.scheme}://{parts.hostname or ''}"
    try:
        with Client(place.settings) as client:
            client.check_spool()
    except OSError as error:
        raise Trouble(
            f"{shown} cannot be written: {error.strerror or type(error).__name__}",
            "Give the directory to the user that this runs as, or set THREADSWORKER_SPOOL_URL.",
        ) from None
    if parts.scheme not in ("", "file"):
        return [fine("spool", shown)]
    free = shutil.disk_usage(parts.path).free
    told = f"{shown}, {free / 1024**3:.1f} GB free"
    if free < LITTLE_ROOM:
        return [
            warning(
                "spool",
                told,
                "Make room, or run `threadsworker prune`; enqueueing fails when it is full.",
            )
        ]
    return [fine("spool", told)]


def webhooks(place: Place) -> list[Result]:
    """Whether what `threadsworker webhooks` needs is there, if any of it is."""
    given = place.settings
    secret = given.app_secret or given.meta_app_secret
    wanted = given.webhook_verify_token is not None or given.webhook_url is not None
    if not wanted:
        return [fine("webhooks", "not received here")]
    if secret is None:
        return [
            failed(
                "webhooks",
                "nothing that Meta sends can be believed without the app's secret",
                "Set THREADSWORKER_APP_SECRET or THREADSWORKER_META_APP_SECRET.",
            )
        ]
    if given.webhook_verify_token is None:
        return [
            failed(
                "webhooks",
                "without the verify token Meta's first call is refused",
                "Set THREADSWORKER_WEBHOOK_VERIFY_TOKEN to what the app's dashboard has.",
            )
        ]
    if given.webhook_url is not None and urlsplit(given.webhook_url).scheme != "https":
        return [
            warning(
                "webhooks",
                "THREADSWORKER_WEBHOOK_URL is not https",
                "Meta calls https addresses only: name the one that is reached from outside.",
            )
        ]
    return [fine("webhooks", "the secret and the verify token are set")]
