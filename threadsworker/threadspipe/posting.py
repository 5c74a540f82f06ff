"""`pipe`: a post becomes a job, and the job is seen to its end."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from threadsworker.errors import InvalidPost
from threadsworker.plan import as_post
from threadsworker.threadspipe.answers import Answer, answered, failed, outcome, refused
from threadsworker.threadspipe.arguments import media_of, options_of
from threadsworker.threadspipe.base import Base

logger = logging.getLogger(__name__)


class Posting(Base):
    """See `ThreadsPipe`."""

    @answered
    def pipe(
        self,
        post: str | None = "",
        files: Any = (),
        file_captions: Sequence[str | None] | None = (),
        tags: Sequence[str] | None = (),
        reply_to_id: str | int | None = None,
        who_can_reply: str | None = None,
        chained_post: bool = True,
        persist_tags_multipost: bool = False,
        allowed_country_codes: str | Sequence[str] | None = None,
        link_attachments: Sequence[str] | str | None = (),
        quote_post_id: str | int | None = None,
        persist_quoted_post: bool = False,
        *,
        wait: bool = True,
        timeout: float | None = None,
        key: str | None = None,
    ) -> Answer:
        """
        Publish a post of any length with any number of files, as a thread if need be.

        It is a durable job: what was begun is finished, also if this process is killed, by a
        worker, by `finish`, or by the same call with the same `key`.

        Parameters
        ----------
        post, files:
            One of them at least. A file is a path, a public URL, bytes, base64, a data URI, a
            file object, or a `threadsworker.Media`. A URL that does not say what it leads to is
            taken for a picture.
        file_captions:
            Alt texts by the index of their file; None for a file without.
        tags:
            Hashtags to deal out over the thread, with or without ``#``.
        reply_to_id:
            Media id of the post that the first one replies to; each further one replies to the
            one before.
        who_can_reply:
            One of `who_can_reply_list`, or of `threadsworker.ReplyControl`.
        chained_post:
            False: refuse what does not fit into one post.
        persist_tags_multipost:
            Put all the tags on every post of the thread.
        allowed_country_codes:
            ``"US,CA"`` or ``["US", "CA"]``: who may see it. Needs Meta's geo-gating, which is
            looked at before anything is sent.
        link_attachments:
            One per post of the thread that has no media.
        quote_post_id, persist_quoted_post:
            Media id of a post to quote, in the first post, or in all of them.
        wait:
            False: return as soon as the job is stored. A worker publishes it, or `finish`.
        timeout:
            Seconds to wait at most; None: as long as it takes.
        key:
            An idempotency key of your own. The same post under the same key is published once,
            however often it is called for.

        Returns
        -------
        ``{"info": "success", "message", "data": {"media_ids": […]}, "job_id"}``, with the ids
        in the order of the thread.

        ``{"info": "error", "message", "error"}`` if it was refused before anything was stored;
        ``error["problems"]`` tells every rule that it breaks. With ``data`` and ``job_id``, the
        ids so far, if it failed later.

        ``{"info": "queued", "message", "data", "job_id"}`` if it has not come to its end: with
        ``wait=False``, and after `timeout`.
        """
        options = options_of(
            self._given,
            tags=tags,
            reply_to_id=reply_to_id,
            who_can_reply=who_can_reply,
            chained_post=chained_post,
            persist_tags_multipost=persist_tags_multipost,
            allowed_country_codes=allowed_country_codes,
            link_attachments=link_attachments,
            quote_post_id=quote_post_id,
            persist_quoted_post=persist_quoted_post,
        )
        try:
            asked = as_post(post or "", media_of(files, file_captions), options)
            if allowed_country_codes and (refusal := self._geo_refusal()) is not None:
                return refusal
            account = self._ready_account()
            job = self._connected()[0].enqueue(asked, account=account, key=key)
        except InvalidPost as error:
            return refused(error.problems)
        return self._seen_to_its_end(job.id, timeout) if wait else outcome(job)

    @answered
    def finish(self, job_id: str, *, timeout: float | None = None) -> Answer:
        """
        See a job to its end, one of another process too; the answer is that of `pipe`.

        A running worker is left to it and waited for. If there is none, the job is worked here.
        A token that was given since is the account's from now on.
        """
        given = self._given
        own = self._connected()[0].get(job_id).account == given.account
        if own and given.access_token.get_secret_value():
            self._ready_account()
        return self._seen_to_its_end(job_id, timeout)

    def _seen_to_its_end(self, job_id: str, timeout: float | None) -> Answer:
        client, walker = self._connected()
        try:
            walker.finish(job_id, timeout=timeout)
        except TimeoutError:
            logger.info("Job %s has not come to its end after %s s", job_id, timeout)
        except KeyboardInterrupt:
            logger.warning(
                "Job %s is not finished. `threadsworker up` goes on with it, or "
                "ThreadsPipe.finish(%r), or the same call of pipe if it has a key",
                job_id,
                job_id,
            )
            raise
        return outcome(client.get(job_id))

    def _geo_refusal(self) -> Answer | None:
        """Why nothing can be sent to some countries only; None: it can."""
        found = self.is_eligible_for_geo_gating()
        if found.get("is_eligible_for_geo_gating") is True:
            return None
        if "error" in found:
            return found
        return failed(
            "The account is not eligible for geo-gating: leave allowed_country_codes out",
            {"code": "geo_gating.not_eligible", **found},
        )

    @answered
    def is_eligible_for_geo_gating(self) -> Answer:
        """Whether posts may be shown in some countries only: ``{"id", "is_eligible_…"}``."""
        return self._api().get("/me", fields="id,is_eligible_for_geo_gating")
