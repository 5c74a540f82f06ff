from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from threadsworker.errors import InvalidPost, NotFound, NotPossible
from threadsworker.media import Inspected, Spool, inspect
from threadsworker.post import Media

ASSETS = Path(__file__).parents[2] / "threadsworker" / "sandbox" / "assets"
PNG = (ASSETS / "chart.png").read_bytes()
NEVER_PUT = "0" * 64


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "spool"


@pytest.fixture
def spool(root: Path) -> Spool:
    return Spool(root.as_uri())


def picture(source: bytes | Path = PNG) -> Inspected:
    (inspected,), problems = inspect([Media(source)])
    assert problems == ()
    return inspected


def sha256_of(inspected: Inspected) -> str:
    assert inspected.item.sha256 is not None
    return inspected.item.sha256


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def in_an_hour() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


@pytest.mark.parametrize("scheme", ["file", "memory"])
def test_what_is_put_can_be_read_listed_and_removed(tmp_path: Path, scheme: str) -> None:
    spool = Spool(tmp_path.as_uri() if scheme == "file" else f"memory://{uuid4().hex}")
    inspected = picture()
    assert list(spool.older_than(in_an_hour())) == []
    spool.put(inspected)
    assert spool.read(sha256_of(inspected)) == PNG
    assert list(spool.older_than(in_an_hour())) == [sha256_of(inspected)]
    spool.remove(sha256_of(inspected))
    assert list(spool.older_than(in_an_hour())) == []
    with pytest.raises(NotFound, match="THREADSWORKER_SPOOL_URL"):
        spool.read(sha256_of(inspected))


def test_a_file_is_copied_from_its_path(spool: Spool) -> None:
    inspected = picture(ASSETS / "harbour.jpg")
    spool.put(inspected)
    assert spool.read(sha256_of(inspected)) == (ASSETS / "harbour.jpg").read_bytes()


def test_the_same_content_is_stored_once_and_becomes_young_again(spool: Spool, root: Path) -> None:
    spool.put(picture())
    (file,) = files(root)
    os.utime(file, (0, 0))
    assert list(spool.older_than(datetime.now(UTC) - timedelta(hours=1))) == [file.name]
    spool.put(picture())
    assert files(root) == [file]
    assert list(spool.older_than(datetime.now(UTC) - timedelta(hours=1))) == []


def test_only_the_owner_can_enter_and_read_the_spool(spool: Spool, root: Path) -> None:
    spool.put(picture())
    (file,) = files(root)
    modes = [path.stat().st_mode & 0o777 for path in (root, file.parent, file)]
    assert modes == [0o700, 0o700, 0o600]


@pytest.mark.parametrize("change", ["rewritten", "removed", "unreadable"])
def test_a_file_that_changed_since_its_inspection_is_not_stored(
    spool: Spool, root: Path, tmp_path: Path, change: str
) -> None:
    path = tmp_path / "chart.png"
    path.write_bytes(PNG)
    inspected = picture(path)
    if change == "rewritten":
        path.write_bytes(PNG[:-30] + b"x" + PNG[-29:])
    else:
        path.unlink()
        if change == "unreadable":
            path.mkdir()
    with pytest.raises(InvalidPost) as caught:
        spool.put(inspected)
    assert [problem.rule for problem in caught.value.problems] == ["media.changed"]
    assert files(root) == []


def test_a_damaged_content_is_an_error_until_it_is_put_again(spool: Spool, root: Path) -> None:
    inspected = picture()
    spool.put(inspected)
    (file,) = files(root)
    file.write_bytes(PNG[:-1])
    with pytest.raises(NotPossible) as caught:
        spool.read(sha256_of(inspected))
    assert caught.value.code == "spool.corrupt"
    spool.put(inspected)
    assert spool.read(sha256_of(inspected)) == PNG


def test_a_leftover_of_an_interrupted_put_is_listed_and_can_be_removed(
    spool: Spool, root: Path
) -> None:
    inspected = picture()
    spool.put(inspected)
    (file,) = files(root)
    leftover = file.with_name(f"{file.name}.{uuid4().hex}.part")
    leftover.write_bytes(PNG[:10])
    assert sorted(spool.older_than(in_an_hour())) == sorted([file.name, leftover.name])
    spool.remove(leftover.name)
    assert files(root) == [file]


def test_files_of_others_are_neither_listed_nor_removed(spool: Spool, root: Path) -> None:
    root.mkdir(parents=True)
    (root / "notes.txt").write_text("mine")
    assert list(spool.older_than(in_an_hour())) == []


def test_removing_what_is_not_there_does_nothing(spool: Spool) -> None:
    spool.remove(NEVER_PUT)


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "0" * 63, f"{'0' * 64}/.."])
def test_a_name_that_is_not_a_hash_leads_nowhere(spool: Spool, name: str) -> None:
    with pytest.raises(NotFound):
        spool.read(name)
    with pytest.raises(NotFound):
        spool.remove(name)


def test_a_url_has_nothing_to_spool(spool: Spool, root: Path) -> None:
    (inspected,), _ = inspect([Media("https://example.com/a.jpg")])
    spool.put(inspected)
    assert not root.exists()
