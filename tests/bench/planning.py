"""
How long planning takes, from 1 KB of text to 10 MB: `python -m tests.bench.planning`.

The time per KB must stay flat. A planner that measures the rest of the text at every cut, or
searches it again for every link, is quick with a page and takes hours with a book. Python's
garbage collector stays on, as in life: it is why the largest sizes take a little more per KB.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from threadsworker.plan import plan
from threadsworker.post import Post

KB = 1024
#: Sizes in bytes of UTF-8, and how often each is planned.
SIZES = {KB: 5, 10 * KB: 5, 100 * KB: 5, KB * KB: 5, 10 * KB * KB: 3}
#: The size that the others are compared with.
BASE = 10 * KB
SEED = 1

LATIN = (
    "the tide does not ask whether our queue is empty and naïve façades keep their café open "
    "während Über-Größen straßenweise señalan mañana s’il vous plaît"
)
HAN = "潮水不会问队列是否为空它只是涨起来我们把船停在港口等待下一班邮件海面很平静"
KANA = "ひらがなとカタカナのぶんしょうはくぎりなくつづきます"
EMOJI = ["🚤", "☕", "👩‍💻", "👨‍👩‍👧‍👦", "🇳🇬", "🏳️‍🌈", "👍🏽", "❤️"]
TAGS = ["#python", "#celery", "#潮", "#día2"]


@dataclass(frozen=True)
class Measured:
    """One size, planned several times. Times are seconds."""

    bytes: int
    characters: int
    segments: int
    runs: list[float]
    median: float
    #: Slowest run less quickest run.
    spread: float
    #: Milliseconds per KB, and how many times that of `BASE` it is.
    ms_per_kb: float
    ratio: float


def main() -> int:
    """Print the table, and write it as JSON if asked to."""
    arguments = argparse.ArgumentParser(prog="tests.bench.planning", description=__doc__)
    arguments.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    asked = arguments.parse_args()
    measured = measure_all()
    sys.stdout.write("\n".join(_table(measured)) + "\n")
    if asked.json is not None:
        document = {
            "python": platform.python_version(),
            "seed": SEED,
            "planning": [asdict(one) for one in measured],
        }
        asked.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0


def measure_all() -> list[Measured]:
    """Every size, the smallest first."""
    texts = {size: mixed_text(size) for size in SIZES}
    # The first plan of a process pays for what is made once.
    plan(Post(text=texts[KB]), [])
    timed = {size: _timed(text, times=SIZES[size]) for size, text in texts.items()}
    base = statistics.median(timed[BASE][0]) / BASE
    return [
        Measured(
            bytes=size,
            characters=len(texts[size]),
            segments=segments,
            runs=runs,
            median=statistics.median(runs),
            spread=max(runs) - min(runs),
            ms_per_kb=statistics.median(runs) * 1000 / (size / KB),
            ratio=statistics.median(runs) / size / base,
        )
        for size, (runs, segments) in timed.items()
    ]


def mixed_text(size: int) -> str:
    """`size` bytes of prose, CJK, emoji, URLs and hashtags: the same ones every time."""
    paragraphs, length = [], 0
    for paragraph in _paragraphs(random.Random(SEED)):
        paragraphs.append(paragraph)
        length += len(paragraph.encode()) + 2
        if length >= size:
            break
    return "\n\n".join(paragraphs).encode()[:size].decode(errors="ignore")


def _timed(text: str, *, times: int) -> tuple[list[float], int]:
    """How long each run took, and into how many segments the text was cut."""
    runs, segments = [], 0
    for _ in range(times):
        begun = time.perf_counter()
        segments = len(plan(Post(text=text), []))
        runs.append(time.perf_counter() - begun)
    return runs, segments


def _paragraphs(chance: random.Random) -> Iterator[str]:
    """
    Without end. At least 200 characters each, with one URL at most: no segment of 500 comes
    to more than Meta's five.
    """
    number = 0
    while True:
        number += 1
        sentences: list[str] = []
        while sum(map(len, sentences)) < 200:
            sentences.append(_sentence(chance))
        if number % 2:
            sentences.append(f"https://example.com/{number}/tide?q={chance.randrange(10**6)}")
        yield " ".join(sentences)


def _sentence(chance: random.Random) -> str:
    kind = chance.random()
    if kind < 0.25:
        return "".join(chance.choices(HAN, k=chance.randint(8, 40))) + "。"
    if kind < 0.35:
        return "".join(chance.choices(KANA, k=chance.randint(8, 40))) + "。"
    words = chance.choices(LATIN.split(), k=chance.randint(5, 16))
    if chance.random() < 0.3:
        words.insert(chance.randrange(len(words)), chance.choice(TAGS))
    if chance.random() < 0.4:
        words.append(chance.choice(EMOJI))
    return " ".join(words).capitalize() + "."


def _table(measured: list[Measured]) -> Iterator[str]:
    yield f"{'size':>9} {'segments':>9} {'median':>11} {'spread':>11} {'per KB':>10} {'ratio':>6}"
    for one in measured:
        size = f"{one.bytes // KB} KB" if one.bytes < KB * KB else f"{one.bytes // KB // KB} MB"
        yield (
            f"{size:>9} {one.segments:>9} {one.median * 1000:>8.1f} ms "
            f"{one.spread * 1000:>8.1f} ms {one.ms_per_kb:>7.3f} ms {one.ratio:>6.2f}"
        )
    yield "ratio: time per KB over that at 10 KB; 1 is linear"


if __name__ == "__main__":
    sys.exit(main())
