"""Pictures that say more than they show, built byte by byte."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable
from importlib.resources import files

_ASSETS = files("threadsworker.sandbox").joinpath("assets")
PNG = _ASSETS.joinpath("chart.png").read_bytes()
JPEG = _ASSETS.joinpath("sunrise.jpg").read_bytes()
MP4 = _ASSETS.joinpath("clip.mp4").read_bytes()


def sunrise(number: int) -> bytes:
    """The demo's JPEG, told apart from others by its density."""
    return JPEG[:14] + (number + 1).to_bytes(2, "big") + JPEG[16:]


def chart(name: str) -> bytes:
    """The demo's PNG, told apart from others by its density."""
    density = hashlib.sha256(name.encode()).digest()[:8]
    return PNG[:33] + chunk(b"pHYs", density + b"\0") + PNG[33:]


#: What must not become public.
SECRETS = (b"N 52 31.0 E 13 24.5", b"Canon of Ada Lovelace", b"preview-of-the-uncropped-picture")


def segment(marker: int, content: bytes) -> bytes:
    """A segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def chunk(name: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def tiff(orientation: int | None, *, order: str = ">", secret: bytes = SECRETS[0]) -> bytes:
    """Exif as cameras write it: a maker, an orientation, a block for the place."""
    entries = [struct.pack(f"{order}HHII", 0x010F, 2, len(secret), 100)]
    if orientation is not None:
        entries.append(struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0))
    entries.append(struct.pack(f"{order}HHII", 0x8825, 4, 1, 60))
    head = (b"MM\0*" if order == ">" else b"II*\0") + struct.pack(f"{order}IH", 8, len(entries))
    return (head + b"".join(entries) + bytes(4)).ljust(100, b"\0") + secret


def exif(orientation: int | None = None, *, order: str = ">") -> bytes:
    return segment(0xE1, b"Exif\0\0" + tiff(orientation, order=order))


#: Segments that a camera, an editor or a phone adds to a JPEG.
SEGMENTS = {
    "exif": exif(),
    "xmp": segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x>" + SECRETS[1]),
    "xmp, extended": segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + SECRETS[1]),
    "photoshop": segment(0xED, b"Photoshop 3.0\x008BIM" + SECRETS[1]),
    "comment": segment(0xFE, SECRETS[0]),
    "several pictures": segment(0xE2, b"MPF\0MM\0*" + SECRETS[2]),
    "gain map": segment(0xE2, b"urn:iso:std:iso:ts:21496:-1\0" + SECRETS[1]),
    "jfif preview": segment(0xE0, b"JFXX\0\x10" + SECRETS[2]),
    "content credentials": segment(0xEB, b"JP\0\1" + SECRETS[1]),
    "a maker's own": segment(0xE7, SECRETS[0]),
}
#: Chunks that programs add to a PNG.
CHUNKS = {
    "text": chunk(b"tEXt", b"Author\0" + SECRETS[1]),
    "compressed text": chunk(b"zTXt", b"Comment\0\0" + zlib.compress(SECRETS[0])),
    "international text": chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + SECRETS[1]),
    "time": chunk(b"tIME", struct.pack(">HBBBBB", 2026, 11, 25, 20, 0, 0)),
    "exif": chunk(b"eXIf", tiff(None)),
    "content credentials": chunk(b"caBX", SECRETS[1]),
    "a program's own": chunk(b"prVW", SECRETS[2]),
}


def jpeg_with(segments: Iterable[bytes], after: bytes = b"") -> bytes:
    """The demo's picture with more segments behind its first, and something after its end."""
    end = 4 + int.from_bytes(JPEG[4:6], "big")
    return JPEG[:end] + b"".join(segments) + JPEG[end:] + after


def png_with(chunks: Iterable[bytes], *, last: Iterable[bytes] = (), after: bytes = b"") -> bytes:
    """The demo's picture with more chunks behind its first, before its last, and after its end."""
    return PNG[:33] + b"".join(chunks) + PNG[33:-12] + b"".join(last) + PNG[-12:] + after
