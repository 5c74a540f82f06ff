"""
`ThreadsPipe`, the class of the older library threadspipepy, on durable jobs.

    from threadsworker import ThreadsPipe

    api = ThreadsPipe(user_id=17841400000000001, access_token="…")
    api.pipe(post="any length", files=["./a.jpg", "https://example.com/b.jpg"])

Its parameters, methods and answers are those of threadspipepy's README;
docs/migrating-from-threadspipe.md tells what is better and what differs on purpose.
"""

from threadsworker.threadspipe.api import ThreadsPipe

__all__ = ["ThreadsPipe"]
