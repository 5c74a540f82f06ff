"""Pictures without what their author did not mean to publish: place, time, device, names."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from threadsworker.media import jpeg, png
from threadsworker.media.errors import Unreadable

__all__ = ["Unreadable", "without_metadata"]

#: Films keep their bytes.
_FORMATS: Mapping[str, Callable[[bytes], bytes]] = {
    "image/jpeg": jpeg.without_metadata,
    "image/png": png.without_metadata,
}


def without_metadata(content: bytes, content_type: str) -> bytes:
    """
    The same picture, pixel for pixel, with nothing in it but what it needs to be shown.

    What was cleaned stays as it is when it is cleaned again. Another content than a JPEG or a
    PNG comes back unchanged.

    Raises
    ------
    Unreadable:
        The picture is not built as its format says, so nobody knows what is in it.
    """
    clean = _FORMATS.get(content_type)
    return content if clean is None else clean(content)
