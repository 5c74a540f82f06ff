"""What the soak publishes: a seeded mix of posts, each text and each picture the only one of it."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass

from tests.pictures import chart
from threadsworker import Media, Post
from threadsworker.sandbox.options import SandboxAccount

ACCOUNTS = 20
GITHUB_TOKEN = "ghp_sandboxSoakGithubToken0123456789ab"
#: Kinds of jobs and how many of a hundred are of each.
MIX = {"text": 30, "thread": 35, "image": 15, "carousel": 10, "reply": 10}
#: Words for the texts.
WORDS = ("tide", "salt", "rope", "gull", "harbour", "lantern", "keel", "anchor", "mist", "pier")


@dataclass(frozen=True)
class Owner:
    """An account of the sandbox."""

    name: str
    user_id: str
    token: str
    repo: str

    @property
    def profile(self) -> SandboxAccount:
        return SandboxAccount(user_id=self.user_id, username=self.name)


@dataclass(frozen=True)
class Order:
    """One job, as its author wants it."""

    key: str
    owner: Owner
    kind: str
    #: One per segment; no other segment of the run has the same.
    texts: tuple[str, ...]
    #: Alternative text and content of each picture of the first segment.
    pictures: tuple[tuple[str, bytes], ...] = ()
    is_reply: bool = False

    def post(self, parent: str) -> Post:
        """The post to enqueue; `parent` is the media id that replies are for."""
        return Post(
            text="\n---\n".join(self.texts),
            media=tuple(Media(content, alt_text=alt) for alt, content in self.pictures),
            reply_to=parent if self.is_reply else None,
        )

    @property
    def shown(self) -> list[tuple[str, str]]:
        """Alternative text and sha256 of each picture, as the world has to see them."""
        return [(alt, hashlib.sha256(content).hexdigest()) for alt, content in self.pictures]


def owners(seed: int) -> list[Owner]:
    """The accounts; their tokens are found again in no log."""
    return [
        Owner(
            name=f"soak{n:02}",
            user_id=str(17841400000001000 + n),
            token=f"sandbox-acct-{n:02}-{random.Random(f'{seed} token {n}').getrandbits(96):024x}",
            repo=f"octo/stage-{n:02}",
        )
        for n in range(ACCOUNTS)
    ]


def orders(count: int, *, seed: int, owners: list[Owner]) -> Iterator[Order]:
    """`count` jobs, the same for the same seed."""
    dice = random.Random(f"{seed} posts")
    for n in range(count):
        (kind,) = dice.choices(list(MIX), weights=list(MIX.values()))
        segments = dice.randint(2, 5) if kind == "thread" else 1
        pictures = {"image": 1, "carousel": dice.randint(2, 3)}.get(kind, 0)
        name = f"soak {seed} job {n}"
        yield Order(
            key=f"soak-{seed}-{n}",
            owner=dice.choice(owners),
            kind=kind,
            texts=tuple(
                f"{name} part {part}: {' '.join(dice.choices(WORDS, k=dice.randint(3, 30)))}"
                for part in range(segments)
            ),
            pictures=tuple((f"{name} picture {m}", chart(f"{name} {m}")) for m in range(pictures)),
            is_reply=kind == "reply",
        )


def plain_orders(count: int, *, seed: int, owners: list[Owner]) -> list[Order]:
    """Single texts and threads of two by turns."""
    return [
        Order(
            key=f"plain-{seed}-{n}",
            owner=owners[n % len(owners)],
            kind="thread" if n % 2 else "text",
            texts=tuple(f"plain {seed} job {n} part {part}" for part in range(1 + n % 2)),
        )
        for n in range(count)
    ]
