"""What people and programs get wrong, and the rule that each of it breaks."""

from __future__ import annotations

import json
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


def _markdown() -> Iterator[Case]:
    def thread(rule: str, written: str) -> Case:
        return Case(("thread", "-"), (f"[{rule}]",), stdin=written.encode())

    yield thread("thread.option.unknown", "---\ntopik: x\n---\nhello")
    yield thread("thread.option.unknown", "---\ntopic: x\nnot an option\n---\nhello")
    yield thread("thread.option.unknown", "---\n__class__: x\n---\nhello")
    yield thread("thread.option.invalid", "---\nnumbering: perhaps\n---\nhello")
    yield thread("threads.topic.invalid", "---\ntopic: a.b\n---\nhello")
    yield thread("post.pace", "---\npace: often\n---\nhello")
    yield thread("media.path.not_found", "![a](missing.jpg)")
    yield thread("media.url.scheme", "![a](ftp://e.com/a.jpg)")
    yield thread("post.empty", "")
    yield thread("post.empty", "---\ntopic: x\n---\n")
    yield thread("schedule.at.invalid", "---\nat: whenever\n---\nhello")
    for file in ("missing.md", "folder.jpg", "latin.md", "/dev/zero", "loop.jpg", ""):
        yield Case(("thread", file), ("[thread.file.unreadable]",))


#: Rows of a file, with its suffix.
ROWS: list[tuple[str, str, bytes]] = [
    ("import.file.unreadable", ".csv", b"text\ncaf\xe9"),
    ("import.file.empty", ".csv", b""),
    ("import.file.empty", ".csv", b"text\n"),
    ("import.file.empty", ".jsonl", b"\n\n"),
    ("import.file.invalid", ".csv", b'text\n"open'),
    ("import.column.unknown", ".csv", b"words\nhello"),
    ("import.column.unknown", ".csv", b"text;at\nhello;now"),
    ("import.column.twice", ".csv", b"text,text\na,b"),
    ("import.row.invalid", ".csv", b"text\nhello, world"),
    ("import.value.invalid", ".csv", b"text,ghost\nhello,perhaps"),
    ("post.pace", ".csv", b"text,pace\nhello,often"),
    ("schedule.at.invalid", ".csv", b"text,at\nhello,whenever"),
    ("schedule.in_past", ".csv", b"text,at\nhello,2020-01-01T00:00Z"),
    ("schedule.timezone.unknown", ".csv", b"text,at,timezone\nhello,2030-01-01 09:00,Mars/Base"),
    ("account.unknown", ".csv", b"text,account\nhello,nobody"),
    ("key.duplicate", ".csv", b"text,key\na,one\nb,one"),
    ("media.path.not_found", ".csv", b"text,file\nhello,missing.jpg"),
    ("media.alt_text.without_file", ".csv", b"text,alt\nhello,a cat"),
    ("media.kind.unknown", ".csv", b"text,file,kind\nhello,sunrise.jpg,film"),
    ("threads.topic.invalid", ".csv", b"text,topic\nfine,ok\nhello,a.b"),
    ("text.invalid_character", ".csv", b"text\na\0b"),
    ("import.row.invalid", ".jsonl", b'{"text": "open'),
    ("import.row.invalid", ".jsonl", b"[1, 2]"),
    ("import.row.invalid", ".jsonl", b"[" * 100_000),
    ("import.column.unknown", ".jsonl", b'{"text": "a", "txt": "b"}'),
    ("import.column.twice", ".jsonl", b'{"reply-to": "1", "reply_to": "2"}'),
    ("import.value.invalid", ".jsonl", b'{"text": 7}'),
    ("import.value.invalid", ".jsonl", b'{"text": "a", "tag": [1]}'),
    ("import.value.invalid", ".jsonl", b'{"text": "a", "pace": "3"}'),
    ("import.value.invalid", ".jsonl", b'{"text": "a", "ghost": "true"}'),
    ("post.pace", ".jsonl", b'{"text": "a", "pace": NaN}'),
    ("text.invalid_character", ".jsonl", b'{"text": "a\\ud800b"}'),
    ("text.invalid_character", ".jsonl", b'{"text": "a\\u0000b"}'),
    *(
        ("text.invalid_character", ".jsonl", b'{"text": "a", "%s": "b\\u%s"}' % (name, wrong))
        for name in (b"topic", b"tag", b"location", b"link", b"gif")
        for wrong in (b"0000", b"d800")
    ),
    ("key.invalid_character", ".jsonl", b'{"text": "a", "key": "b\\u0000"}'),
    ("key.invalid_character", ".jsonl", b'{"text": "a", "key": "b\\udfff"}'),
    ("account.unknown", ".jsonl", b'{"text": "a", "account": "b\\ud800"}'),
    ("text.invalid_character", ".jsonl", b'{"file": "sunrise.jpg", "alt": "b\\ud800"}'),
    ("media.path.not_found", ".jsonl", b'{"text": "a", "file": "b\\u0000.jpg"}'),
    ("media.url.invalid", ".jsonl", b'{"text": "a", "file": "https://e.com/\\ud800.jpg"}'),
    ("import.file.unknown", ".txt", b"hello"),
    ("import.file.unknown", ".xlsx", b"PK\3\4"),
]


