"""Reading the environment, and the one variable that is written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import AliasChoices, ValidationError

from threadsworker.errors import InvalidSettings
from threadsworker.settings.checked import Settings


def tell_prometheus(directory: Path) -> None:
    """Tell prometheus_client where to count: it reads this variable, and nothing else."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)  # noqa: TID251 - written, not read


def load_settings(**given: Any) -> Settings:
    """
    The settings of this process; `given` overrides the environment.

    Raises
    ------
    InvalidSettings:
        A value cannot be read or contradicts another. Values are not repeated in the
        message, since one of them may be a secret.
    """
    try:
        return Settings(**given)
    except ValidationError as error:
        sentences = []
        for found in error.errors(include_url=False, include_input=False, include_context=False):
            name = "_".join(str(part) for part in found["loc"]).upper()
            name = (
                name
                if name.startswith(("THREADSWORKER_", "DATABASE", "REDIS"))
                else (f"THREADSWORKER_{name}" if name else "")
            )
            sentences.append(
                ": ".join(filter(None, [name, found["msg"].removeprefix("Value error, ")]))
            )
        raise InvalidSettings("; ".join(sentences)) from None


def unknown_variables() -> list[tuple[str, str | None]]:
    """
    Variables that look like settings and are none, each with the setting that may be meant.

    They are ignored, and so is whatever somebody wanted with a name that is misspelt.
    """
    known = {name.upper() for name in _variables()}
    prefix = "THREADSWORKER_"
    given = {*os.environ, *dotenv_values(".env")}  # noqa: TID251 - this is the reader
    unknown = sorted(
        name
        for name in map(str.upper, given)
        if name.startswith(prefix) and name not in known and not name.startswith(f"{prefix}TEST_")
    )
    ours = [name.removeprefix(prefix) for name in known if name.startswith(prefix)]
    alike = [get_close_matches(name.removeprefix(prefix), ours, 1, 0.75) for name in unknown]
    return [
        (name, prefix + like[0] if like else None)
        for name, like in zip(unknown, alike, strict=True)
    ]


def _variables() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        if isinstance(field.validation_alias, AliasChoices):
            yield from map(str, field.validation_alias.choices)
        else:
            yield f"THREADSWORKER_{name}"
