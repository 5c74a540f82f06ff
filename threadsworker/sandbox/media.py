"""Media that the sandbox serves: samples to post, and what it has downloaded for posts."""

from __future__ import annotations

from importlib.resources import files

from threadsworker.sandbox.answers import Answer
from threadsworker.sandbox.media_check import Fetched
from threadsworker.sandbox.raw import file_answer, ranged
from threadsworker.sandbox.request import Request

#: Bytes of downloaded media that are kept to be shown.
KEPT_BYTES = 64 * 1024 * 1024
#: Pictures of our own making, by their name here; `sample.jpg` stands for any.
SAMPLES = {
    "sample.jpg": "sunrise.jpg",
    "sunrise.jpg": "sunrise.jpg",
    "street.jpg": "street.jpg",
    "harbour.jpg": "harbour.jpg",
    "chart.png": "chart.png",
    "clip.mp4": "clip.mp4",
}
_TYPES = {"jpg": "image/jpeg", "png": "image/png", "mp4": "video/mp4"}


class MediaService:
    """``/media/{sample}`` and ``/media/{sha256}``. Used under the world's lock."""

    def __init__(self) -> None:
        self._kept: dict[str, Fetched] = {}
        self._size = 0

    def keep(self, fetched: Fetched) -> None:
        """Keep what was downloaded, while there is room."""
        if fetched.sha256 is None or fetched.content is None or fetched.sha256 in self._kept:
            return
        if self._size + len(fetched.content) <= KEPT_BYTES:
            self._kept[fetched.sha256] = fetched
            self._size += len(fetched.content)

    def answer(self, request: Request) -> Answer:
        name = request.segments[-1] if request.segments else ""
        if name in SAMPLES:
            content = (files("threadsworker.sandbox") / "assets" / SAMPLES[name]).read_bytes()
            return ranged(file_answer(content, _TYPES[name.rpartition(".")[2]]), request)
        kept = self._kept.get(name)
        if kept is None or kept.content is None:
            return Answer(404, b"Not found", content_type="text/plain")
        content_type = kept.content_type or "application/octet-stream"
        return ranged(file_answer(kept.content, content_type), request)
