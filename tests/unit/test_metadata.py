"""Pictures lose what they tell about their making, and not a bit of what they show."""

from __future__ import annotations

import re
from time import monotonic

import pytest

from tests.pictures import (
    CHUNKS,
    JPEG,
    MP4,
    PNG,
    SECRETS,
    SEGMENTS,
    chunk,
    exif,
    jpeg_with,
    png_with,
    segment,
    tiff,
)
from threadsworker.media.metadata import Unreadable, without_metadata
from threadsworker.media.orientation import only_orientation, orientation_of

PROFILE = segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(200))
ADOBE = segment(0xEE, b"Adobe\0d\0\0\0\0\2")


def clean_jpeg(content: bytes) -> bytes:
    return without_metadata(content, "image/jpeg")


def clean_png(content: bytes) -> bytes:
    return without_metadata(content, "image/png")


def test_the_planted_words_are_in_the_pictures_that_the_tests_clean() -> None:
    given = jpeg_with(SEGMENTS.values()) + png_with(CHUNKS.values())
    assert all(secret in given for secret in SECRETS)


@pytest.mark.parametrize("name", SEGMENTS)
def test_a_jpeg_without_metadata_is_the_same_bytes_as_before_it_had_any(name: str) -> None:
    assert clean_jpeg(jpeg_with([SEGMENTS[name]])) == JPEG


@pytest.mark.parametrize("name", CHUNKS)
def test_a_png_without_metadata_is_the_same_bytes_as_before_it_had_any(name: str) -> None:
    assert clean_png(png_with([CHUNKS[name]])) == PNG
    assert clean_png(png_with([], last=[CHUNKS[name]])) == PNG


def test_all_of_it_at_once_and_what_follows_the_end() -> None:
    # A second picture, as phones append it, and a film.
    assert clean_jpeg(jpeg_with(SEGMENTS.values(), after=jpeg_with([exif()]) + MP4)) == JPEG
    assert clean_png(png_with(CHUNKS.values(), after=SECRETS[0])) == PNG


def test_what_is_clean_comes_back_as_it_is() -> None:
    assert clean_jpeg(JPEG) == JPEG
    assert clean_png(PNG) == PNG
    turned = clean_jpeg(jpeg_with([exif(6)]))
    assert clean_jpeg(turned) == turned


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_picture_does_not_turn(orientation: int, order: str) -> None:
    found = clean_jpeg(jpeg_with([exif(orientation, order=order)]))
    assert found == jpeg_with([segment(0xE1, b"Exif\0\0" + only_orientation(orientation))])
    found = clean_png(png_with([chunk(b"eXIf", tiff(orientation, order=order))]))
    assert found == png_with([chunk(b"eXIf", only_orientation(orientation))])
    assert orientation_of(only_orientation(orientation)) == orientation


@pytest.mark.parametrize("orientation", [None, 0, 1, 9, 65535])
def test_an_upright_picture_needs_no_exif(orientation: int | None) -> None:
    assert clean_jpeg(jpeg_with([exif(orientation)])) == JPEG


def test_of_two_orientations_the_first_counts() -> None:
    two = jpeg_with([exif(6), exif(3)])
    assert clean_jpeg(two) == clean_jpeg(jpeg_with([exif(6)]))


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"MM",
        b"MM\0*\0\0\0\x08",
        b"MM\0*\xff\xff\xff\xff\xff",
        b"MM\0*\0\0\0\x08\xff\xff" + bytes(30),
        b"XX\0*\0\0\0\x08" + tiff(6)[8:],
    ],
)
def test_exif_that_cannot_be_read_says_nothing(broken: bytes) -> None:
    assert orientation_of(broken) is None
    assert clean_jpeg(jpeg_with([segment(0xE1, b"Exif\0\0" + broken)])) == JPEG


@pytest.mark.parametrize("kept", [PROFILE, ADOBE], ids=["colour profile", "colour transform"])
def test_what_decoding_needs_stays(kept: bytes) -> None:
    assert clean_jpeg(jpeg_with([kept])) == jpeg_with([kept])


def test_a_colour_profile_in_several_parts_stays_in_order() -> None:
    parts = [segment(0xE2, b"ICC_PROFILE\0" + bytes((n, 2)) + bytes(9)) for n in (1, 2)]
    assert clean_jpeg(jpeg_with([parts[0], SEGMENTS["xmp"], parts[1]])) == jpeg_with(parts)


def test_jfif_keeps_the_density_and_loses_the_preview() -> None:
    head = b"JFIF\0\1\2\1\0\x48\0\x48"
    given = b"\xff\xd8" + segment(0xE0, head + b"\1\1abc") + JPEG[4 + JPEG[5] :]
    assert clean_jpeg(given).startswith(b"\xff\xd8" + segment(0xE0, head + b"\0\0"))
    assert clean_jpeg(given)[20:] == JPEG[4 + JPEG[5] :]


