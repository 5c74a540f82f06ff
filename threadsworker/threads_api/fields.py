"""
Which fields are asked for, by what is read. A field that Meta does not know is refused with the
whole request, and so is one that the token may not see: those of places are asked for by name only.

Source: https://developers.facebook.com/documentation/threads/retrieve-and-discover-posts/
retrieve-posts, …/retrieve-and-manage-replies/replies-and-conversations, …/create-posts/polls and
…/threads-profiles (2026-04-21).
"""

from __future__ import annotations

#: Of any post.
ANY = (
    "id",
    "media_product_type",
    "media_type",
    "media_url",
    "permalink",
    "username",
    "text",
    "timestamp",
    "shortcode",
    "thumbnail_url",
    "children",
    "is_quote_post",
    "quoted_post",
    "reposted_post",
    "alt_text",
    "link_attachment_url",
    "gif_url",
    "poll_attachment{option_a,option_b,option_c,option_d,option_a_votes_percentage,"
    "option_b_votes_percentage,option_c_votes_percentage,option_d_votes_percentage,"
    "total_votes,expiration_timestamp}",
    "topic_tag",
    "is_spoiler_media",
    "text_entities",
    "text_attachment",
    "has_replies",
    "is_verified",
    "profile_picture_url",
)
_THREAD = ("is_reply", "is_reply_owned_by_me", "root_post", "replied_to", "hide_status")

#: Of the account's own posts.
POST = (*ANY, "owner", "reply_audience", "allowlisted_country_codes")
#: Of replies, one's own or others'.
REPLY = (*ANY, *_THREAD, "reply_audience")
#: Of replies that wait for approval.
PENDING = (*REPLY, "reply_approval_status")
#: Of ghost posts.
GHOST = (*POST, "ghost_post_status", "ghost_post_expiration_timestamp")
#: Of one post, whatever it is.
MEDIA = (*POST, *_THREAD, "ghost_post_status", "ghost_post_expiration_timestamp")
#: Of posts of others: mentions, those that were searched for, those of a profile.
FOUND = (*ANY, "is_reply")

#: Of the account's own profile.
PROFILE = (
    "id",
    "username",
    "name",
    "threads_profile_picture_url",
    "threads_biography",
    "is_verified",
    "is_eligible_for_geo_gating",
)
#: Of a place.
LOCATION = (
    "id",
    "name",
    "address",
    "city",
    "country",
    "latitude",
    "longitude",
    "postal_code",
)
