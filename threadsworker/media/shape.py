"""Sizes of images and lengths of videos, read from the few bytes that state them."""

from __future__ import annotations

import struct
from typing import IO

#: JPEG markers that start a frame header, which holds the size. Source: ITU-T T.81, table B.1.
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
#: JPEG markers that stand alone, without a length: TEM and RST0 to RST7.
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})
#: Boxes of an MP4 or MOV file that are looked at before giving up.
_MOST_BOXES = 1000


def image_size(stream: IO[bytes], content_type: str) -> tuple[int, int] | None:
    """Width and height in pixels of a JPEG or PNG; None if the header does not tell."""
    stream.seek(0)
    try:
        size = _png_size(stream) if content_type == "image/png" else _jpeg_size(stream)
    except struct.error:
        return None
    return size if size is not None and all(size) else None


def video_seconds(stream: IO[bytes], *, size: int) -> float | None:
    """The length of an MP4 or MOV of `size` bytes; None if its header does not tell."""
    try:
        moov = _box(stream, b"moov", start=0, end=size)
        mvhd = moov and _box(stream, b"mvhd", start=moov[0], end=moov[1])
        if not mvhd:
            return None
        stream.seek(mvhd[0])
        # Version, flags, times of creation and modification, time scale, duration.
        # Source: ISO/IEC 14496-12, 8.2.2.
        if stream.read(1) == b"\1":
            scale, units = struct.unpack(">19xIQ", stream.read(31))
            unknown = 2**64 - 1
        else:
            scale, units = struct.unpack(">11xII", stream.read(19))
            unknown = 2**32 - 1
    except struct.error:
        return None
    return units / scale if scale and units != unknown else None


def _png_size(stream: IO[bytes]) -> tuple[int, int] | None:
    # Signature, then always IHDR first. Source: W3C PNG specification, 5.6 and 11.2.1.
    name, width, height = struct.unpack(">12x4sII", stream.read(24))
    return (width, height) if name == b"IHDR" else None


def _jpeg_size(stream: IO[bytes]) -> tuple[int, int] | None:
    stream.seek(2)
    while byte := stream.read(1):
        if byte != b"\xff":
            return None
        # Any number of fill bytes may stand before a marker.
        while byte == b"\xff":
            byte = stream.read(1)
        if not byte:
            return None
        marker = byte[0]
        if marker in _ALONE:
            continue
        (length,) = struct.unpack(">H", stream.read(2))
        if marker in _FRAME_HEADERS:
            height, width = struct.unpack(">xHH", stream.read(5))
            return width, height
        if length < 2:
            return None
        stream.seek(length - 2, 1)
    return None


def _box(stream: IO[bytes], name: bytes, *, start: int, end: int) -> tuple[int, int] | None:
    """Where the content of the first box of that name begins and ends."""
    for _ in range(_MOST_BOXES):
        stream.seek(start)
        header = stream.read(8)
        if start >= end or len(header) < 8:
            return None
        length, found = struct.unpack(">I4s", header)
        content = start + 8
        if length == 1:
            (length,) = struct.unpack(">Q", stream.read(8))
            content += 8
        elif length == 0:
            length = end - start
        if found == name:
            return content, min(start + length, end)
        if length < 8:
            return None
        start += length
    return None
