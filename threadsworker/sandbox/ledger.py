"""The truth: what was asked, what happened, and what was answered, in order."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


class Ledger:
    """
    An append-only list of entries, on disk too if a path is given (JSON lines).

    Every entry has ``seq`` (from 1), ``time`` (the sandbox's clock, seconds since 1970),
    ``service``, ``method``, ``path``, ``acted`` (what changed in the world, or None),
    ``status`` (HTTP, None if there was none) and ``token_in_query``; most have ids too. No
    entry holds a token.
    """

    def __init__(self, now: Callable[[], float], path: Path | None = None) -> None:
        self._now = now
        self._entries: list[dict[str, Any]] = []
        self._last = 0
        self._path = path

    def append(self, entry: Mapping[str, Any]) -> None:
        self._last += 1
        written = {"seq": self._last, "time": round(self._now(), 6), **entry}
        self._entries.append(written)
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(written) + "\n")

    def entries(self) -> list[dict[str, Any]]:
        """A copy of all entries so far."""
        return [dict(entry) for entry in self._entries]

    def clear(self) -> None:
        """Begin a new list; the numbers go on, and the file keeps what is in it."""
        self._entries = []
