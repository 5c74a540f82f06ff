"""
`threadsworker access_token` and `threadsworker refresh_token`: tokens without an account.

The names, the options and the JSON are those of the older library's two commands.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from typer.core import TyperCommand

from threadsworker.cli.console import FAILED, errors_as_exit_codes, note, say_json
from threadsworker.cli.secrets import STDIN, ask, secret
from threadsworker.errors import ApiError, InvalidSettings, NoAnswer
from threadsworker.log import redacted

if TYPE_CHECKING:
    from pydantic import SecretStr

    from threadsworker.http import Http
    from threadsworker.settings import Settings

#: Options of one letter whose value may hang on with ``=``, as the older commands take it.
_LETTERS = ("-p", "-v", "-r")
#: Options that may stand alone, and those of their values that mean yes and no.
_SWITCHES = {
    "-s": "--silent",
    "--silent": "--silent",
    "-auto": "--auto_mode",
    "--auto_mode": "--auto_mode",
}
_YES, _NO = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}


class WithSwitches(TyperCommand):
    """
    A command whose options are written as the older ones were: ``-v=NAME``, and switches that
    stand alone or have a value, ``-s``, ``-s true``, ``-s=false``.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, list(_plain(args)))


def _plain(args: Sequence[str]) -> Iterator[str]:
    """Each switch as one that stands alone, or not at all; no ``=`` behind a letter."""
    rest = list(args)
    while rest:
        arg = rest.pop(0)
        name, equals, value = arg.partition("=")
        if equals and name in _LETTERS:
            yield from (name, value)
            continue
        if name not in _SWITCHES:
            yield arg
            continue
        if not equals and rest and not rest[0].startswith("-"):
            value = rest.pop(0)
        if value.lower() not in _YES | _NO | {""}:
            raise typer.BadParameter(f"{value!r} is neither true nor false", param_hint=name)
        if value.lower() not in _NO:
            yield _SWITCHES[name]


EnvPath = Annotated[
    str | None,
    typer.Option("--env_path", "-p", help="A .env file in which the token is replaced."),
]
EnvVariable = Annotated[
    str | None,
    typer.Option("--env_variable", "-v", help="The variable there that holds the token."),
]
Silent = Annotated[
    bool, typer.Option("--silent", "-s", help="No notes; with or without a value (true, false).")
]


def access_token(
    app_id: Annotated[
        str | None,
        typer.Option("--app_id", "-id", help="The Threads app id [THREADSWORKER_APP_ID]."),
    ] = None,
    app_secret: Annotated[
        str | None,
        typer.Option(
            "--app_secret",
            "-secret",
            help="The app's secret; better from THREADSWORKER_APP_SECRET, or '-': standard input.",
        ),
    ] = None,
    auth_code: Annotated[
        str | None,
        typer.Option(
            "--auth_code",
            "-code",
            help="The code of the authorization window, or the whole URL that it led to; "
            "'-': standard input.",
        ),
    ] = None,
    redirect_uri: Annotated[
        str | None,
        typer.Option(
            "--redirect_uri", "-r", help="As the window was opened with, to the last slash."
        ),
    ] = None,
    env_path: EnvPath = None,
    env_variable: EnvVariable = None,
    silent: Silent = False,
) -> None:
    """
    Exchange an authorization code for tokens, and print them.

    A code works once: everything that can be checked is checked before it is sent.
    """
    from threadsworker.settings import load_settings
    from threadsworker.threads_api import OAuth, code_from_redirect

    with errors_as_exit_codes():
        settings = load_settings()
        _in_pairs(env_path, env_variable)
        app_id = _wanted(app_id or settings.app_id, "--app_id", "THREADSWORKER_APP_ID")
        redirect_uri = _wanted(
            redirect_uri or settings.redirect_uri, "--redirect_uri", "THREADSWORKER_REDIRECT_URI"
        )
        hidden = secret(
            app_secret,
            settings.app_secret,
            option="--app_secret",
            variable="THREADSWORKER_APP_SECRET",
            silent=silent,
        ) or ask("App secret")
        hidden = _wanted(hidden, "--app_secret", "THREADSWORKER_APP_SECRET")
        code = code_from_redirect(_wanted(_line(auth_code), "--auth_code").strip())
        _check_writable(env_path, env_variable)
        with _refusals_as_json("Could not generate short lived token"):
            granted = OAuth(
                base_url=settings.threads_api_url,
                app_id=app_id,
                app_secret=hidden,
                http=_http(settings),
            ).grant(code, redirect_uri=redirect_uri)
        written = granted.long_lived is None or _write(
            env_path, env_variable, granted.long_lived.access_token, silent=silent
        )
        say_json(granted.as_json())
        if granted.trouble is not None:
            note(f"not everything could be asked of Meta: {granted.trouble}")
        if granted.trouble is not None or not written:
            raise typer.Exit(FAILED)


