"""The posts whose way is timed: what they hold, and how they are handed in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, pairwise
from pathlib import Path

from sqlalchemy import bindparam, update
from sqlmodel import Session, col

from tests.pictures import sunrise
from threadsworker import Client
from threadsworker.post import CAROUSEL_MAX
from threadsworker.store import segments
from threadsworker.store.database import make_engine
from threadsworker.store.tables import MediaRow

#: No two pictures of one run of the program are the same, so none is staged already.
_numbers = count(1)


@dataclass(frozen=True)
class Case:
    """A post by the local pictures of each of its segments."""

    name: str
    pictures: tuple[int, ...]

    @property
    def total(self) -> int:
        """How many pictures it has."""
        return sum(self.pictures)

    @property
    def placed(self) -> bool:
        """
        Whether the pictures stand elsewhere than a `Post` would have them: 20 on every segment
        as long as there are any.
        """
        return any(few < CAROUSEL_MAX and more for few, more in pairwise(self.pictures))

    def text(self, run: str) -> str:
        """Its text; a line of dashes between two segments, and `run` in each of them."""
        many = len(self.pictures)
        return "\n---\n".join(_paragraph(f"{run}, part {n} of {many}") for n in range(1, many + 1))


CASES = {
    "text": Case("1 text", (0,)),
    "image": Case("1 image", (1,)),
    "carousel": Case("carousel of 3 images", (3,)),
    "thread": Case("10 segments of text", (0,) * 10),
    "albums": Case("10 segments of 3 images", (3,) * 10),
    "files": Case("45 images, 20 + 20 + 5", (20, 20, 5)),
}


def draw_pictures(case: Case, folder: Path) -> list[Path]:
    """The case's pictures, new ones every time, as files of the folder."""
    folder.mkdir(exist_ok=True)
    return [_picture(folder, next(_numbers)) for _ in range(case.total)]


class App:
    """An app that has been running for a while: its connections are open."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._engine = make_engine(client.settings.sqlalchemy_url)
        with self._engine.connect():
            # The pool keeps it.
            pass

    def close(self) -> None:
        """End its connections."""
        self._engine.dispose()
        self.client.close()

    def hand_in(self, case: Case, text: str, pictures: list[Path]) -> str:
        """Enqueue the post; the job's id."""
        if not case.placed:
            return self.client.enqueue(text, media=pictures).id
        with Session(self._engine) as session:
            job = self.client.enqueue(text, media=pictures, session=session)
            _place(session, job.id, case)
            session.commit()
        return job.id


def _place(session: Session, job_id: str, case: Case) -> None:
    """
    Move the pictures to their segments, in the transaction that submits them.

    A `Post` cannot say which segment a picture belongs to.
    """
    rows = segments.of_job(session, job_id)
    media = segments.media_of(session, rows)
    ids = [item.id for row in rows for item in media[row.id]]
    moves = [
        {"item": item, "to": rows[index].id, "place": position}
        for item, (index, position) in zip(ids, _places(case), strict=True)
    ]
    move = (
        update(MediaRow)
        .where(col(MediaRow.id) == bindparam("item"))
        .values(segment_id=bindparam("to"), position=bindparam("place"))
    )
    # From the last one on: no place is taken twice at any moment.
    session.connection().execute(move, moves[::-1])


def _places(case: Case) -> Iterator[tuple[int, int]]:
    """Index of the segment, and position on it, of one picture after the other."""
    for index, pictures in enumerate(case.pictures):
        for position in range(1, pictures + 1):
            yield index, position


def _picture(folder: Path, number: int) -> Path:
    path = folder / f"{number:05}.jpg"
    path.write_bytes(sunrise(number))
    return path


def _paragraph(title: str) -> str:
    """About as long as people write."""
    return " ".join([f"{title}.", *["The tide does not ask whether our queue is empty."] * 6])
