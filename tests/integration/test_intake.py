from __future__ import annotations

import base64
import hashlib
import io
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from threadsworker.errors import Problem
from threadsworker.media import Inspected, inspect
from threadsworker.post import Media, MediaItem, MediaKind

ASSETS = Path(__file__).parents[2] / "threadsworker" / "sandbox" / "assets"
PNG = (ASSETS / "chart.png").read_bytes()
JPEG = (ASSETS / "sunrise.jpg").read_bytes()
MP4 = (ASSETS / "clip.mp4").read_bytes()
MOV = b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + b"\0\0\0\x08mdat"
MB = 1024 * 1024


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with `chart.png` in it, which is the working directory."""
    (tmp_path / "chart.png").write_bytes(PNG)
    before = Path.cwd()
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(before)


def accepted(source: Any, **options: Any) -> Inspected:
    inspected, problems = inspect([Media(source, **options)])
    assert problems == ()
    assert len(inspected) == 1
    return inspected[0]


def refused(source: Any, **options: Any) -> Problem:
    inspected, problems = inspect([Media(source, **options)])
    assert inspected == ()
    assert len(problems) == 1
    assert problems[0].where == "media 1"
    return problems[0]


def image_of(size: int) -> bytes:
    """A picture of so many bytes, all of which are its own."""
    head, length = PNG[:33], size - len(PNG) - 12
    filler = struct.pack(">I", length) + b"sPLT" + bytes(length) + bytes(4)
    return head + filler + PNG[33:]


def film_of(size: int) -> bytes:
    return MP4 + bytes(size - len(MP4))


def test_a_local_picture_is_known_by_kind_type_size_and_hash(folder: Path) -> None:
    inspected = accepted(Path("chart.png"), alt_text="A chart")
    assert inspected == Inspected(
        MediaItem(
            kind=MediaKind.IMAGE,
            alt_text="A chart",
            sha256=hashlib.sha256(PNG).hexdigest(),
            content_type="image/png",
            size=len(PNG),
        ),
        Path("chart.png"),
        "media 1",
    )


def test_every_way_to_give_a_picture_gives_the_same_item(folder: Path) -> None:
    text = base64.b64encode(PNG).decode()
    moved = io.BytesIO(b"before" + PNG)
    moved.seek(6)
    with open("chart.png", "rb") as file:
        sources = [
            "chart.png",
            "./chart.png",
            str(folder / "chart.png"),
            Path("chart.png"),
            PNG,
            bytearray(PNG),
            file,
            io.BytesIO(PNG),
            moved,
            text,
            "\n".join(text[start : start + 76] for start in range(0, len(text), 76)),
            base64.urlsafe_b64encode(PNG).decode().rstrip("="),
            f"data:image/png;base64,{text}",
            f"DATA:;base64,{text.replace('+', '%2B')}",
        ]
        items = {accepted(source).item for source in sources}
    assert len(items) == 1


@pytest.mark.parametrize(
    ("content", "content_type", "kind"),
    [
        (JPEG, "image/jpeg", MediaKind.IMAGE),
        (PNG, "image/png", MediaKind.IMAGE),
        (MP4, "video/mp4", MediaKind.VIDEO),
        (MOV, "video/quicktime", MediaKind.VIDEO),
        (MOV[20:] + MOV, "video/quicktime", MediaKind.VIDEO),
        (b"\0\0\0\x14ftypiso5\0\0\0\0dash", "video/mp4", MediaKind.VIDEO),
        (b"\0\0\0\x1cftypM4V \0\0\0\0isomavc1mp42", "video/mp4", MediaKind.VIDEO),
    ],
)
def test_the_content_decides_what_a_medium_is_whatever_its_name(
    tmp_path: Path, content: bytes, content_type: str, kind: MediaKind
) -> None:
    (tmp_path / "file.gif").write_bytes(content)
    item = accepted(tmp_path / "file.gif").item
    assert (item.content_type, item.kind) == (content_type, kind)


@pytest.mark.parametrize(
    "content",
    [
        b"GIF89a" + bytes(20),
        b"RIFF\x24\0\0\0WEBPVP8 " + bytes(20),
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(20),
        b"\0\0\0\x18ftypmsf1\0\0\0\0msf1hevc" + bytes(20),
        b"%PDF-1.7" + bytes(20),
        b"just some text, long enough",
    ],
)
def test_other_formats_are_refused_with_advice(content: bytes) -> None:
    problem = refused(content)
    assert problem.rule == "media.format.unsupported"
    assert "JPEG or PNG" in problem.message


def test_a_file_name_that_is_base64_too_means_the_file(folder: Path) -> None:
    (folder / "photo").write_bytes(JPEG)
    assert accepted("photo").content == Path("photo")


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        ("missing.png", "media.path.not_found"),
        ("no/such/photo", "media.path.not_found"),
        ("~/photo.jpg", "media.path.not_found"),
        (Path("missing"), "media.path.not_found"),
        ("nul\0.png", "media.path.not_found"),
        ("/tmp", "media.path.not_a_file"),
        (Path("/dev/zero"), "media.path.not_a_file"),
        (b"", "media.empty"),
        (io.BytesIO(), "media.empty"),
        ("", "media.source.unknown"),
        ("photo", "media.source.unknown"),
        ("not base64 at all!", "media.source.unknown"),
        ("data:image/png;base64,!!!", "media.source.unknown"),
        ("data:image/png;base64", "media.source.unknown"),
        (42, "media.source.unknown"),
        (None, "media.source.unknown"),
        (io.StringIO("text"), "media.source.not_binary"),
        ("eHh4" * 40, "media.format.unsupported"),
    ],
)
def test_what_cannot_be_a_medium_is_refused(source: Any, rule: str) -> None:
    assert refused(source).rule == rule


def test_a_closed_file_is_refused(folder: Path) -> None:
    with open("chart.png", "rb") as file:
        pass
    assert refused(file).rule == "media.source.unreadable"


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert refused(tmp_path / "pipe").rule == "media.path.not_a_file"


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (image_of(8 * MB + 1), "threads.image.too_large"),
        (film_of(35 * MB + 1), "staging.file.too_large"),
    ],
)
def test_one_byte_too_many_is_refused_with_the_limit(content: bytes, rule: str) -> None:
    for source in (content, io.BytesIO(content)):
        problem = refused(source)
        assert (problem.rule, problem.limit, problem.given) == (
            rule,
            len(content) - 1,
            len(content),
        )


def test_a_content_of_exactly_the_limit_is_taken() -> None:
    assert accepted(image_of(8 * MB)).item.size == 8 * MB
    assert accepted(film_of(35 * MB)).item.size == 35 * MB


def test_a_film_over_a_gigabyte_breaks_metas_rule_rather_than_ours(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(MP4)
    os.truncate(film, 1024 * MB + 1)
    assert refused(film).rule == "threads.video.too_large"


@pytest.mark.parametrize(
    ("width", "height", "fits"), [(1000, 100, True), (100, 1000, True), (1001, 100, False)]
)
def test_a_picture_is_at_most_ten_times_as_long_as_wide(
    width: int, height: int, fits: bool
) -> None:
    content = PNG[:16] + struct.pack(">II", width, height) + PNG[24:]
    if fits:
        accepted(content)
    else:
        assert refused(content).rule == "threads.image.aspect_ratio"


def test_a_film_lasts_at_most_five_minutes() -> None:
    start = MP4.index(b"mvhd") + 4
    scale = struct.unpack(">I", MP4[start + 12 : start + 16])[0]

    def lasting(seconds: int) -> bytes:
        return MP4[: start + 16] + struct.pack(">I", seconds * scale) + MP4[start + 20 :]

    accepted(lasting(300))
    problem = refused(lasting(301))
    assert (problem.rule, problem.limit, problem.given) == ("threads.video.too_long", 300, 301)


def test_a_kind_that_the_content_contradicts_is_refused() -> None:
    assert refused(PNG, kind=MediaKind.VIDEO).rule == "media.kind.mismatch"
    assert refused(PNG, kind="film").rule == "media.kind.unknown"
    assert accepted(PNG, kind="image").item.kind is MediaKind.IMAGE


def test_a_url_is_passed_on_unread() -> None:
    inspected = accepted("https://example.com/a.mp4?x=1", alt_text="A film")
    assert inspected.content is None
    assert inspected.item == MediaItem(
        kind=MediaKind.VIDEO, alt_text="A film", url="https://example.com/a.mp4?x=1"
    )


def test_a_url_that_does_not_tell_its_kind_needs_it_said() -> None:
    assert refused("https://example.com/picture").rule == "media.url.kind_unknown"
    item = accepted("https://example.com/picture", kind=MediaKind.IMAGE).item
    assert item.kind is MediaKind.IMAGE
    assert refused("https://example.com/a.webp").rule == "media.format.unsupported"


def test_a_private_url_is_refused_unless_allowed() -> None:
    url = "http://127.0.0.1:8080/a.jpg"
    assert refused(url).rule == "media.url.private"
    inspected, problems = inspect([Media(url)], allow_private_urls=True)
    assert (inspected[0].item.url, problems) == (url, ())


def test_all_problems_are_reported_at_once_by_number(folder: Path) -> None:
    inspected, problems = inspect(
        [Media("chart.png"), Media("nope.png"), Media(b""), Media("ftp://me@host/a")]
    )
    assert [one.where for one in inspected] == ["media 1"]
    assert [(problem.where, problem.rule) for problem in problems] == [
        ("media 2", "media.path.not_found"),
        ("media 3", "media.empty"),
        ("media 4", "media.url.scheme"),
        ("media 4", "media.url.kind_unknown"),
    ]


def test_a_message_does_not_repeat_megabytes() -> None:
    assert len(refused("/" + "x." * MB).message) < 300


@pytest.mark.parametrize("name", ["sunrise.jpg", "harbour.jpg", "street.jpg", "chart.png"])
def test_the_pictures_of_the_demo_are_fit_to_publish_and_say_nothing_of_their_making(
    name: str,
) -> None:
    content = (ASSETS / name).read_bytes()
    assert accepted(content).item.kind is MediaKind.IMAGE
    assert len(content) < 60_000
    assert b"Exif" not in content


def test_the_film_of_the_demo_begins_with_its_header() -> None:
    assert accepted(MP4).item.content_type == "video/mp4"
    assert MP4.index(b"moov") < MP4.index(b"mdat")
    assert b"elst" not in MP4