def refresh_token(
    access_token: Annotated[
        str | None,
        typer.Option(
            "--access_token",
            "-token",
            help="The long-lived token; better from THREADSWORKER_ACCESS_TOKEN, or '-': standard "
            "input, or by --auto_mode.",
        ),
    ] = None,
    auto_mode: Annotated[
        bool,
        typer.Option(
            "--auto_mode",
            "-auto",
            help="Take the token from --env_variable in --env_path (true, false).",
        ),
    ] = False,
    env_path: EnvPath = None,
    env_variable: EnvVariable = None,
    silent: Silent = False,
) -> None:
    """Refresh a long-lived token, and print the new one."""
    from threadsworker import envfile
    from threadsworker.settings import load_settings
    from threadsworker.threads_api import ThreadsApi

    with errors_as_exit_codes():
        settings = load_settings()
        _in_pairs(env_path, env_variable)
        if auto_mode:
            path = _wanted(env_path, "--env_path with --auto_mode")
            present = envfile.read_variable(path, _wanted(env_variable, "--env_variable"))
        else:
            given = secret(
                access_token,
                settings.access_token,
                option="--access_token",
                variable="THREADSWORKER_ACCESS_TOKEN",
                silent=silent,
            )
            present = _wanted(given, "--access_token", "THREADSWORKER_ACCESS_TOKEN")
        _check_writable(env_path, env_variable)
        with _refusals_as_json("An error occurred, could not refresh access token"):
            fresh = ThreadsApi(
                base_url=settings.threads_api_url, token=present, http=_http(settings)
            ).refresh_access_token()
        written = _write(env_path, env_variable, fresh.access_token, silent=silent)
        say_json(fresh.as_json())
        if not written:
            raise typer.Exit(FAILED)


T = TypeVar("T")


def _wanted(found: T | None, option: str, variable: str | None = None) -> T:
    """What was given; the command line is wrong if it was not."""
    if not found:
        raise typer.BadParameter(
            f"{option} is missing" + (f", and {variable} is not set" if variable else "")
        )
    return found


def _line(given: str | None) -> str | None:
    return sys.stdin.readline() if given == STDIN else given


def _in_pairs(env_path: str | None, env_variable: str | None) -> None:
    if (env_path is None) != (env_variable is None):
        missing = "--env_path" if env_path is None else "--env_variable"
        raise typer.BadParameter(f"{missing} is missing: the two belong together")


def _check_writable(env_path: str | None, env_variable: str | None) -> None:
    from threadsworker import envfile

    if env_path is not None and env_variable is not None:
        envfile.check_writable(env_path, env_variable)


def _write(
    env_path: str | None, env_variable: str | None, token: SecretStr, *, silent: bool
) -> bool:
    """Put the token into the file, if one was given. False, with a note, if that failed."""
    from threadsworker import envfile

    if env_path is None or env_variable is None:
        return True
    try:
        envfile.write_variable(env_path, env_variable, token)
    except InvalidSettings as error:
        note(f"{error}. The new token is on standard output, and nowhere else: keep it")
        return False
    if not silent:
        note(f"{env_variable} is replaced in {env_path}")
    return True


@contextmanager
def _refusals_as_json(message: str) -> Iterator[None]:
    """What went wrong as JSON too, as the older commands do."""
    try:
        yield
    except (ApiError, NoAnswer) as error:
        told: dict[str, Any] = {"message": redacted(str(error))}
        if isinstance(error, ApiError):
            told |= {"code": error.code, "error_subcode": error.subcode}
        say_json({"message": message, "error": told})
        note(message)
        raise


def _http(settings: Settings) -> Http:
    from threadsworker.http import Http

    return Http(read_timeout=settings.http_timeout.total_seconds())