def _rows(folder: Path) -> Iterator[Case]:
    for number, (rule, suffix, content) in enumerate(ROWS):
        file = folder / f"rows-{number}{suffix}"
        file.write_bytes(content)
        yield Case(("import", file.name), (f"[{rule}]",))
    (folder / "good.csv").write_text("text\nhello\n")
    for spread in (
        "often",
        "0/day",
        "251/day",
        "3/day 9-21",
        "3/day 09:00-09:00",
        "1/day 25:00-26:00",
    ):
        yield Case(("import", "good.csv", "--spread", spread), ("[import.spread.invalid]", spread))
    yield Case(("import", "good.csv", "--account", "nobody"), ("nobody",), UNKNOWN)
    yield Case(("import", "missing.csv"), ("[import.file.unreadable]",))
    (folder / "directory.csv").mkdir()
    yield Case(("import", "directory.csv"), ("[import.file.unreadable]",))


def _moments() -> Iterator[Case]:
    for at in ("whenever", "", "25:00", "2026-13-01", "2026-02-30 09:00", "12", "next", "0" * 5000):
        yield post("schedule.at.invalid", "--at", at)
    for at in ("2020-01-01T00:00Z", "0001-01-01T00:00Z", "yesterday"):
        yield post("schedule.in_past", "--at", at)
    yield post("schedule.at.invalid", "--at", "0001-01-01T00:00+14:00")
    for zone in ("Mars/Base", "../etc/passwd", "/etc/localtime", "x" * 300):
        yield post("schedule.timezone.unknown", "--at", "2030-01-01 09:00", "--timezone", zone)

    def schedule(rule: str, *arguments: str, name: str = "new") -> Case:
        return Case(("schedule", "add", name, "x", *arguments), (f"[schedule.{rule}]",))

    for cron in (
        "",
        "* * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 32 * *",
        "a b c d e",
        "*/0 * * * *",
    ):
        yield schedule("cron.invalid", "--cron", cron)
    yield schedule("cron.invalid", "--cron", "0 0 30 2 *")
    yield schedule("never", "--cron", "0 0 29 2 *", "--end", "2027-01-01T00:00Z")
    yield schedule("cron_or_every")
    yield schedule("cron_or_every", "--cron", "* * * * *", "--every", "1h")
    for every in ("often", "0", "-1h", "nan", "1e999", "1s1s", ""):
        yield schedule("every.invalid", "--every", every)
    yield schedule("jitter.invalid", "--every", "1d", "--jitter", "2d")
    yield schedule("timezone.unknown", "--every", "1d", "--timezone", "Mars/Base")
    yield schedule("name.empty", "--every", "1d", name=" ")
    yield schedule("count.invalid", "--every", "1d", "--count", "0")
    yield schedule("in_past", "--every", "1d", "--end", "2020-01-01T00:00Z")