SCAN = segment(0xDA, b"\1\1\0\0\x3f\0")
FRAME = segment(0xC2, b"\x08\0\x10\0\x10\1\1\x11\0")
TABLE = segment(0xC4, b"\0" + bytes(16))


def test_every_scan_of_a_progressive_jpeg_stays_and_what_hides_between_them_goes() -> None:
    data = b"\x12\xff\x00\x34\xff\xd0\x56\xff\xd7\xff\xff\x00"
    picture = FRAME + TABLE + SCAN + data + TABLE + SCAN + data + b"\xff\xd9"
    hiding = picture.replace(data + TABLE, data + SEGMENTS["comment"] + SEGMENTS["exif"] + TABLE)
    assert clean_jpeg(b"\xff\xd8" + hiding) == b"\xff\xd8" + picture


@pytest.mark.parametrize("frame", [0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC9, 0xCA, 0xCF])
def test_every_kind_of_jpeg_is_copied(frame: int) -> None:
    arithmetic = segment(0xCC, b"\0\x10")
    restarts = segment(0xDD, b"\0\4")
    lines = segment(0xDC, b"\0\x10")
    picture = b"\xff\xd8" + segment(frame, FRAME[4:]) + arithmetic + restarts + SCAN + b"\x01"
    picture += lines + b"\xff\xd9"
    assert clean_jpeg(picture) == picture


def test_fill_bytes_and_bytes_between_segments_are_passed_over_as_decoders_do() -> None:
    end = 4 + JPEG[5]
    filled = JPEG[:end] + b"\xff\xff\xff" + JPEG[end:]
    assert clean_jpeg(filled) == JPEG
    padded = JPEG[:end] + b"\0\0pad" + SEGMENTS["comment"] + b"\0" + JPEG[end:]
    assert clean_jpeg(padded) == JPEG


@pytest.mark.parametrize("length", [1, 2, 30, 1000, 5000])
def test_a_jpeg_that_ends_too_early_shows_as_much_as_before(length: int) -> None:
    cut = jpeg_with(SEGMENTS.values())[:-length]
    assert clean_jpeg(cut) == JPEG[:-length]


@pytest.mark.parametrize("length", [1, 12, 100, 2000])
def test_a_png_that_ends_too_early_shows_as_much_as_before(length: int) -> None:
    assert clean_png(png_with(CHUNKS.values())[:-length]) == PNG[:-length]


def test_an_animation_and_colours_stay() -> None:
    looks = [
        chunk(name, bytes(8))
        for name in (b"acTL", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"pHYs", b"sBIT")
    ]
    frames = [chunk(b"fcTL", bytes(26)), chunk(b"fdAT", bytes(40)), chunk(b"tRNS", b"\0\1")]
    given = png_with(looks, last=frames)
    assert clean_png(png_with([*looks, *CHUNKS.values()], last=[*frames, CHUNKS["text"]])) == given


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GIF89a",
        b"\xff\xd8\xff\xe1\xff\xff",
        b"\xff\xd8\xff\xe1\0\1",
        b"\xff\xd8\xff\x02",
        # JPEG-LS hides its markers otherwise.
        b"\xff\xd8\xff\xf7\0\x0b" + bytes(20),
        b"\xff\xd8" + FRAME + SCAN + b"\x12\xff\x01\x34\xff\xd9",
    ],
)
def test_a_jpeg_that_is_not_built_as_one_is_refused_with_the_place(content: bytes) -> None:
    with pytest.raises(Unreadable, match=r"at byte \d+$"):
        clean_jpeg(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        PNG[:7],
        b"\x89PNG\n\x1a\n\0" + PNG[8:],
        PNG[:8] + bytes(100),
        PNG[:37] + b"ID\0T" + PNG[41:],
        PNG[:33] + b"\0\0\0",
    ],
)
def test_a_png_that_is_not_built_as_one_is_refused_with_the_place(content: bytes) -> None:
    with pytest.raises(Unreadable, match=r"at byte \d+$"):
        clean_png(content)


def test_films_keep_their_bytes() -> None:
    assert without_metadata(MP4, "video/mp4") == MP4


@pytest.mark.parametrize("after", [b"", b"\0", b"\xd9"])
def test_a_picture_of_nothing_but_fill_bytes_takes_no_time(after: bytes) -> None:
    """Half a minute would do for what takes hours if each of them is looked at from each."""
    filled = b"\xff\xd8" + b"\xff" * 8_000_000 + after
    began = monotonic()
    clean_jpeg(filled)
    clean_jpeg(b"\xff\xd8" + FRAME + SCAN + filled[2:])
    assert monotonic() - began < 30


def test_coded_data_is_found_whole_whatever_it_holds() -> None:
    """The longest run of it in a real picture, which a search for markers must not cut."""
    scan = JPEG.index(b"\xff\xda")
    data = JPEG[scan:]
    assert len(re.findall(rb"\xff\x00", data)) > 5
    assert clean_jpeg(jpeg_with(SEGMENTS.values())).endswith(data)
