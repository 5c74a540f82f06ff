"""Published posts: what the world can see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from threadsworker.sandbox.options import Kind
from threadsworker.sandbox.world import shortcode


@dataclass(frozen=True)
class SandboxMedia:
    """One image or video of a post."""

    kind: str
    alt_text: str | None
    #: Of the bytes that were downloaded; None for media that are not on this machine.
    sha256: str | None
    #: As the container was given it.
    url: str
    container_id: str


@dataclass(frozen=True)
class SandboxPost:
    """A published post, and everything that its author gave it."""

    id: str
    user_id: str
    username: str
    container_id: str | None
    #: As in requests: TEXT, IMAGE, VIDEO, CAROUSEL; REPOST_FACADE for a repost.
    kind: str
    text: str
    #: Seconds since 1970, on the sandbox's clock.
    published_at: float
    media: tuple[SandboxMedia, ...] = ()
    parent_id: str | None = None
    root_id: str | None = None
    quoted_id: str | None = None
    reposted_id: str | None = None
    topic: str | None = None
    link: str | None = None
    reply_control: str | None = None
    countries: tuple[str, ...] = ()
    poll: Mapping[str, str] | None = None
    gif: Mapping[str, Any] | None = None
    text_attachment: Mapping[str, Any] | None = None
    text_entities: tuple[Mapping[str, Any], ...] = ()
    location_id: str | None = None
    is_spoiler_media: bool = False
    is_ghost_post: bool = False
    enable_reply_approvals: bool = False
    #: How it was shared to the Instagram story: ``light`` or ``dark``; None if it was not.
    instagram: str | None = None

    @property
    def shortcode(self) -> str:
        return shortcode(self.id)

    @property
    def permalink(self) -> str:
        return f"https://www.threads.com/@{self.username}/post/{self.shortcode}"

    @property
    def is_reply(self) -> bool:
        return self.parent_id is not None

    @property
    def media_kinds(self) -> tuple[str, ...]:
        return tuple(one.kind for one in self.media)

    @property
    def alt_texts(self) -> tuple[str | None, ...]:
        return tuple(one.alt_text for one in self.media)


@dataclass
class Usage:
    """Moments at which a quota was used."""

    moments: list[float] = field(default_factory=list)

    def add(self, now: float) -> None:
        self.moments.append(now)

    def used(self, now: float) -> int:
        """How often in the 24 hours before `now`."""
        self.moments = [moment for moment in self.moments if moment > now - 86400.0]
        return len(self.moments)


class Posts:
    """All posts in the order in which they were published, without the deleted ones."""

    def __init__(self) -> None:
        self._by_id: dict[str, SandboxPost] = {}
        self._hidden: set[str] = set()
        self._usage: dict[tuple[str, str], Usage] = {}
        #: Replies that their root's author has not approved: ``pending`` or ``ignored``.
        self._approval: dict[str, str] = {}
        #: The last words that each user searched for, and when.
        self._searches: dict[str, dict[str, float]] = {}

    def add(self, post: SandboxPost) -> None:
        self._by_id[post.id] = post
        root = self._by_id.get(post.root_id or "")
        if root is not None and root.enable_reply_approvals and root.user_id != post.user_id:
            self._approval[post.id] = "pending"

    def get(self, media_id: str) -> SandboxPost | None:
        return self._by_id.get(media_id)

    def remove(self, media_id: str) -> None:
        """The post is gone; replies to it stay."""
        del self._by_id[media_id]

    def all(self) -> list[SandboxPost]:
        return list(self._by_id.values())

    def replies_to(self, media_id: str) -> list[SandboxPost]:
        return [post for post in self._by_id.values() if post.parent_id == media_id]

    def hide(self, media_id: str, *, hidden: bool) -> None:
        if hidden:
            self._hidden.add(media_id)
        else:
            self._hidden.discard(media_id)

    def is_hidden(self, media_id: str) -> bool:
        """Whether it is hidden, or the reply that it hangs below is."""
        post = self._by_id.get(media_id)
        while post is not None:
            if post.id in self._hidden:
                return True
            post = self._by_id.get(post.parent_id or "")
        return False

    def approval_of(self, media_id: str) -> str | None:
        """``pending`` or ``ignored``; None for a reply that is seen."""
        return self._approval.get(media_id)

    def set_approval(self, media_id: str, approval: str | None) -> None:
        """Let a reply be seen (None), or be ignored."""
        if approval is None:
            self._approval.pop(media_id, None)
        else:
            self._approval[media_id] = approval

    def note_search(self, user_id: str, query: str, now: float) -> None:
        self._searches.setdefault(user_id, {})[query] = now

    def searches(self, user_id: str) -> list[dict[str, Any]]:
        """What the user searched for; here Meta counts milliseconds."""
        found = self._searches.get(user_id, {})
        return [{"query": word, "timestamp": int(at * 1000)} for word, at in found.items()]

    def usage(self, user_id: str, what: str) -> Usage:
        """The user's use of a quota: ``posts``, ``replies``, ``deletes``, ``searches`` …"""
        return self._usage.setdefault((user_id, what), Usage())


#: Media types as they are read, by the one that was asked for.
READ_AS: Mapping[Kind | str, str] = {
    "TEXT": "TEXT_POST",
    "IMAGE": "IMAGE",
    "VIDEO": "VIDEO",
    "CAROUSEL": "CAROUSEL_ALBUM",
    "REPOST_FACADE": "REPOST_FACADE",
}


def root_of(parent: SandboxPost) -> str:
    """The root of the thread that a reply to `parent` belongs to."""
    return parent.root_id or parent.id
