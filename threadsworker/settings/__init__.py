"""
The only reader of the environment.

Every setting is a variable with the prefix ``THREADSWORKER_``; a file ``.env`` in the
working directory works too. Without any, everything lives in `home` on this machine.
Settings that contradict each other are refused with a sentence.
"""

from __future__ import annotations

from threadsworker.settings.checked import (
    SHORTEST_KEEP,
    TLS_OPTIONS,
    VISIBILITY_TIMEOUT,
    Settings,
)
from threadsworker.settings.environment import load_settings, tell_prometheus, unknown_variables

__all__ = [
    "SHORTEST_KEEP",
    "TLS_OPTIONS",
    "VISIBILITY_TIMEOUT",
    "Settings",
    "load_settings",
    "tell_prometheus",
    "unknown_variables",
]
