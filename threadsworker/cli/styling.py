"""
Simple Markdown of a text attachment: **bold**, *italic*, ~~strikethrough~~, ==highlight== and
<u>underline</u>, within a paragraph and within each other. A backslash keeps a mark as it is.
"""

from __future__ import annotations

from collections.abc import Iterator

import regex

from threadsworker.post import Styling

_STYLES = {"**": "bold", "~~": "strikethrough", "==": "highlight", "*": "italic", "u": "underline"}
#: What a mark encloses begins and ends without white space, and holds no empty line.
_INNER = r"(?=\S)(?P<inner>(?:(?!\n\s*\n).)+?)(?<=\S)"
_MARKED = regex.compile(
    rf"\\(?P<plain>[\\*~=<])"
    rf"|(?P<mark>\*\*|~~|==){_INNER}(?P=mark)(?!\*)"
    rf"|(?<![\w*])(?P<mark>\*){_INNER}\*(?![\w*])"
    rf"|<(?P<mark>u)>{_INNER}</u>",
    regex.DOTALL,
)


def styled(written: str) -> tuple[str, tuple[Styling, ...]]:
    """The text without its marks, and its styled ranges."""
    text, styling = "", []
    for part, styles in _parts(written, frozenset()):
        if styles and part:
            styling.append(
                Styling(offset=len(text), length=len(part), styling_info=tuple(sorted(styles)))
            )
        text += part
    return text, tuple(styling)


def _parts(written: str, styles: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    """Stretches of the text, each with its styles."""
    position = 0
    for found in _MARKED.finditer(written):
        yield written[position : found.start()], styles
        position = found.end()
        if found.group("plain"):
            yield found.group("plain"), styles
        else:
            yield from _parts(found.group("inner"), styles | {_STYLES[found.group("mark")]})
    yield written[position:], styles
