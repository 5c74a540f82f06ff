"""The account of `account.py` with its calls once more for coroutines, apart for their length."""

from __future__ import annotations

from threadsworker.client.account import Account as Calls
from threadsworker.client.offloading import offloaded, offloaded_walk


class Account(Calls):
    __doc__ = Calls.__doc__

    aprofile = offloaded(Calls.profile)
    aposts = offloaded_walk(Calls.posts)
    apost = offloaded(Calls.post)
    areplies = offloaded_walk(Calls.replies)
    aconversation = offloaded_walk(Calls.conversation)
    apending_replies = offloaded_walk(Calls.pending_replies)
    aown_replies = offloaded_walk(Calls.own_replies)
    aghost_posts = offloaded_walk(Calls.ghost_posts)
    amentions = offloaded_walk(Calls.mentions)
    asearch = offloaded_walk(Calls.search)
    alookup = offloaded(Calls.lookup)
    aposts_of = offloaded_walk(Calls.posts_of)
    alocations = offloaded(Calls.locations)
    alocation = offloaded(Calls.location)
    apost_insights = offloaded(Calls.post_insights)
    ainsights = offloaded(Calls.insights)
    aembed = offloaded(Calls.embed)
    aquota = offloaded(Calls.quota)
    arepost = offloaded(Calls.repost)
    adelete = offloaded(Calls.delete)
    ahide = offloaded(Calls.hide)
    aunhide = offloaded(Calls.unhide)
    aapprove = offloaded(Calls.approve)
    aignore = offloaded(Calls.ignore)
