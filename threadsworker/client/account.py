"""
What an app reads and changes on Threads for one account, apart from publishing.

    astronomy = client.acting_as("astronomy")
    for post in astronomy.posts(since=date(2026, 1, 1), limit=20):
        print(post.timestamp, post.text, astronomy.post_insights(post.id, ["views"]))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from sqlmodel import Session

from threadsworker.client.acting import Acting
from threadsworker.errors import RequestRefused
from threadsworker.http import Http
from threadsworker.store import quota, removal
from threadsworker.store.database import clock
from threadsworker.threads_api import (
    ApprovalStatus,
    Breakdown,
    Embed,
    Insight,
    Location,
    MediaMetric,
    MediaObject,
    Profile,
    PublicProfile,
    PublishingLimit,
    SearchMedia,
    SearchMode,
    SearchType,
    ThreadsApi,
    UserMetric,
    When,
)
from threadsworker.threads_api.insights import TIMELESS
from threadsworker.threads_api.reading import QuotaName

if TYPE_CHECKING:
    from threadsworker.client.accounts import Accounts

Told = TypeVar("Told")

_QUOTAS: tuple[QuotaName, ...] = ("posts", "replies", "deletes", "locations")
#: Meta's code for a missing permission.
_NO_PERMISSION = 10

#: Fields to ask for instead of the usual ones, by Meta's names.
Fields = Sequence[str] | None
Posts = Iterator[MediaObject]


class Account:
    """
    One account on Threads; made by `Client.acting_as`. Safe to share between threads.

    Every call reads the account's token anew and keeps nothing. Listings are read page by page
    as they are walked, newest first; `limit` is how many objects in all, None for every one;
    `since` and `until` are aware datetimes, or dates (their first second in UTC).

    All raise:

    InvalidRequest:
        An argument breaks a rule of Meta's. Nothing was sent.
    NotFound, NotPossible:
        There is no such account any more; Meta asked for a pause (`account.throttled`).
    TokenRejected, RateLimited:
        The account has to be connected again, or pauses from now on: its jobs wait.
    ApiError, NoAnswer:
        Meta refused, a missing permission for instance; there was no usable answer.
    """

    def __init__(self, client: Accounts, name: str) -> None:
        self.name = name
        self._client = client
        self._http = Http(read_timeout=client.settings.http_timeout.total_seconds())

    def __repr__(self) -> str:
        return f"<Account {self.name!r}>"

    # Reading

    def profile(self) -> Profile:
        """The account's own profile."""
        return self._ask(lambda api: api.me())

    def posts(
        self,
        *,
        since: When | None = None,
        until: When | None = None,
        limit: int | None = None,
        fields: Fields = None,
    ) -> Posts:
        """Its posts, reposts and quotes; no replies."""
        return self._walk(
            lambda api: api.own_threads(since=since, until=until, limit=limit, **_only(fields))
        )

    def post(self, post_id: str, *, fields: Fields = None) -> MediaObject:
        """A post by its id."""
        return self._ask(lambda api: api.media(post_id, **_only(fields)))

    def replies(
        self,
        post_id: str,
        *,
        newest_first: bool = True,
        limit: int | None = None,
        fields: Fields = None,
    ) -> Posts:
        """The direct replies to a post."""
        return self._walk(
            lambda api: api.replies(
                post_id, newest_first=newest_first, limit=limit, **_only(fields)
            )
        )

    def conversation(
        self,
        post_id: str,
        *,
        newest_first: bool = True,
        limit: int | None = None,
        fields: Fields = None,
    ) -> Posts:
        """All replies below a post that is no reply itself, at any depth."""
        return self._walk(
            lambda api: api.conversation(
                post_id, newest_first=newest_first, limit=limit, **_only(fields)
            )
        )

    def pending_replies(
        self,
        post_id: str,
        status: ApprovalStatus | str | None = None,
        *,
        newest_first: bool = True,
        limit: int | None = None,
        fields: Fields = None,
    ) -> Posts:
        """Replies that nobody sees until they are approved; None: those ignored too."""
        return self._walk(
            lambda api: api.pending_replies(
                post_id, status=status, newest_first=newest_first, limit=limit, **_only(fields)
            )
        )

    def own_replies(
        self,
        *,
        since: When | None = None,
        until: When | None = None,
        limit: int | None = None,
        fields: Fields = None,
    ) -> Posts:
        """The replies that the account wrote."""
        return self._walk(
            lambda api: api.own_replies(since=since, until=until, limit=limit, **_only(fields))
        )

    def ghost_posts(
        self,
        *,
        since: When | None = None,
        until: When | None = None,
        limit: int | None = None,
        fields: Fields = None,
    ) -> Posts:
        """Its ghost posts, those in the archive too."""
        return self._walk(
            lambda api: api.ghost_posts(since=since, until=until, limit=limit, **_only(fields))
        )

    def mentions(
        self,
        *,
        since: When | None = None,
        until: When | None = None,
        limit: int | None = None,
        fields: Fields = None,
    ) -> Posts:
        """Posts of public accounts that mention it."""
        return self._walk(
            lambda api: api.mentions(since=since, until=until, limit=limit, **_only(fields))
        )

    def search(
        self,
        q: str,
        *,
        type: SearchType | str | None = None,
        mode: SearchMode | str | None = None,
        media_type: SearchMedia | str | None = None,
        author: str | None = None,
        since: When | None = None,
        until: When | None = None,
        limit: int | None = None,
        fields: Fields = None,
    ) -> Posts:
        """Public posts by a word, or by a topic; see `threads_api.discovery`."""
        return self._walk(
            lambda api: api.keyword_search(
                q,
                search_type=type,
                search_mode=mode,
                media_type=media_type,
                author_username=author,
                since=since,
                until=until,
                limit=limit,
                **_only(fields),
            )
        )

    def lookup(self, username: str) -> PublicProfile:
        """Somebody's public profile, of 100 followers or more, by its exact name."""
        return self._ask(lambda api: api.profile_lookup(username))

    def posts_of(
        self,
        username: str,
        *,
        since: When | None = None,
        until: When | None = None,
        limit: int | None = None,
        fields: Fields = None,
    ) -> Posts:
        """The posts of somebody's public profile."""
        return self._walk(
            lambda api: api.profile_posts(
                username, since=since, until=until, limit=limit, **_only(fields)
            )
        )

    def locations(
        self,
        q: str | None = None,
        *,
        latitude: float | None = None,
        longitude: float | None = None,
    ) -> tuple[Location, ...]:
        """Places by a word, or near two coordinates in degrees."""
        return self._ask(lambda api: api.location_search(q, latitude=latitude, longitude=longitude))

    def location(self, location_id: str) -> Location:
        """A place by its id."""
        return self._ask(lambda api: api.location(location_id))

    def post_insights(
        self, post_id: str, metrics: Iterable[MediaMetric | str] | str | None = None
    ) -> tuple[Insight, ...]:
        """What is counted of a post; None: everything. Nothing for a repost."""
        wanted = tuple(MediaMetric) if metrics is None else metrics
        return self._ask(lambda api: api.media_insights(post_id, wanted))

    def insights(
        self,
        metrics: Iterable[UserMetric | str] | str | None = None,
        *,
        since: When | None = None,
        until: When | None = None,
        breakdown: Breakdown | str | None = None,
    ) -> tuple[Insight, ...]:
        """
        What is counted of the account.

        Parameters
        ----------
        metrics:
            None: all that fit the other arguments.
        since, until:
            From 13 April 2024 on; None: yesterday, today. Not for `followers_count` and
            `follower_demographics`, which tell of the present.
        breakdown:
            What `follower_demographics` is told apart by.
        """
        if metrics is None:
            metrics = _fitting(period=since is not None or until is not None, breakdown=breakdown)
        wanted = metrics
        return self._ask(
            lambda api: api.user_insights(wanted, since=since, until=until, breakdown=breakdown)
        )

    def embed(self, url: str, *, max_width: int | None = None) -> Embed:
        """The HTML that shows a public post, by its permalink, in a web page."""
        return self._ask(lambda api: api.oembed(url, max_width=max_width))

    def quota(self) -> PublishingLimit:
        """What Meta says is used of the account's quotas; None for those it may not see."""
        return self._ask(_quota)

    # Changing

    def repost(self, post_id: str) -> str:
        """Repost a post; the id of the repost. NotPossible while a person paused the account."""
        return self._ask(lambda api: api.repost(post_id), publishes=True)

    def delete(self, post_id: str) -> str:
        """
        Delete one of its posts; the id. Replies to it stay.

        A thread that was published by a job is deleted by `Client.delete`.
        """
        acting = Acting(self._client, self.name, self._http)
        with acting.heard() as api:
            gone = api.delete_media(post_id)

        def note(session: Session) -> None:
            now = clock(session)
            quota.use(session, acting.account_id, "delete", now=now)
            removal.deleted_alone(session, post_id, now=now)

        self._client._write(note)
        return gone

    def hide(self, reply_id: str) -> None:
        """Hide a direct reply to one of its posts, and all below it."""
        self._ask(lambda api: api.manage_reply(reply_id, hide=True))

    def unhide(self, reply_id: str) -> None:
        """Show a hidden reply again."""
        self._ask(lambda api: api.manage_reply(reply_id, hide=False))

    def approve(self, reply_id: str) -> None:
        """Let a reply be seen that waits for it, or was ignored."""
        self._ask(lambda api: api.manage_pending_reply(reply_id, approve=True))

    def ignore(self, reply_id: str) -> None:
        """Let a reply that waits for approval not be seen."""
        self._ask(lambda api: api.manage_pending_reply(reply_id, approve=False))

    def _ask(self, ask: Callable[[ThreadsApi], Told], *, publishes: bool = False) -> Told:
        with Acting(self._client, self.name, self._http, publishes=publishes).heard() as api:
            return ask(api)

    def _walk(self, ask: Callable[[ThreadsApi], Posts]) -> Posts:
        """The arguments are checked now; what is listed is asked for as it is walked."""
        acting = Acting(self._client, self.name, self._http)
        return _walked(acting, ask(acting.api))


def _walked(acting: Acting, found: Posts) -> Posts:
    with acting.heard():
        yield from found


def _only(fields: Fields) -> Mapping[str, Sequence[str]]:
    return {} if fields is None else {"fields": fields}


def _fitting(*, period: bool, breakdown: Breakdown | str | None) -> list[UserMetric]:
    """The metrics that may be asked for together."""
    return [
        metric
        for metric in UserMetric
        if not (period and metric in TIMELESS)
        and (metric is not UserMetric.FOLLOWER_DEMOGRAPHICS or breakdown is not None)
    ]


def _quota(api: ThreadsApi) -> PublishingLimit:
    """All at once; one by one if the token may not see one of them."""
    try:
        return api.publishing_limit()
    except RequestRefused as error:
        if error.code != _NO_PERMISSION:
            raise
    seen = {}
    for name in _QUOTAS:
        try:
            seen[name] = getattr(api.publishing_limit(name), name)
        except RequestRefused as error:
            if error.code != _NO_PERMISSION:
                raise
    return PublishingLimit(**seen)
