"""Which local files become public: those under the roots, and nothing that a link leads to."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic

import pytest

from tests.pictures import JPEG, MP4, PNG, SEGMENTS, jpeg_with
from tests.services import eventually
from threadsworker.errors import InvalidPost
from threadsworker.media import Reading, Spool, inspect
from threadsworker.media.local import NotReadable
from threadsworker.post import Media


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with a picture in it, and a picture beside it that is nobody's business."""
    inside = tmp_path / "media"
    (inside / "deep").mkdir(parents=True)
    (inside / "chart.png").write_bytes(PNG)
    (inside / "deep" / "sunrise.jpg").write_bytes(JPEG)
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "chart.png").write_bytes(PNG)
    # Its name begins as the root's does.
    (tmp_path / "media-of-others").mkdir()
    (tmp_path / "media-of-others" / "chart.png").write_bytes(PNG)
    return inside


def rules(source: object, root: Path) -> list[str]:
    media = [Media(source)]  # type: ignore[arg-type]
    return [problem.rule for problem in inspect(media, reading=Reading([root]))[1]]


def test_what_lies_under_a_root_is_taken(root: Path) -> None:
    (root / "link.png").symlink_to(root / "chart.png")
    (root / "also").symlink_to(root / "deep")
    for name in ("chart.png", "deep/sunrise.jpg", "deep/../chart.png", "link.png", "also"):
        path = root / name / ("sunrise.jpg" if name == "also" else "")
        assert rules(path, root) == [], name
        assert rules(str(path), root) == [], name


def test_a_root_may_be_reached_through_a_link_itself(root: Path) -> None:
    door = root.parent / "door"
    door.symlink_to(root)
    assert rules(door / "chart.png", door) == []
    assert rules(root / "chart.png", door) == []


@pytest.mark.parametrize(
    "name",
    [
        "../private/chart.png",
        "deep/../../private/chart.png",
        "../media-of-others/chart.png",
        "../private/missing.png",
        "/etc/passwd",
        "/etc/missing.png",
        "/proc/self/environ",
        "/dev/zero",
        "link.png",
        "folder/chart.png",
        "chain/chart.png",
        "..",
    ],
)
def test_what_lies_elsewhere_is_refused_alike_whether_or_not_it_is_there(
    root: Path, name: str
) -> None:
    (root / "link.png").symlink_to("../private/chart.png")
    (root / "folder").symlink_to(root.parent / "private")
    (root / "chain").symlink_to(root / "folder")
    path = root / name
    for source in (path, str(path)):
        _, problems = inspect([Media(source)], reading=Reading([root]))
        assert [one.rule for one in problems] == ["media.path.outside"]
        assert str(root) in problems[0].message
        assert "THREADSWORKER_MEDIA_ROOTS" in problems[0].message


def test_without_roots_any_file_is_taken_that_can_be_read(root: Path) -> None:
    assert inspect([Media(root / "../private/chart.png")])[1] == ()


def test_bytes_and_urls_need_no_root(root: Path) -> None:
    assert rules(PNG, root) == []
    assert rules("https://example.com/a.png", root) == []


@pytest.mark.parametrize("roots", [None, "root"])
def test_only_regular_files_are_read_and_nothing_is_waited_for(
    root: Path, roots: str | None
) -> None:
    os.mkfifo(root / "pipe.jpg")
    os.mkdir(root / "folder.jpg")
    with socket.socket(socket.AF_UNIX) as listener:
        before = Path.cwd()
        # The name of a socket is short.
        os.chdir(root)
        listener.bind("socket.jpg")
        os.chdir(before)
        reading = Reading([root] if roots else None)
        for name in ("pipe.jpg", "folder.jpg", "socket.jpg"):
            with pytest.raises(NotReadable) as refused:
                reading.open(root / name)
            assert refused.value.rule == "not_a_file"
    with pytest.raises(NotReadable) as refused:
        reading.open(root / "nobody.jpg")
    assert refused.value.rule == "not_found"


