"""The blocks of code on a page of Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path


def blocks(page: Path, *, section: str | None = None) -> Iterator[tuple[str, str]]:
    """
    Language and text of each block of code; an indented one is a shell's.

    With `section`, only those below the heading of that name.
    """
    text = page.read_text(encoding="utf-8")
    if section is not None:
        text = text.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
        assert text, f"{page} has no section {section}"
    pattern = re.compile(r"^```(\w*)\n(.*?)^```$|((?:^ {4}[^\n]*\n)+)", re.DOTALL | re.MULTILINE)
    for found in pattern.finditer(text):
        language, fenced, indented = found.groups()
        if indented is None:
            yield language, fenced
        else:
            yield "shell", re.sub(r"^ {4}", "", indented, flags=re.MULTILINE)
