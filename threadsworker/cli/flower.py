"""
`threadsworker flower`: Celery's Flower with our settings, and closed to strangers.

Whoever opens Flower sees every account's name and every job, and Flower itself asks nobody who
they are unless it is told to. So outside loopback it starts with a password or not at all. The
rule is applied to what Flower will really do, after it has read its command line, its own
variables (``FLOWER_…``) and its configuration file, in whichever of them the address is.

Passwords stay off the command line, which other users of the machine can read.
"""

from __future__ import annotations

import logging
import runpy
import sys
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr
from tornado.options import OptionParser

from threadsworker import log
from threadsworker.cli.console import INVALID_POST, USAGE, note
from threadsworker.hosts import is_loopback
from threadsworker.settings import Settings, load_settings

#: Milliseconds that workers are given to describe themselves. They do not answer, see
#: docs/flower.md, and a page should not wait for them.
INSPECT_TIMEOUT = 100
#: Seconds after which a worker that has gone is no longer shown; every start has another name.
FORGET_WORKERS = 3600
COLUMNS = "name,args,state,result,exception,received,runtime,uuid"


def refusal(
    address: str, *, guarded: bool, unauthenticated_api: bool = False, local: bool = False
) -> str | None:
    """Why Flower must not start like this; None if it may. `local`: it listens on a socket file."""
    if local or is_loopback(address):
        return None
    where = f"on {address}" if address else "on every address of this machine"
    if not guarded:
        return (
            f"Flower is not started {where} without a password: others could see every job. Set "
            "THREADSWORKER_FLOWER_BASIC_AUTH to name:password, or listen on 127.0.0.1"
        )
    if unauthenticated_api:
        return (
            f"Flower is not started {where} with FLOWER_UNAUTHENTICATED_API: that is for an "
            "address that nobody else reaches. Unset it, or listen on 127.0.0.1"
        )
    return None


def refused(settings: Settings) -> str | None:
    """Why these settings, by themselves, must not start Flower."""
    return refusal(
        settings.flower_address,
        guarded=settings.flower_basic_auth is not None,
        unauthenticated_api=settings.flower_unauthenticated_api,
    )


def credentials(settings: Settings) -> list[str]:
    """``name:password`` of all who may open Flower; from now on redacted in every line."""
    if settings.flower_basic_auth is None:
        return []
    given = settings.flower_basic_auth.get_secret_value()
    log.redact(settings.flower_basic_auth)
    pairs = [pair.strip() for pair in given.split(",")]
    for pair in pairs:
        # As it is, as browsers send it, and the password alone.
        for written in (pair, b64encode(pair.encode()).decode(), pair.partition(":")[2]):
            log.redact(SecretStr(written))
    return pairs


def arguments(settings: Settings) -> list[str]:
    """What our settings mean in Flower's options, but for the passwords."""
    database = settings.flower_db or settings.ensure_home() / "flower.db"
    given: Mapping[str, object] = {
        "address": settings.flower_address,
        "port": settings.flower_port,
        "persistent": True,
        "db": database,
        "state_save_interval": int(settings.flower_save_every.total_seconds() * 1000),
        "max_tasks": settings.flower_max_tasks,
        "inspect_timeout": INSPECT_TIMEOUT,
        "purge_offline_workers": FORGET_WORKERS,
        "tasks_columns": COLUMNS,
        # Workers take no orders, and a job is retried by its row: no buttons that do nothing.
        "read_only": True,
        # Lines are written, and redacted, as everywhere else.
        "logging": "none",
    }
    options = [f"--{name}={value}" for name, value in given.items()]
    if settings.flower_url_prefix:
        options.append(f"--url_prefix={settings.flower_url_prefix.strip('/')}")
    return options


@dataclass
class Guard:
    """Looks at Flower's options when it has read them all, and ends the process if it must."""

    settings: Settings
    options: OptionParser
    looks: int = 0

    def look(self) -> None:
        """Called when a command line was read: once, or before and after a configuration file."""
        self.looks += 1
        if pairs := credentials(self.settings):
            self.options.basic_auth = pairs
        if self.looks == 1 and Path(self.options.conf).is_file():
            return
        sentence = refusal(
            self.options.address,
            guarded=bool(self.options.basic_auth or self.options.auth),
            unauthenticated_api=self.settings.flower_unauthenticated_api,
            local=bool(self.options.unix_socket),
        )
        if sentence:
            note(sentence)
            raise SystemExit(INVALID_POST)


def unknown(options: OptionParser, given: Sequence[str]) -> list[str]:
    """Those that are no option of Flower's: it would pass over them in silence."""
    names = {name.replace("-", "_") for name in options.as_dict()}
    return [
        part for part in given if part.lstrip("-").partition("=")[0].replace("-", "_") not in names
    ]


def main() -> None:
    """Become Flower; the command line holds options of its own."""
    from flower.options import options

    settings, extra = load_settings(), sys.argv[1:]
    log.configure(settings.log_level, form=settings.log_format)
    # Workers do not answer; that is no news.
    logging.getLogger("flower.inspector").setLevel(logging.ERROR)
    if strange := unknown(options, extra):
        note(f"Flower has no option {', '.join(strange)}; options are written --name=value")
        raise SystemExit(USAGE)
    options.add_parse_callback(Guard(settings, options).look)
    sys.argv = ["celery", "-A", "tasks.app", "flower", *arguments(settings), *extra]
    runpy.run_module("celery", run_name="__main__")
