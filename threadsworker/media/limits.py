"""Meta's and GitHub's limits of a local medium: bytes, seconds, proportions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from threadsworker.errors import Problem
from threadsworker.media import shape
from threadsworker.media.formats import KINDS
from threadsworker.post import (
    IMAGE_ASPECT_LIMIT,
    IMAGE_BYTES_LIMIT,
    STAGED_BYTES_LIMIT,
    VIDEO_BYTES_LIMIT,
    VIDEO_SECONDS_LIMIT,
    MediaKind,
)


def size_problems(kind: MediaKind, size: int, *, where: str) -> Iterator[Problem]:
    """What is wrong with so many bytes."""
    if kind is MediaKind.IMAGE and size > IMAGE_BYTES_LIMIT:
        yield Problem(
            "threads.image.too_large",
            f"An image has at most 8 MB ({IMAGE_BYTES_LIMIT} bytes), and this has {size}",
            where,
            IMAGE_BYTES_LIMIT,
            size,
        )
    elif kind is MediaKind.VIDEO and size > VIDEO_BYTES_LIMIT:
        yield Problem(
            "threads.video.too_large",
            f"A video has at most 1 GB ({VIDEO_BYTES_LIMIT} bytes), and this has {size}",
            where,
            VIDEO_BYTES_LIMIT,
            size,
        )
    elif size > STAGED_BYTES_LIMIT:
        yield Problem(
            "staging.file.too_large",
            f"A local file is handed to Meta through GitHub, whose API takes at most 35 MB "
            f"({STAGED_BYTES_LIMIT} bytes), and this has {size}; put it on a public server "
            f"and give its URL",
            where,
            STAGED_BYTES_LIMIT,
            size,
        )


def shape_problems(
    stream: IO[bytes], content_type: str, *, size: int, where: str
) -> Iterator[Problem]:
    """What is wrong with the length of a video, or the proportions of a picture."""
    if KINDS[content_type] is MediaKind.VIDEO:
        seconds = shape.video_seconds(stream, size=size)
        if seconds is not None and seconds > VIDEO_SECONDS_LIMIT:
            yield Problem(
                "threads.video.too_long",
                f"A video lasts at most {VIDEO_SECONDS_LIMIT} s, and this {seconds:.0f} s",
                where,
                VIDEO_SECONDS_LIMIT,
                seconds,
            )
    elif (pixels := shape.image_size(stream, content_type)) is not None:
        aspect = max(pixels) / min(pixels)
        if aspect > IMAGE_ASPECT_LIMIT:
            yield Problem(
                "threads.image.aspect_ratio",
                f"The longer side of an image is at most {IMAGE_ASPECT_LIMIT:g} times the "
                f"shorter, and this has {pixels[0]} x {pixels[1]} pixels",
                where,
                IMAGE_ASPECT_LIMIT,
                round(aspect, 2),
            )
