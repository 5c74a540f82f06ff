"""What goes wrong while a picture is looked through."""

from __future__ import annotations


class Unreadable(Exception):
    """The picture is not built as its format says; the message tells what, and at which byte."""

    def __init__(self, what: str, at: int) -> None:
        super().__init__(f"{what}, at byte {at}")
