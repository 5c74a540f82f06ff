"""The places of the sandbox: a few, and none of them moves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: What Meta tells of a place.
NAMES = (
    "id",
    "name",
    "address",
    "city",
    "country",
    "latitude",
    "longitude",
    "postal_code",
)
#: By id. A value that is None is left out, as Meta does.
PLACES: Mapping[str, Mapping[str, Any]] = {
    values[0]: {name: v for name, v in zip(NAMES, values, strict=True) if v is not None}
    for values in (
        ("100210000000001", "Menlo Park", None, "Menlo Park", "US", 37.453, -122.182, "94025"),
        ("100210000000002", "Table Mountain", "Tafelberg Road", "Cape Town", "ZA", -33.957, 18.403,
         "8001"),
        ("100210000000003", "Freedom Park", "Ojota Road", "Lagos", "NG", 6.448, 3.396, None),
        ("100210000000004", "Royal Observatory", "Blackheath Avenue", "London", "GB", 51.478,
         -0.001, "SE10 8XJ"),
    )
}  # fmt: skip
