"""What the desk tells a meter, and what it believes of what it hears. Pure, but for reading passwords.

Vantages are other machines: their words are bounded and typed here, before anything is decided by them.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from checks.sentence import clean
from failover.meter.agent.settings import Channel, Front, Inbox, Probing, Settings
from failover.meter.samples import NS
from inventory.model import Channel as Described
from inventory.model import Host, Meters
from inventory.model import Inbox as DescribedInbox

OUTSIDE = "outside"  #: the center of a vantage that stands in none


class Trouble(Exception):
    """The vantage was reached, but did not do what it was told."""


@dataclass(frozen=True, slots=True)
class Now:
    """What a meter says of itself."""

    looks: int  #: goes on for as long as the meter lives
    state: str  #: measuring, reading-back, ended, ended-unsettled, failed
    why: str  #: what ended it
    down_for: float  #: seconds since the last good probe of the stream that is worst off
    acked_at_old: int  #: writes that the old writer took after its fence


def settings(
    meters: Meters, vantage: str, center: str, run: str, epoch: int, hosts: Sequence[Host], lost: Collection[str]
) -> bytes:
    """What a meter is told. It goes by standard input: passwords stand on no disk and in no list of processes.

    ``lost``: centers that the run takes for lost. Raises OSError when a password or a certificate cannot be read.
    """
    where = "" if center == OUTSIDE else center
    own = [one for one in meters.channels if one.inbox is None or one.inbox.vantage == vantage]
    channels = tuple(_channel(one, {host.id: host for host in hosts}, lost) for one in own)
    told = Settings(run, vantage, epoch, _probing(meters), channels, where, round(meters.lease * NS))
    return json.dumps(asdict(told)).encode()


def _probing(meters: Meters) -> Probing:
    probes = meters.probes
    return Probing(
        probes.urls,
        probes.marker,
        probes.answered_by or "",
        round(probes.period * NS),
        round(probes.timeout * NS),
        Path(probes.ca_file).read_text() if probes.ca_file else "",
        probes.stable.count,
        round(probes.stable.over * NS),
    )


def _channel(one: Described, hosts: Mapping[str, Host], lost: Collection[str]) -> Channel:
    return Channel(
        one.id,
        tuple((entry.rpartition(":")[0], int(entry.rpartition(":")[2])) for entry in one.entries),
        one.database,
        one.user,
        one.table,
        Path(one.password_file).read_text().partition("\n")[0],
        round(one.period * NS),
        round(one.timeout * NS),
        _inbox(one.inbox, hosts, lost) if one.inbox else None,
    )


def _inbox(inbox: DescribedInbox, hosts: Mapping[str, Host], lost: Collection[str]) -> Inbox:
    fronts = tuple(
        Front(one.id, one.address, one.ssh.port, inbox.folder, one.ssh.host_key or "", one.center in lost)
        for one in (hosts[front] for front in inbox.fronts)
    )
    return Inbox(fronts, inbox.user, inbox.key)


def answer(data: bytes) -> dict[str, Any]:
    """One line of JSON from a vantage. Raises Trouble."""
    with contextlib.suppress(ValueError, RecursionError):
        told = json.loads(data)
        if isinstance(told, dict):
            return told
    raise Trouble(f"the meter says what no meter says: {data[:100].decode(errors='replace')!r}")


def now(data: bytes) -> Now:
    """What a meter says of itself, as far as it makes sense. Raises Trouble."""
    told = answer(data)
    old, down, looks = told.get("old"), told.get("down_for"), told.get("looks")
    return Now(
        looks=looks if isinstance(looks, int) else -1,
        state=clean(str(told.get("state", "")), 40),
        why=clean(str(told.get("why", "")), 100),
        down_for=float(down) if isinstance(down, int | float) else 0.0,
        acked_at_old=old[1] if isinstance(old, list) and len(old) == 2 and isinstance(old[1], int) else 0,
    )
