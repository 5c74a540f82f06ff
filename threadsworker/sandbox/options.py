"""What can be set on a sandbox, at its start or while it runs."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from threadsworker.post import (
    CONTAINER_LIFE_HOURS,
    DELETE_QUOTA,
    POST_QUOTA,
    REPLY_QUOTA,
    TOKEN_LIFE_DAYS,
)

Kind = Literal["TEXT", "IMAGE", "VIDEO", "CAROUSEL"]

#: The account of every token that is not in `SandboxOptions.accounts`.
DEFAULT_USER_ID = "17841400000000001"


class SandboxAccount(BaseModel):
    """A Threads profile of the sandbox."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    user_id: str = DEFAULT_USER_ID
    username: str = "sandbox"
    name: str = "Sandbox"
    biography: str = "An account of the sandbox"
    followers: int = Field(default=1200, ge=0)
    is_eligible_for_geo_gating: bool = True


class SandboxOptions(BaseModel):
    """
    How the sandbox behaves. Times are seconds of the sandbox's clock.

    The defaults are Meta's and GitHub's documented numbers, except for processing, which is
    quicker than in life so that nobody has to wait for a test.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Accounts and tokens

    #: Accounts by access token. Any other token that begins with ``sandbox-`` is
    #: `default_account`'s; all others are rejected.
    accounts: dict[str, SandboxAccount] = {}
    default_account: SandboxAccount = SandboxAccount()
    #: What the owner does in the authorization window.
    authorization: Literal["grant", "deny"] = "grant"
    #: The app's secret; None: any is right.
    app_secret: str | None = None
    #: How a used code is refused: both shapes were seen.
    used_code_error: Literal["flat", "graph"] = "flat"
    token_life: float = Field(default=TOKEN_LIFE_DAYS * 86400.0, gt=0)
    #: Age below which a token cannot be refreshed. Meta documents 24 hours, and has been seen
    #: not to insist; a sandbox's tokens are new.
    refresh_min_age: float = Field(default=0.0, ge=0)
    #: A refresh gives another string, and the old one goes on working.
    refresh_makes_new_token: bool = True
    refresh_keeps_old_token: bool = True

    # Processing

    #: Typical seconds from creation to FINISHED.
    text_seconds: float = Field(default=0.3, ge=0)
    image_seconds: float = Field(default=0.8, ge=0)
    carousel_seconds: float = Field(default=0.5, ge=0)
    video_seconds: float = Field(default=3.0, ge=0)
    #: Sigma of a log-normal draw around the typical time; 0 is always the typical time.
    processing_spread: float = Field(default=0.0, ge=0)
    #: The same for one kind; None: `processing_spread`.
    text_spread: float | None = Field(default=None, ge=0)
    image_spread: float | None = Field(default=None, ge=0)
    carousel_spread: float | None = Field(default=None, ge=0)
    video_spread: float | None = Field(default=None, ge=0)
    #: Processing is this many times quicker.
    speed: float = Field(default=1.0, gt=0)
    #: Seed of processing times and ids; None takes a new one every time. The n-th container of
    #: a kind gets the same time with the same seed, whatever else was asked; another seed, set
    #: while the sandbox runs, begins anew.
    seed: int | None = None
    #: Containers of these kinds end as ERROR with this `error_message`.
    processing_errors: dict[Kind, str] = {}
    #: Media that are not on this machine: taken as fetched, or as not to be fetched.
    external_media: Literal["trust", "refuse"] = "trust"
    #: Until a download of media is given up.
    fetch_timeout: float = Field(default=20.0, gt=0)

    #: Real seconds of a request's way to Meta or GitHub and of the answer's way back, one half
    #: each. Connecting takes none, nor do Meta's own downloads.
    round_trip: float = Field(default=0.0, ge=0)

    # Races, all seen in life

    #: A container that was just created is not found.
    container_lag: float = Field(default=0.0, ge=0)
    #: A container reads FINISHED and cannot be published yet.
    publish_lag: float = Field(default=0.0, ge=0)
    #: A carousel item reads FINISHED and cannot be used yet.
    child_lag: float = Field(default=0.0, ge=0)
    #: A post that was just published is not found, as a parent or by its id.
    visible_lag: float = Field(default=0.0, ge=0)
    #: A post that was just published is in no listing.
    listing_lag: float = Field(default=0.0, ge=0)
    #: A container that was just published goes on reading FINISHED.
    status_lag: float = Field(default=0.0, ge=0)
    #: Replies are published beside their parent.
    detach_replies: bool = False

    # Rules whose answer is not known for certain

    #: How text is measured: letters 1 and all else its UTF-8 bytes; or bytes; or code points.
    text_rule: Literal["letters", "bytes", "codepoints"] = "letters"
    #: HTTP status of "at most 500 characters": 500 was seen three times, 400 once.
    text_error_status: Literal[400, 500] = 500
    #: A second publish of a container: refused, answered as the first, or done again.
    second_publish: Literal["refuse", "same_id", "again"] = "refuse"
    #: What becomes of sharing a post to Instagram, and which answer says so: Meta's guide says
    #: that of the publish, its sample that of the create.
    instagram_share: Literal["SUCCESS", "FAILED"] = "SUCCESS"
    instagram_answered_by: Literal["create", "publish"] = "create"
    #: Ghost posts are among the other posts of a listing too.
    ghosts_listed: bool = True
    container_life: float = Field(default=CONTAINER_LIFE_HOURS * 3600.0, gt=0)
    #: Answer with ``x-app-usage``.
    app_usage_header: bool = False
    #: Objects of a listing's page at most, whatever `limit` says.
    page_cap: int | None = Field(default=None, ge=1)

    # Quotas of a moving 24 hours

    post_quota: int = Field(default=POST_QUOTA, ge=0)
    reply_quota: int = Field(default=REPLY_QUOTA, ge=0)
    delete_quota: int = Field(default=DELETE_QUOTA, ge=0)
    location_search_quota: int = Field(default=500, ge=0)
    #: Searches without a result are free.
    keyword_search_quota: int = Field(default=2200, ge=0)
    #: Look-ups of profiles and of their posts.
    profile_discovery_quota: int = Field(default=1000, ge=0)

    # Search

    #: Words, in lower case, that are never found.
    sensitive_words: frozenset[str] = frozenset()
    #: Search gives pages with cursors; Meta's sample shows none.
    search_pages: bool = False

    # GitHub

    #: Accepted tokens; None accepts all.
    github_tokens: frozenset[str] | None = None
    #: Repositories that are not there; every other ``owner/name`` is.
    missing_repositories: frozenset[str] = frozenset()
    #: Repositories start without a commit.
    empty_repositories: bool = False
    private_repositories: bool = False
    #: False: the token may read only.
    github_may_write: bool = True
    #: Bytes of a request's body, above which GitHub finds it too large.
    github_body_limit: int = Field(default=50 * 1024 * 1024, gt=0)
    #: Writes until the secondary limit; None is no limit.
    github_writes_per_minute: int | None = Field(default=80, ge=0)
    github_writes_per_hour: int | None = Field(default=500, ge=0)
    #: Requests an hour until the primary limit.
    github_requests_per_hour: int = Field(default=5000, ge=0)
    #: The raw host serves commits that no branch leads to any more, as GitHub's does.
    raw_serves_unreachable: bool = True
    #: A file that was just committed is not served yet.
    raw_lag: float = Field(default=0.0, ge=0)
    #: What a URL by branch answered (404 too) is repeated for so long; GitHub: about 300.
    raw_branch_cache: float = Field(default=0.0, ge=0)

    def seconds_of(self, kind: Kind) -> float:
        """The typical processing time of a container, in seconds, before `speed`."""
        return {
            "TEXT": self.text_seconds,
            "IMAGE": self.image_seconds,
            "CAROUSEL": self.carousel_seconds,
            "VIDEO": self.video_seconds,
        }[kind]

    def spread_of(self, kind: Kind) -> float:
        """Sigma of the processing time's log-normal draw."""
        own = {
            "TEXT": self.text_spread,
            "IMAGE": self.image_spread,
            "CAROUSEL": self.carousel_spread,
            "VIDEO": self.video_spread,
        }[kind]
        return self.processing_spread if own is None else own

    def changed(self, changes: dict[str, Any]) -> SandboxOptions:
        """
        These options with some of them changed.

        Raises
        ------
        pydantic.ValidationError:
            An option does not exist or does not take that value.
        """
        return SandboxOptions.model_validate({**self.model_dump(), **changes})
