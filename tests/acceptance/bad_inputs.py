"""What people and programs get wrong, and the rule that each of it breaks."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.pictures import JPEG, MP4, PNG, chunk

MB = 1024 * 1024
#: Exit codes.
FAILED, USAGE, INVALID, UNKNOWN, NOT_POSSIBLE = 1, 2, 3, 4, 5


@dataclass(frozen=True)
class Case:
    """A command line, what it exits with, and words that its message holds; the rule is one."""

    arguments: tuple[str, ...]
    says: tuple[str, ...]
    code: int = INVALID
    stdin: bytes = b""
    environment: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        what = " ".join([*self.environment.values(), *self.arguments])
        return f"{self.says[0]}: {what[:60]!a}"


def lay_out(folder: Path) -> None:
    """Files that cannot be published, or only in part."""
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "picture.webp").write_bytes(b"RIFF\x10\0\0\0WEBPVP8 " + b"\0" * 16)
    (folder / "picture.gif").write_bytes(b"GIF89a" + bytes(40))
    (folder / "picture.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(20))
    (folder / "page.jpg").write_bytes(b"<!doctype html><p>not found")
    (folder / "program.png").write_bytes(b"\x7fELF" + bytes(100))
    (folder / "large.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * (8 * MB))
    large = PNG[:33] + chunk(b"sPLT", bytes(8 * MB)) + PNG[33:]
    (folder / "large but whole.png").write_bytes(large)
    (folder / "large.mp4").write_bytes(MP4)
    os.truncate(folder / "large.mp4", 36 * MB)
    (folder / "huge.mp4").write_bytes(MP4)
    os.truncate(folder / "huge.mp4", 1024 * MB + 1)
    (folder / "huge.jpg").write_bytes(JPEG)
    os.truncate(folder / "huge.jpg", 40 * MB)
    (folder / "wide.png").write_bytes(PNG[:16] + b"\0\0\4\0\0\0\0\x10" + PNG[24:])
    (folder / "broken.jpg").write_bytes(JPEG[:20] + b"\xff\x02" + JPEG[20:])
    (folder / "broken.png").write_bytes(PNG[:40] + bytes(40))
    (folder / "sunrise.jpg").write_bytes(JPEG)
    (folder / "latin.md").write_bytes("---\ntopic: x\n---\ncafé".encode("latin-1"))
    (folder / "long.txt").write_text("x" * 10_001)
    (folder / "short.txt").write_text("attached")
    (folder / "nothing.txt").write_text(" \n")
    (folder / "folder.jpg").mkdir()
    os.mkfifo(folder / "pipe.jpg")
    (folder / "outside").symlink_to("/etc")
    (folder / "loop.jpg").symlink_to("loop.jpg")
    (folder / "roots").mkdir()
    (folder / "roots" / "sunrise.jpg").write_bytes(JPEG)
    (folder / "roots" / "link.jpg").symlink_to(folder / "sunrise.jpg")


def post(rule: str, *arguments: str, text: str = "x", says: tuple[str, ...] = ()) -> Case:
    return Case(("post", text, *arguments), (f"[{rule}]", *says))


def _texts() -> Iterator[Case]:
    yield post("post.empty", text="")
    yield post("post.empty", text=" \n ")
    yield post("key.empty", "--key", "")
    yield post("threads.text.too_long", "--no-chain", text="x" * 501, says=("500", "501"))
    yield post("threads.text.too_long", "--no-chain", text="👩‍👩‍👧‍👦" * 101, says=("500",))
    yield post("threads.text.unbreakable", text="https://e.com/" + "x" * 500, says=("500",))
    yield post("threads.links.too_many", text=" ".join(f"https://e.com/{n}" for n in range(6)))
    yield post("threads.topic.too_long", "--topic", "t" * 51, says=("50", "51"))
    for topic in ("a.b", "a&b", "a\nb", "a\tb"):
        yield post("threads.topic.invalid", "--topic", topic)
    yield post("threads.topic.empty", "--topic", "")
    for tag in ("a b", "1", "a.b", "#", "a#b", ""):
        yield post("threads.tag.invalid", "--tag", tag)
    for link in (
        "nowhere",
        "ftp://e.com/",
        "https://",
        "//e.com",
        "javascript:alert(1)",
        "http:/e",
    ):
        yield post("threads.link.invalid", "--link", link, says=(link,))
    for wrong in ("abc", "12a", "-1", "1 2", "1/2", "../1", "1?x=2", "１２"):
        yield post("threads.reply_to.invalid", "--reply-to", wrong)
        yield post("threads.quote.invalid", "--quote", wrong)
    for countries in ("Nigeria", "U", "USA", "U1", "us;ca"):
        yield post("threads.countries.invalid", "--countries", countries)
    for control in ("nobody", "EVERYONE ", "everyone,followers_only"):
        yield post("post.reply_control", "--reply-control", control, says=("everyone",))
    yield post("threads.poll.options", "--poll", "one", says=("2", "4"))
    yield post("threads.poll.options", "--poll", "1|2|3|4|5", says=("4", "5"))
    yield post("threads.poll.option_length", "--poll", "a", "--poll", "b" * 26, says=("25", "26"))
    yield post("threads.gif.empty", "--gif", "")
    yield post("threads.spoilers.not_found", "--spoiler", "elsewhere")
    yield post(
        "threads.spoilers.too_many",
        *(part for n in range(11) for part in ("--spoiler", f"w{n}q")),
        text=" ".join(f"w{n}q" for n in range(11)),
        says=("10", "11"),
    )
    yield post("text_attachment.link.without_text", "--attach-link", "https://e.com")
    yield post("threads.text_attachment.too_long", "--attach-text", "long.txt", says=("10000",))
    yield post("threads.text_attachment.empty", "--attach-text", "nothing.txt")
    yield post(
        "threads.text_attachment.link", "--attach-text", "short.txt", "--attach-link", "nowhere"
    )
    for file in ("missing.txt", "folder.jpg", "pipe.jpg", "loop.jpg", "latin.md", "/dev/zero", ""):
        yield post("text_attachment.file.unreadable", "--attach-text", file)
    for pace in ("-1", "nan", "inf", "43201"):
        yield post("post.pace", "--pace", pace)
    yield post("threads.ghost.with_reply_to", "--ghost", "--reply-to", "1")
    yield post("threads.ghost.thread", "--ghost", text="word " * 150)
    yield Case(("post", "-"), ("[post.stdin.unreadable]", "byte 3"), stdin=b"caf\xe9")
    yield Case(("post", "-"), ("[post.empty]",), stdin=b"\n")
    yield Case(("post", "-"), ("[text.invalid_character]",), stdin=b"a\0b")


def _files() -> Iterator[Case]:
    def file(rule: str, *names: str, says: tuple[str, ...] = ()) -> Case:
        return post(rule, *(part for name in names for part in ("-f", name)), says=says)

    yield file("media.empty", "empty.jpg")
    for name in (
        "missing file.jpg",
        "folder/none.jpg",
        "~/a.jpg",
        "loop.jpg",
        "x/" * 400 + "a.jpg",
    ):
        yield file("media.path.not_found", name)
    for name in ("folder.jpg", "pipe.jpg", "/dev/zero", "/dev/null", ".", "/"):
        yield file("media.path.not_a_file", name, says=(name,))
    for name in ("picture.webp", "picture.gif", "picture.heic", "page.jpg", "program.png"):
        yield file("media.format.unsupported", name, says=("JPEG, PNG, MP4 and MOV",))
    yield file("threads.image.too_large", "large.png", says=("8388608", "8388616"))
    yield file("threads.image.too_large", "large but whole.png", says=("8388608",))
    yield file("threads.image.too_large", "huge.jpg", says=("8388608", "41943040"))
    yield file("staging.file.too_large", "large.mp4", says=("36700160", "37748736"))
    yield file("threads.video.too_large", "huge.mp4", says=("1073741824", "1073741825"))
    yield file("threads.image.aspect_ratio", "wide.png", says=("10 times", "1024 x 16"))
    for name in ("broken.jpg", "broken.png"):
        yield file("media.metadata.unreadable", name, says=("at byte",))
    yield file("media.source.unknown", "photo")
    yield file("media.source.unknown", "")
    yield file("media.source.unknown", "data:image/png;base64,!!!")
    yield file("media.format.unsupported", "data:text/plain,hello")
    yield post("media.kind.mismatch", "-f", "sunrise.jpg", "--kind", "video", says=("image/jpeg",))
    yield post(
        "media.kind.unknown", "-f", "sunrise.jpg", "--kind", "film", says=("image or video",)
    )
    yield post(
        "media.alt_text.without_file", "--alt", "of nothing", says=("1 alt texts", "0 files")
    )
    yield post(
        "threads.alt_text.too_long", "-f", "sunrise.jpg", "--alt", "a" * 1001, says=("1000",)
    )
    many = [part for _ in range(21) for part in ("-f", "sunrise.jpg")]
    yield post("threads.media.too_many", "--no-chain", *many, says=("20", "21"))


def _roots(folder: Path) -> Iterator[Case]:
    """A server's files, of which only those in one folder may be published."""
    roots = {"THREADSWORKER_MEDIA_ROOTS": str(folder / "roots")}
    for name in ("sunrise.jpg", "roots/link.jpg", "roots/../sunrise.jpg", "outside/passwd"):
        for each in (name, str(folder / name)):
            yield Case(("post", "x", "-f", each), ("[media.path.outside]", "roots"), 3, b"", roots)
    for name in ("/etc/passwd", "/etc/missing.jpg", "/proc/self/environ", "/dev/zero", "pipe.jpg"):
        yield Case(("post", "x", "-f", name), ("[media.path.outside]",), 3, b"", roots)
    attached = ("post", "x", "--attach-text")
    for name in ("short.txt", "/etc/passwd", "outside/passwd"):
        says = ("[text_attachment.file.unreadable]", "THREADSWORKER_MEDIA_ROOTS")
        yield Case((*attached, name), says, 3, b"", roots)
    for body in (b"![a](sunrise.jpg)", b"![a](/etc/passwd)", b"![a](roots/link.jpg)"):
        yield Case(("thread", "-"), ("[media.path.outside]",), 3, body, roots)
    matter = b"---\nattach_text: /etc/passwd\n---\nhello"
    yield Case(("thread", "-"), ("[text_attachment.file.unreadable]",), 3, matter, roots)


