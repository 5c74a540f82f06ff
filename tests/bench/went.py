"""What a run did, by the sandbox' own books: what Meta took, and where the time went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench import floor
from tests.bench.chains import Case
from tests.bench.floor import Drawn
from threadsworker.sandbox import Sandbox, SandboxPost
from threadsworker.sandbox.containers import Container


@dataclass(frozen=True)
class Part:
    """A segment that went out. Moments are seconds since 1970."""

    post: SandboxPost
    container: Container
    items: tuple[Container, ...]

    @property
    def drawn(self) -> Drawn:
        """What Meta took for it."""
        items = tuple(item.processing for item in self.items)
        return Drawn(self.container.processing, items)

    @property
    def items_ready(self) -> float:
        """When the last of its carousel items was ready; 0.0 if it has none."""
        return max((ready(item) for item in self.items), default=0.0)


@dataclass(frozen=True)
class Wasted:
    """Seconds that a segment took over the floor, from one event to the next."""

    #: From the publish before, or from its items' readiness if that was later, to the status
    #: reads that tell of the items, and to its own creation, those reads included.
    items_noticed: float
    to_create: float
    #: From its readiness to the first status read that tells so.
    to_notice: float
    #: From that read to its publish.
    to_publish: float
    #: Status reads of the segment's container, and of all its items.
    reads: int
    item_reads: int


def parts_of(sandbox: Sandbox, posts: Sequence[SandboxPost]) -> list[Part]:
    """The segments with these posts."""
    known = {container.id: container for container in sandbox.containers()}
    parts = []
    for post in posts:
        container = known[post.container_id or ""]
        items = tuple(known[one] for one in container.parameters.children)
        parts.append(Part(post, container, items))
    return parts


def check(sandbox: Sandbox, case: Case, text: str, parts: Sequence[Part]) -> None:
    """
    What was asked for is there, and nothing else.

    Raises
    ------
    SystemExit:
        A post is missing, or in the wrong place, or lacks its pictures; a file is still staged.
    """
    problems = []
    if [part.post.text for part in parts] != text.split("\n---\n"):
        problems.append("the texts are others, or in another order")
    parents = [part.post.parent_id for part in parts]
    if parents != [None, *(part.post.id for part in parts[:-1])]:
        problems.append("a segment hangs in the wrong place")
    if tuple(len(part.post.media) for part in parts) != case.pictures:
        problems.append("pictures are missing")
    pictures = [one.sha256 for part in parts for one in part.post.media]
    if None in pictures or len(set(pictures)) != case.total:
        problems.append("a picture is not there, or there twice")
    if left := sandbox.staged_files():
        problems.append(f"{left} files are still staged")
    if problems:
        raise SystemExit(f"{case.name}: {'; '.join(problems)}")


class Books:
    """
    The sandbox' ledger of one run, asked for the seconds that it took over the floor.

    The start and all that its segments wasted are together what the run took more than the
    floor, but for a round trip of the containers that are ready sooner than one can look.
    """

    def __init__(
        self,
        ledger: Sequence[dict[str, Any]],
        begun: float,
        *,
        local: bool,
        round_trip: float,
    ) -> None:
        """`begun` is the moment just before the post was handed in, seconds since 1970."""
        self._ledger = ledger
        self._begun = begun
        self._local = local
        self._round_trip = round_trip
        self._reads = Counter(e["container_id"] for e in ledger if "container_status" in e)
        #: Moment of the first status read that found each container ready.
        self._seen: dict[str, float] = {}
        for entry in ledger:
            if entry.get("container_status") == "FINISHED":
                self._seen.setdefault(entry["container_id"], entry["time"])

    def staging(self) -> float:
        """Until the branch was there; 0.0 without local files."""
        made = [e["time"] for e in self._ledger if e["acted"] == "ref_created"]
        return made[0] - self._earliest + self._round_trip if made else 0.0

    def start(self, first: Part) -> float:
        """Until the container of the first segment was made, or the slowest of its items."""
        slowest = max((item.processing for item in first.items), default=0.0)
        created = first.items_ready - slowest if first.items else first.container.created_at
        return created - self._earliest

    def segments(self, parts: Sequence[Part]) -> list[Wasted]:
        """What each segment wasted from there on."""
        found, published = [], 0.0
        for part in parts:
            found.append(self._segment(part, after=published))
            published = part.post.published_at
        return found

    @property
    def _earliest(self) -> float:
        """When the first container can be made."""
        staged = floor.staged(local=self._local, round_trip=self._round_trip)
        return self._begun + staged + self._round_trip / 2

    def _segment(self, part: Part, *, after: float) -> Wasted:
        """`after`: when the segment before was published; 0.0 if it is the first."""
        begun = max(after, part.items_ready)
        created, seen = part.container.created_at, self._seen[part.container.id]
        items_seen = max((self._seen[item.id] for item in part.items), default=begun)
        return Wasted(
            items_noticed=max(0.0, items_seen - begun),
            to_create=created - begun - self._round_trip if begun else 0.0,
            to_notice=seen - ready(part.container),
            to_publish=part.post.published_at - seen - self._round_trip,
            reads=self._reads[part.container.id],
            item_reads=sum(self._reads[item.id] for item in part.items),
        )


def ready(container: Container) -> float:
    """When Meta had processed it, seconds since 1970."""
    assert container.finished_at is not None
    return container.finished_at
