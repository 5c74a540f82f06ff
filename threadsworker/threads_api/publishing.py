"""
Publishing: containers, their status, and the one call that makes something public.

Source: https://developers.facebook.com/documentation/threads/reference/publishing and
https://developers.facebook.com/documentation/threads/troubleshooting (2026-04-21).
"""

from __future__ import annotations

from typing import Any

from threadsworker.errors import (
    AnswerLost,
    ApiError,
    NeverSent,
    NotReady,
    OutcomeUnknown,
    TokenRejected,
)
from threadsworker.threads_api.connection import Connection
from threadsworker.threads_api.containers import ContainerSpec, ContainerStatus, Made, StatusCode

#: Code and subcode of the refusals that prove that nothing was published: "the container does
#: not exist", or not yet, and a token that does not open. No others do: Meta has answered "no
#: permission", "blocked", "too many calls" and 5xx for posts that were live.
_NOTHING_PUBLISHED = {(24, 4279009)}
_TOKEN_DOES_NOT_OPEN = 190


class Publishing(Connection):
    """The calls that make a post."""

    def create_container(self, spec: ContainerSpec) -> Made:
        """
        Make a container; its id is the creation id. It is invisible and lives 24 hours.

        Sent once. Making another after a lost answer does no harm.

        Raises
        ------
        NotReady:
            The parent, the quoted post or a carousel item is not visible yet, or gone.
        ApiError, NoAnswer:
            Meta refused; there was no usable answer.
        """
        made = self.post("/me/threads", spec.form())
        if not made.get("id"):
            raise AnswerLost("POST /me/threads: an answer without an id")
        return _made(made)

    def container_status(self, container_id: str) -> ContainerStatus:
        """
        What became of a container. May be asked at any time, also after publishing.

        Raises
        ------
        NotReady:
            Meta does not know it: not yet, or no more. This proves nothing.
        ApiError, NoAnswer:
            Meta refused; there was no usable answer.
        """
        found = self.get(f"/{container_id}", fields="id,status,error_message")
        try:
            status = StatusCode(found.get("status", ""))
        except ValueError:
            status = StatusCode.IN_PROGRESS
        return ContainerStatus(status=status, error_message=found.get("error_message"))

    def publish_container(self, creation_id: str) -> Made:
        """
        Make a container public; the id is the media id of the post.

        **Not safe to repeat.** After `OutcomeUnknown`, ask `container_status`: PUBLISHED
        means that it happened; FINISHED, minutes later, that it did not.

        Parameters
        ----------
        creation_id:
            A container that reads FINISHED, at most 24 hours old.

        Raises
        ------
        NeverSent:
            Meta could not be reached, and nothing was published.
        TokenRejected, NotReady:
            Meta said no, and nothing was published.
        OutcomeUnknown:
            Anything else: no usable answer, a 5xx, or a refusal that proves nothing, such as
            that of a used-up quota. Its cause is what Meta said.
        """
        try:
            published = self.post_alone("/me/threads_publish", {"creation_id": creation_id})
        except NeverSent:
            raise
        except (ApiError, AnswerLost) as error:
            if _proves_nothing_published(error):
                raise
            raise OutcomeUnknown(f"publish of {creation_id}: {error}") from error
        if not published.get("id"):
            raise OutcomeUnknown(f"publish of {creation_id}: an answer without an id")
        return _made(published)


def _made(answer: dict[str, Any]) -> Made:
    # The guide says "publish response", its sample is of a create: it may come with either.
    # Source: https://developers.facebook.com/documentation/threads/share-to-ig-stories
    # (2026-03-25).
    shared = answer.get("crossreshare_to_ig_status")
    return Made(str(answer["id"]), shared if isinstance(shared, str) else None)


def _proves_nothing_published(error: ApiError | AnswerLost) -> bool:
    if isinstance(error, TokenRejected):
        return error.code == _TOKEN_DOES_NOT_OPEN
    return isinstance(error, NotReady) and (error.code, error.subcode) in _NOTHING_PUBLISHED
