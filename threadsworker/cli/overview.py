"""The list of commands in `threadsworker --help`, under headings."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

PUBLISHING = "Publishing"
JOBS = "Jobs"
READING = "Reading and managing"
ACCOUNTS = "Accounts"
RUNNING = "Running"
KEEPING = "Keeping"

#: In the order of the list.
HEADINGS = (PUBLISHING, JOBS, READING, ACCOUNTS, RUNNING, KEEPING)


class Overview(TyperGroup):
    """A group that lists its commands by their `rich_help_panel`, in one column of names."""

    def format_commands(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        under: dict[str, list[tuple[str, str]]] = {heading: [] for heading in HEADINGS}
        width = max(map(len, self.commands))
        # An indent of two before the name, and a gap of two behind it.
        room = formatter.width - width - 4
        for name, command in self.commands.items():
            panel = str(getattr(command, "rich_help_panel", None))
            under[panel].append((name.ljust(width), command.get_short_help_str(room)))
        for heading, rows in under.items():
            with formatter.section(heading):
                formatter.write_dl(rows)