def test_a_link_that_is_swapped_in_meanwhile_is_never_followed(root: Path) -> None:
    """A name that is now a folder of ours, now a link out: what is read is ours, or nothing."""
    private = root.parent / "private"
    (private / "sunrise.jpg").write_bytes(b"secret")
    os.rename(root / "deep", root / "deep.ours")
    (root / "deep.theirs").symlink_to(private)
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for kind in ("ours", "theirs"):
                os.rename(root / f"deep.{kind}", root / "deep")
                os.rename(root / "deep", root / f"deep.{kind}")

    swapping = threading.Thread(target=swap)
    swapping.start()
    read = refused = 0
    deadline = monotonic() + 30
    try:
        while (read < 20 or refused < 20) and monotonic() < deadline:
            try:
                with Reading([root]).open(root / "deep" / "sunrise.jpg") as stream:
                    assert stream.read() == JPEG
                read += 1
            except NotReadable:
                refused += 1
    finally:
        stop.set()
        swapping.join()
    assert read >= 20
    assert refused >= 20


@pytest.fixture
def growing(root: Path) -> Iterator[Path]:
    """A film that grows as long as it is read."""
    path = root / "growing.mp4"
    path.write_bytes(MP4)
    stop = threading.Event()

    def grow() -> None:
        with path.open("ab", buffering=0) as file:
            while not stop.is_set():
                file.truncate(len(MP4))
                for _ in range(100):
                    file.write(bytes(64 * 1024))

    thread = threading.Thread(target=grow)
    thread.start()
    yield path
    stop.set()
    thread.join()


def test_a_file_that_grows_is_not_read_for_ever(root: Path, growing: Path) -> None:
    eventually(lambda: rules(growing, root) == ["media.changed"], timeout=60)


def test_a_file_that_leaves_the_root_between_look_and_copy_is_not_stored(
    root: Path, tmp_path: Path
) -> None:
    path = root / "deep" / "sunrise.jpg"
    (inspected,), problems = inspect([Media(path)], reading=Reading([root]))
    assert problems == ()
    os.rename(root / "deep", tmp_path / "away")
    (root / "deep").symlink_to(tmp_path / "away")
    spool = Spool((tmp_path / "spool").as_uri())
    with pytest.raises(InvalidPost, match=r"media\.changed"):
        spool.put(inspected)
    assert not [each for each in (tmp_path / "spool").rglob("*") if each.is_file()]


def test_the_spool_holds_the_clean_picture_under_the_clean_name(root: Path, tmp_path: Path) -> None:
    path = root / "phone.jpg"
    path.write_bytes(jpeg_with(SEGMENTS.values()))
    spool = Spool((tmp_path / "spool").as_uri())
    media = [Media(path), Media(path.read_bytes()), Media(JPEG)]
    inspected, _ = inspect(media, reading=Reading([root]))
    assert len({one.item.sha256 for one in inspected}) == 1
    for one in inspected:
        spool.put(one)
        assert one.item.sha256 is not None
        assert spool.read(one.item.sha256) == JPEG
        spool.remove(one.item.sha256)


def test_who_wants_the_metadata_keeps_it(root: Path, tmp_path: Path) -> None:
    path = root / "phone.jpg"
    path.write_bytes(jpeg_with(SEGMENTS.values()))
    (inspected,), _ = inspect([Media(path)], reading=Reading(strip_metadata=False))
    spool = Spool((tmp_path / "spool").as_uri())
    spool.put(inspected)
    assert inspected.item.sha256 is not None
    assert spool.read(inspected.item.sha256) == path.read_bytes()


def test_the_limit_of_a_picture_is_of_what_is_published() -> None:
    film = bytes(9 * 1024 * 1024)
    (inspected,), problems = inspect([Media(jpeg_with([], after=film))])
    assert (inspected.item.size, problems) == (len(JPEG), ())
    kept = inspect([Media(jpeg_with([], after=film))], reading=Reading(strip_metadata=False))[1]
    assert [one.rule for one in kept] == ["threads.image.too_large"]


def test_a_picture_that_cannot_be_looked_through_is_refused_unless_that_does_not_matter() -> None:
    broken = [Media(JPEG[:20] + b"\xff\x02" + JPEG[20:])]
    (problem,) = inspect(broken)[1]
    assert problem.rule == "media.metadata.unreadable"
    assert "THREADSWORKER_STRIP_METADATA" in problem.message
    assert inspect(broken, reading=Reading(strip_metadata=False))[1] == ()


def test_no_descriptor_is_left_open(root: Path) -> None:
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for name in ("chart.png", "deep", "missing", "../private/chart.png") * 5:
        with suppress(NotReadable):
            Reading([root]).open(root / name).close()
    after = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    assert after == before
