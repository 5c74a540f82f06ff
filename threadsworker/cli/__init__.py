"""
threadsworker from a shell.

Results go to stdout, everything else to stderr. `--json` on every command that answers.
"""

from threadsworker.cli.application import main

__all__ = ["main"]