#: Environments that are none.
SETTINGS: list[tuple[str, str]] = [
    *(("LEASE", value) for value in ("soon", "0.5", "-1", "nan", "1e400", "PT", "inf")),
    *(("DISPATCH_EVERY", value) for value in ("0", "-5", "PT2H")),
    *(("MAX_COUNTDOWN", value) for value in ("3600", "0")),
    *(("PREPARE_AHEAD", value) for value in ("PT21H", "-1")),
    *(("ACCOUNT_CONCURRENCY", value) for value in ("0", "-1", "many", "1.5")),
    *((f"{name}_TIMEOUT", "0") for name in ("PUBLISH", "HTTP", "GITHUB_UPLOAD")),
    *((name, "-1") for name in ("QUIET_PERIOD", "MISSED_AFTER", "VIDEO_REPLY_SETTLE")),
    ("MISSED_AFTER", "0.5"),
    ("REPUBLISH_SAME_CONTAINER", "sometimes"),
    *((name, "perhaps") for name in ("SOLE_ATTEMPT_RULE", "STRIP_METADATA")),
    *(("MEDIA_ROOTS", value) for value in ("media", "/media:media", ":", "~/media", "./x")),
    *(("THREADS_API_URL", value) for value in ("graph.threads.net", "ftp://e.com", "http://[::1")),
    *(("GITHUB_API_URL", value) for value in ("https://", "https://e.com:99999")),
    *(("DATABASE_URL", value) for value in ("nowhere", "mysql://me:pw@db/x", "postgresql")),
    *(("BROKER_URL", value) for value in ("nowhere", "redis://[::1", "127.0.0.1:6379")),
    ("WEBHOOK_URL", "example.com"),
    ("LOG_LEVEL", "loud"),
]


def _settings() -> Iterator[Case]:
    for name, value in SETTINGS:
        environment = {f"THREADSWORKER_{name}": value}
        yield Case(("jobs",), (name,), FAILED, b"", environment)


def _commands() -> Iterator[Case]:
    for command in ("show", "cancel", "retry", "watch", "delete"):
        for job in ("nothing", "../../etc/passwd", "'; DROP TABLE job; --", "\u0000", "x" * 5000):
            arguments = (command, job, *(("--yes",) if command == "delete" else ()))
            yield Case(arguments, ("",), UNKNOWN)
    yield Case(("reschedule", "nothing", "now"), ("nothing",), UNKNOWN)
    yield Case(("edit", "nothing", "x"), ("nothing",), UNKNOWN)
    yield Case(("resolve", "nothing", "--give-up"), ("nothing",), UNKNOWN)
    yield Case(("resolve", "nothing"), ("",), USAGE)
    yield Case(("resolve", "nothing", "--give-up", "--not-published"), ("",), USAGE)
    yield Case(("resolve", "nothing", "--published", "not-an-id"), ("",), USAGE)
    yield Case(("post", "x", "--account", "nobody"), ("nobody",), UNKNOWN)
    yield Case(("post", "x", "--no-such-option"), ("--no-such-option",), USAGE)
    yield Case(("post", "x", "--timeout", "soon", "--wait"), ("--timeout",), USAGE)
    yield Case(("frobnicate",), ("frobnicate",), USAGE)
    yield Case(("jobs", "--state", "odd"), ("odd",), USAGE)
    yield Case(("jobs", "--limit", "many"), ("--limit",), USAGE)
    for command in ("pause", "resume", "remove"):
        yield Case(("schedule", command, "nothing"), ("nothing",), UNKNOWN)
        yes = ("--yes",) if command == "remove" else ()
        yield Case(("account", command, "nobody", *yes), ("nobody",), UNKNOWN)
    yield Case(("subscription", "remove", "nothing"), ("nothing",), UNKNOWN)
    yield Case(("account", "show", "nobody"), ("nobody",), UNKNOWN)
    yield Case(("quota", "--account", "nobody"), ("nobody",), UNKNOWN)


def cases(folder: Path) -> list[Case]:
    """All of them; their files are laid out in the folder."""
    lay_out(folder)
    return [
        *_texts(),
        *_files(),
        *_roots(folder),
        *_urls(),
        *_markdown(),
        *_rows(folder),
        *_moments(),
        *_settings(),
        *_commands(),
    ]


#: Bodies that are signed as Meta's are, and say nothing that can be kept.
BODIES: list[bytes] = [
    *(b"", b" ", b"null", b"[]", b"7", b'"text"', b"{}", b"{", b"\xff\xfe", b"\0"),
    *(b'{"values": 7}', b'{"values": []}', b'{"values": {"field": "x"}}', b'{"entry": "x"}'),
    *(b'{"values": {"field": [], "value": {}}}', b'{"entry": [{"changes": [{"field": "x"}]}]}'),
    *(b"[" * 100_000, b'{"values":' * 50_000, b"NaN", b'{"values": {"value": {}}}'),
    json.dumps({"values": [{"field": "x" * 500_000}]}).encode(),
]
