"""
Posts in web pages.

Source: https://developers.facebook.com/documentation/threads/reference/oembed (2026-04-21).
"""

from __future__ import annotations

from threadsworker.threads_api.answers import read_as
from threadsworker.threads_api.arguments import refusal
from threadsworker.threads_api.connection import Connection
from threadsworker.threads_api.objects import Embed

#: Pixels that an embedded post may be wide.
NARROWEST, WIDEST = 320, 658


class Embedding(Connection):
    """Raises ApiError and NoAnswer, and `InvalidRequest` before anything is sent."""

    def oembed(self, url: str, *, max_width: int | None = None) -> Embed:
        """
        The HTML that shows a post in a web page; 1,000 requests in an hour.

        Parameters
        ----------
        url:
            The post's permalink. Meta gives nothing for posts that not everybody may see.
        max_width:
            320 to 658 pixels.
        """
        if not url.startswith(("https://", "http://")):
            raise refusal(
                "url.invalid", "give a post's permalink, such as https://www.threads.com/@u/post/C",
                where="url", given=url,
            )  # fmt: skip
        params = {"url": url}
        if max_width is not None:
            if not NARROWEST <= max_width <= WIDEST:
                raise refusal(
                    "max_width.out_of_range",
                    f"max_width must be {NARROWEST} to {WIDEST} pixels, not {max_width}",
                    where="max_width",
                    limit=f"{NARROWEST} to {WIDEST}",
                    given=max_width,
                )
            params["maxwidth"] = str(max_width)
        return read_as(Embed, self.get("/oembed", **params))
