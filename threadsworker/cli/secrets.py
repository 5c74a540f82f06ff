"""Where a command takes its secrets from, and where it would rather not."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from threadsworker.cli.console import note
from threadsworker.log import redact

if TYPE_CHECKING:
    from pydantic import SecretStr

#: On the command line: read it from standard input.
STDIN = "-"


def secret(
    given: str | None,
    setting: SecretStr | None,
    *,
    option: str,
    variable: str,
    silent: bool = False,
) -> SecretStr | None:
    """
    A secret from the command line, from standard input (``-``), or from the environment.

    The command line is warned of: other users of the machine can read it there.
    """
    from pydantic import SecretStr

    if given == STDIN:
        found: SecretStr | None = SecretStr(sys.stdin.readline().strip())
    elif given is not None:
        found = SecretStr(given)
        if not silent:
            note(
                f"{option}: other users of this machine can see it on the command line; "
                f"set {variable}, or give {STDIN!r} in its place and write it to standard input"
            )
    else:
        found = setting
    if found is not None:
        redact(found)
    return found if found is None or found.get_secret_value() else None


def ask(what: str) -> SecretStr | None:
    """The secret, typed in without being shown; None if there is nobody to ask."""
    from pydantic import SecretStr

    if not sys.stdin.isatty():
        return None
    answer: str = typer.prompt(what, hide_input=True, err=True)
    found = SecretStr(answer.strip())
    redact(found)
    return found
