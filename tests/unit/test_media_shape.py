from __future__ import annotations

import struct
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadsworker.media.shape import image_size, video_seconds

JPEG, PNG = "image/jpeg", "image/png"


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def jpeg(width: int, height: int, *, before: bytes = b"", frame: int = 0xC0) -> bytes:
    return b"\xff\xd8" + before + segment(frame, struct.pack(">BHH", 8, height, width) + b"\3")


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height)


def box(name: bytes, content: bytes, *, long: bool = False) -> bytes:
    if long:
        return struct.pack(">I4sQ", 1, name, len(content) + 16) + content
    return struct.pack(">I4s", len(content) + 8, name) + content


def mvhd(scale: int, units: int, *, version: int = 0) -> bytes:
    times = struct.pack(">QQIQ" if version else ">IIII", 0, 0, scale, units)
    return box(b"mvhd", bytes([version, 0, 0, 0]) + times)


def seconds(film: bytes) -> float | None:
    return video_seconds(BytesIO(film), size=len(film))


def test_a_png_tells_its_size() -> None:
    assert image_size(BytesIO(png(640, 480)), PNG) == (640, 480)


@pytest.mark.parametrize("frame", [0xC0, 0xC1, 0xC2])
def test_a_jpeg_tells_its_size_behind_any_other_segments(frame: int) -> None:
    before = (
        segment(0xE1, b"x" * 65_000) + b"\xff\xff\xff" + segment(0xC4, b"table")[1:] + b"\xff\x01"
    )
    assert image_size(BytesIO(jpeg(640, 480, before=before, frame=frame)), JPEG) == (640, 480)


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("long", [False, True])
def test_a_film_tells_its_length_wherever_its_header_is(version: int, long: bool) -> None:
    header = box(b"moov", box(b"free", b"") + mvhd(600, 600 * 7, version=version))
    film = box(b"ftyp", b"isom\0\0\0\0") + box(b"mdat", b"x" * 999, long=long) + header
    assert seconds(film) == 7.0


def test_a_film_that_does_not_tell_has_no_length() -> None:
    assert seconds(box(b"ftyp", b"isom\0\0\0\0") + box(b"mdat", b"x")) is None
    assert seconds(box(b"moov", mvhd(0, 5))) is None
    assert seconds(box(b"moov", mvhd(1, 2**32 - 1))) is None
    assert seconds(struct.pack(">I4s", 3, b"free") * 9) is None


@given(st.binary(max_size=200))
def test_no_content_makes_a_reader_fail(content: bytes) -> None:
    for start in (b"", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"\0\0\0\x08moov"):
        stream = BytesIO(start + content)
        assert image_size(stream, JPEG) is None or min(image_size(stream, JPEG) or ()) > 0
        assert image_size(stream, PNG) is None or min(image_size(stream, PNG) or ()) > 0
        assert (video_seconds(stream, size=len(start + content)) or 0) >= 0
