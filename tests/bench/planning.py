"""
How long planning takes, from 1 KB of text to 10 MB: `python -m tests.bench.planning`.

The time per KB must stay flat. A planner that measures the rest of the text at every cut, or
searches it again for every link, is quick with a page and takes hours with a book. Times are the
processor's: planning waits for nothing. Python's garbage collector stays on, as in life: it is why
the largest sizes take half as much again per KB.
"""

from __future__ import annotations

import argparse
import platform
import random
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.bench.measured import write
from threadsworker.plan import plan
from threadsworker.post import Post

KB = 1024
#: Bytes of UTF-8.
SIZES = (KB, 10 * KB, 100 * KB, KB * KB, 10 * KB * KB)
#: Seconds for which a size is planned again and again in a round: a short time says little.
ROUND = 0.2
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
    """One size, planned in several rounds. Times are the processor's seconds."""

    bytes: int
    characters: int
    segments: int
    runs: list[float]
    median: float
    #: Quickest and slowest round.
    spread: tuple[float, float]
    ms_per_kb: float
    #: How many times `BASE`'s time per KB in the same round: the median, the least, the most.
    ratio: float
    ratio_spread: tuple[float, float]


def main() -> int:
    """Print the table, and write it as JSON if asked to."""
    arguments = argparse.ArgumentParser(prog="tests.bench.planning", description=__doc__)
    arguments.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    arguments.add_argument("--rounds", type=int, default=5)
    asked = arguments.parse_args()
    measured = measure_all(asked.rounds)
    sys.stdout.write("\n".join(_table(measured)) + "\n")
    document = {
        "python": platform.python_version(),
        "seed": SEED,
        "planning": [asdict(one) for one in measured],
    }
    write(asked.json, document)
    return 0


def measure_all(rounds: int) -> list[Measured]:
    """Every size, the smallest first; in each round they take turns."""
    texts = {size: mixed_text(size) for size in SIZES}
    # The first plan of a process pays for what is made once.
    segments = {size: _planned(text) for size, text in texts.items()}
    timed = [{size: _timed(text) for size, text in texts.items()} for _ in range(rounds)]
    found = []
    for size, text in texts.items():
        runs = [times[size] for times in timed]
        ratios = [times[size] / size / (times[BASE] / BASE) for times in timed]
        found.append(
            Measured(
                bytes=size,
                characters=len(text),
                segments=segments[size],
                runs=runs,
                median=statistics.median(runs),
                spread=(min(runs), max(runs)),
                ms_per_kb=statistics.median(runs) * 1000 / (size / KB),
                ratio=statistics.median(ratios),
                ratio_spread=(min(ratios), max(ratios)),
            )
        )
    return found


def mixed_text(size: int) -> str:
    """
    `size` bytes of prose, CJK, emoji, URLs and hashtags: the same ones every time.

    It does not end with a hashtag, which would be taken off and dealt out.
    """
    paragraphs, length = [], 0
    for paragraph in _paragraphs(random.Random(SEED)):
        paragraphs.append(paragraph)
        length += len(paragraph.encode()) + 2
        if length >= size:
            break
    return "\n\n".join(paragraphs).encode()[: size - 1].decode(errors="ignore") + "."


def _timed(text: str) -> float:
    """Seconds of the processor that one plan takes."""
    count, begun = 0, time.process_time()
    while (taken := time.process_time() - begun) < ROUND:
        plan(Post(text=text), [])
        count += 1
    return taken / count


def _planned(text: str) -> int:
    """
    Into how many segments the text is cut.

    Raises
    ------
    SystemExit:
        Something of it is missing, or stands elsewhere.
    """
    segments = plan(Post(text=text), [])
    if "".join("".join(one.text for one in segments).split()) != "".join(text.split()):
        raise SystemExit(f"of {len(text)} characters not all are in the segments")
    return len(segments)


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
    yield (
        f"{'size':>9} {'segments':>9} {'median':>12} {'quickest to slowest':>26} {'per KB':>10}"
        f" {'ratio':>6} {'spread':>12}"
    )
    for one in measured:
        size = f"{one.bytes // KB} KB" if one.bytes < KB * KB else f"{one.bytes // KB // KB} MB"
        low, high = (f"{1000 * limit:.1f}" for limit in one.spread)
        least, most = (f"{limit:.2f}" for limit in one.ratio_spread)
        yield (
            f"{size:>9} {one.segments:>9} {one.median * 1000:>9.1f} ms {low + '-' + high:>23} ms"
            f" {one.ms_per_kb:>7.3f} ms {one.ratio:>6.2f} {least + '-' + most:>12}"
        )
    yield "ratio: time per KB over that at 10 KB in the same round; 1 is linear"


if __name__ == "__main__":
    sys.exit(main())
