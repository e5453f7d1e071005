"""How the files of the provinces' exchange are named and described. Pure."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from lab.service import Place

FRONT = "cloud-xchg"  #: where the provinces deliver
CODE = re.compile(r"[0-9]{6}")  #: a province
CANARIES = "000000"  #: no province's code: envelopes that only measure
#: run, vantage, epoch and number of an envelope, as they stand in its name
ENVELOPE = re.compile(r"([A-Za-z0-9._-]{1,101})~([A-Za-z0-9._-]{1,101})~([0-9]{1,18})~([0-9]{1,18})\.csv")

#: the provinces, should the lab have no estate yet
PROVINCES = tuple(
    f"{code}0000"
    for code in (*range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55), *range(61, 66))
)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a province says about its batch, in the file ``<batch>.ok``."""

    sha256: str
    records: int
    bytes: int

    def text(self) -> str:
        """As it stands in the file."""
        return f"{self.sha256} {self.records} {self.bytes}\n"


def describe(content: bytes) -> Manifest:
    """The manifest that a batch of that content deserves: one record a line."""
    return Manifest(hashlib.sha256(content).hexdigest(), content.count(b"\n"), len(content))


def exchange_folder(place: Place, host_id: str) -> Path:
    """The exchange of a front end, as that host sees it: a folder a province."""
    return place.folder.parent / host_id / "data" / "exchange"
