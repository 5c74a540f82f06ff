"""Which way up a picture is: the one statement of Exif that changes what people see."""

from __future__ import annotations

import struct

#: Tag and type (SHORT) of the orientation. Source: CIPA DC-008 (Exif 2.32), 4.6.4.
_TAG = 0x0112
_SHORT = 3
#: 1 is upright, as is a picture that says nothing.
_TURNED = range(2, 9)


def orientation_of(tiff: bytes) -> int | None:
    """The orientation, 2 to 8, that the TIFF block of Exif states; None: upright, or unreadable."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return None
    try:
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, start)
        for number in range(count):
            tag, kind, values, value = struct.unpack_from(
                f"{order}HHIH", tiff, start + 2 + 12 * number
            )
            if (tag, kind, values) == (_TAG, _SHORT, 1):
                return value if value in _TURNED else None
    except struct.error:
        return None
    return None


def only_orientation(orientation: int) -> bytes:
    """A TIFF block of Exif that states the orientation and nothing else."""
    entry = struct.pack(">HHIHH", _TAG, _SHORT, 1, orientation, 0)
    # Header, where the directory begins, its one entry, and that no other directory follows.
    return b"MM\0*" + struct.pack(">IH", 8, 1) + entry + bytes(4)
