"""A check ready to be asked: expanded over targets, with its own parameters read and validated."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pydantic import BaseModel

from checks.result import Measurement
from inventory.model import Confirm, Host


@dataclass(frozen=True, slots=True)
class Check:
    """A question asked on a schedule from one or more vantage centers."""

    id: str  #: unique in the estate, e.g. ``marriage/app@cloud/cloud-app/http`` (no vantage in it)
    subject: str  #: what the answer speaks of, see inventory/subject.py
    kind: str
    params: BaseModel  #: the kind's own parameters, placeholders filled in
    vantages: tuple[str, ...]  #: center ids
    interval: float  #: seconds
    timeout: float  #: seconds; the deadline of the whole probe
    confirm: Confirm
    host: Host | None  #: the machine asked, if it is one machine
    center: str | None  #: the center the target stands in


#: A probe is a function: what to ask and how long it may take in; what was seen out. Raising is allowed: unknown.
Probe = Callable[[Check], Awaitable[Measurement]]
