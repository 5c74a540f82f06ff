"""The sandbox's page for people: the threads that were published."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from threadsworker.sandbox.answers import Answer
from threadsworker.sandbox.posts import SandboxMedia, SandboxPost
from threadsworker.sandbox.world import iso

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sandbox</title>
<meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="5">
<style>
body {{ font: 16px/1.45 system-ui, sans-serif; max-width: 38rem; margin: 2rem auto; padding: 0 1rem;
  color: #111; background: #fafafa }}
article {{ background: #fff; border: 1px solid #ddd; border-radius: 12px; margin: 1rem 0 }}
section {{ padding: 1rem; border-top: 1px solid #eee }} section:first-child {{ border: 0 }}
p {{ white-space: pre-wrap; overflow-wrap: anywhere; margin: .4rem 0 }}
img, video {{ max-width: 48%; border-radius: 8px; margin: .2rem .2rem 0 0; vertical-align: top }}
small {{ color: #666 }}
</style></head><body>
<h1>Threads, locally</h1>
<p><small>{count} posts. Nothing here has left this machine.</small></p>
{threads}
</body></html>
"""


def page(posts: Sequence[SandboxPost]) -> Answer:
    """All threads, the newest first, each from its root on."""
    threads: dict[str, list[SandboxPost]] = {}
    for post in posts:
        threads.setdefault(post.root_id or post.id, []).append(post)
    written = "\n".join(
        f"<article>{''.join(map(_section, thread))}</article>"
        for thread in reversed(threads.values())
    )
    text = _PAGE.format(count=len(posts), threads=written)
    return Answer(200, text.encode(), content_type="text/html; charset=utf-8")


def _section(post: SandboxPost) -> str:
    topic = f" › {escape(post.topic)}" if post.topic else ""
    extras = [f"{name}: {value}" for name, value in _extras(post) if value]
    return (
        f'<section id="{post.id}"><b>{escape(post.username)}</b>{topic} '
        f"<small>{iso(post.published_at)}</small><p>{escape(post.text)}</p>"
        f"{''.join(map(_medium, post.media))}"
        f"<small>{'<br>'.join(map(escape, extras))}</small></section>"
    )


def _extras(post: SandboxPost) -> list[tuple[str, str | None]]:
    return [
        ("Link", post.link),
        ("Quotes", post.quoted_id),
        ("Reposts", post.reposted_id),
        ("Poll", " · ".join(post.poll.values()) if post.poll else None),
        ("Attached text", post.text_attachment["plaintext"] if post.text_attachment else None),
        ("Who may reply", post.reply_control),
    ]


def _medium(medium: SandboxMedia) -> str:
    alt_text = escape(medium.alt_text or "", quote=True)
    source = f"/media/{medium.sha256}" if medium.sha256 else escape(medium.url, quote=True)
    if medium.kind == "video":
        return f'<video controls src="{source}" title="{alt_text}"></video>'
    return f'<img src="{source}" alt="{alt_text}" title="{alt_text}">'
