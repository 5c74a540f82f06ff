"""`threadsworker keys …`"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from threadsworker.cli.console import Json, errors_as_exit_codes, note, say, say_json

if TYPE_CHECKING:
    from threadsworker.report import Keys
    from threadsworker.rotation import Rotation

app = typer.Typer(help="The keys that stored tokens are sealed with.", no_args_is_help=True)

_VARIABLE = "THREADSWORKER_SECRET_KEY"


@app.command()
def status(as_json: Json = False) -> None:
    """Show the keys, and how many secrets each opens. An id tells nothing of its key."""
    with errors_as_exit_codes(as_json=as_json), _rotation() as rotation:
        _answer(rotation.status(), as_json)


@app.command()
def rotate(as_json: Json = False) -> None:
    """
    Seal every stored secret with a new key. Workers may run.

    Broken off, it goes on when it is called again. The old key is kept until `keys retire`. Keys
    in THREADSWORKER_SECRET_KEY are yours to change: put a new one in front there, restart
    everything, then run this.
    """
    with errors_as_exit_codes(as_json=as_json), _rotation() as rotation:
        told = rotation.rotate()
        _answer(told, as_json)
        note(f"{told.resealed} sealed anew; {_next(told)}")


@app.command()
def retire(as_json: Json = False) -> None:
    """Drop old keys from the key file. If a secret needs one, or might: exit 5."""
    with errors_as_exit_codes(as_json=as_json), _rotation() as rotation:
        _answer(rotation.retire(), as_json)
        note("backups from before still need the old key: keep it with them, or let them go too")


@app.command()
def new() -> None:
    """Print a fresh key for THREADSWORKER_SECRET_KEY. Nothing is stored."""
    from threadsworker.rotation import fresh_key

    say(fresh_key())


def _next(told: Keys) -> str:
    old = ", ".join(key.id for key in told.keys if not key.seals)
    if told.where != _VARIABLE:
        return f"the old key ({old}) still opens: `threadsworker keys retire` drops it"
    if old:
        return f"take the old key ({old}) out of {_VARIABLE} in every process"
    return (
        f"{_VARIABLE} holds one key: to change it, put a new one (`threadsworker keys new`) and a "
        "comma in front of it in every process, restart them, and run this again"
    )


@contextmanager
def _rotation() -> Iterator[Rotation]:
    from threadsworker.rotation import Rotation
    from threadsworker.settings import load_settings
    from threadsworker.store import schema
    from threadsworker.store.database import make_engine

    settings = load_settings()
    settings.ensure_home()
    engine = make_engine(settings.sqlalchemy_url)
    try:
        schema.ensure(engine, embedded=settings.embedded_database)
        yield Rotation(engine, settings=settings)
    finally:
        engine.dispose()


def _answer(told: Keys, as_json: bool) -> None:
    if as_json:
        say_json(told)
        return
    say(told.where)
    for key in told.keys:
        does = "seals and opens" if key.seals else "opens"
        say(f"  {key.id}  {does}  {key.values} {'secret' if key.values == 1 else 'secrets'}")
    if told.unreadable:
        say(f"  none of them opens {told.unreadable}")