URLS = {
    "media.url.scheme": [
        *("ftp://e.com/a.jpg", "file:///etc/passwd", "gopher://e.com/a.jpg"),
        *("s3://bucket/a.jpg", "memory://a.jpg", "javascript://e.com/a.jpg"),
    ],
    "media.url.userinfo": ["https://me@e.com/a.jpg", "https://me:pw@e.com/a.jpg"],
    "media.url.kind_unknown": ["https://e.com/picture", "https://e.com/?a.jpg", "https://e.com"],
    "media.format.unsupported": ["https://e.com/a.webp", "https://e.com/a.gif"],
    "media.url.invalid": [
        *("https:///a.jpg", "https://e.com/a b.jpg", "https://e.com:99999/a.jpg"),
        *("https://[::1/a.jpg", "https://e.com\\@10.0.0.1/a.jpg", "https://e.com/a\n.jpg"),
        *("https://e\u200b.com/a.jpg", "https://e.com:x/a.jpg"),
    ],
    # Media may come from loopback where the Threads API itself is there, as in this test.
    "subscription.url.private": [
        *("https://10.0.0.1/", "https://192.168.1.1/", "https://169.254.169.254/latest/meta-data"),
        *("https://metadata.google.internal/", "https://100.64.0.1/", "https://0xa9fea9fe/"),
        *("https://2852039166/", "https://0251.0376.0251.0376/", "https://[fd00:ec2::254]/"),
        *("https://[::ffff:10.0.0.1]/", "https://[64:ff9b::a9fe:a9fe]/", "https://[fe80::1%25e]/"),
        *("https://printer/", "https://printer.local/", "https://169。254。169。254/"),
        *("https://169.254.169.%32%35%34/", "https://224.0.0.1/", "https://255.255.255.255/"),
    ],
    "subscription.url.scheme": ["http://e.com/", "ftp://e.com/", "file://e.com/etc/passwd"],
    "subscription.url.userinfo": ["https://me@e.com/", "https://me:pw@e.com/"],
    "subscription.url.invalid": [
        *("https://", "https:///x", "https://e.com:99999/", "file:///etc/passwd"),
        *("https://[::1/", "https://e.com/a b", "https://e.com\\@10.0.0.1/"),
    ],
}


def _urls() -> Iterator[Case]:
    for rule, urls in URLS.items():
        for url in urls:
            if rule.startswith("subscription"):
                yield Case(("subscription", "add", url), (f"[{rule}]",))
            else:
                yield post(rule, "-f", url)
    for target in ("not a target", "a:b:c", "", "module:", ":name", "a b:name"):
        yield Case(("subscription", "add", target), ("[subscription.target.invalid]", repr(target)))
    for event in ("nonsense", "", "job.Published"):
        arguments = ("subscription", "add", "https://e.com/", "--event", event)
        yield Case(arguments, ("[subscription.event.unknown]", "job.published"))


def posts(folder: Path) -> Iterator[Case]:
    """Posts; their files are laid out in the folder."""
    lay_out(folder)
    yield from (*_texts(), *_files(), *_roots(folder), *_urls())
