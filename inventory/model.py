"""The words of the estate as frozen values: sites, centers, hosts, systems, components, links, provinces.

The same classes describe the YAML documents (``inventory/document.py`` fills them and maps every mistake to file:line)
and are what the rest of the product works with. Times are seconds, shares are fractions of one.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, Field, model_validator

from inventory import notation
from inventory.base import Document, Fraction, Identifier, Name, Port, Seconds
from inventory.calendar_model import Calendar
from inventory.errors import Mark

#: what others also look for here
__all__ = ["Document", "Fraction", "Identifier", "Name", "Port", "Seconds"]


class Role(StrEnum):
    """What a center is for."""

    PRODUCTION = "production"  #: people are served from here
    METRO = "metro"  #: second center in the same city
    REMOTE = "remote"  #: disaster recovery in another city


class Duty(StrEnum):
    """What a component is expected to do where it is placed."""

    ACTIVE = "active"  #: serves people; its loss is an outage
    STANDBY = "standby"  #: ready to serve; its loss is lost readiness, not an outage


class Owner(Document):
    """Who answers for a system."""

    unit: Name
    person: str = ""
    phone: str = ""


class Confirm(Document):
    """A status counts once ``m`` of the last ``n`` results say so; written ``2/3``."""

    m: int = Field(ge=1)
    n: int = Field(ge=1)

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        if isinstance(value, str) and (found := notation.OUT_OF.fullmatch(value)):
            return {"m": int(found[1]), "n": int(found[2])}
        if isinstance(value, dict | cls):
            return value
        raise ValueError("is not a confirmation: write it like 2/3, two of the last three results")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.m > self.n:
            raise ValueError(f"asks for {self.m} of the last {self.n} results: write the smaller number first")
        return self


class RawCheck(Document):
    """A check as written: known fields of every kind, and the kind's own parameters, still unread.

    ``checks/kinds.py`` turns ``params`` into the kind's own parameters; ``mark`` lets it name the line.
    """

    id: Identifier
    kind: str
    vantage: tuple[str, ...] = (
        "all",
    )  #: center ids, or ``own``, ``others``, ``all`` (centers as seen from the target)
    interval: Seconds | None = None  #: None: the estate's default
    timeout: Seconds | None = None
    confirm: Confirm | None = None
    on: tuple[str, ...] = ()  #: hosts asked; empty: the hosts of the placement, or the host itself
    params: dict[str, Any] = Field(default_factory=dict)
    lines: dict[str, int] = Field(default_factory=dict, repr=False)  #: line of each parameter, by dotted path
    mark: Mark


class Defaults(Document):
    """What a check gets when it does not say."""

    interval: Seconds = 30.0
    timeout: Seconds = 5.0
    confirm: Confirm = Confirm(m=2, n=3)


class Site(Document):
    """A city."""

    keyed_by: ClassVar[str] = "id"

    id: Identifier
    name: Name


class Center(Document):
    """A data center in a site."""

    keyed_by: ClassVar[str] = "id"

    id: Identifier
    name: Name
    site: str
    role: Role
    prometheus: Annotated[str, AfterValidator(notation.base_url)] | None = (
        None  #: base URL of the center's own Prometheus
    )
    prober: Annotated[str, AfterValidator(notation.base_url)] | None = None  #: base URL of the center's prober
    mark: Mark


class Ssh(Document):
    """How operators and runbooks reach a host."""

    user: Annotated[str, AfterValidator(notation.login)] = "root"
    port: Port = 22
    key: str | None = None  #: path of the private key; None: the operator's configured key
    #: the host's public key (``ssh-ed25519 AAAA...``); connections to any other are refused
    host_key: Annotated[str, AfterValidator(notation.host_key)] | None = None


class Host(Document):
    """A machine reachable over SSH; belongs to one center."""

    keyed_by: ClassVar[str] = "id"

    id: Identifier
    center: str
    address: Annotated[str, AfterValidator(notation.address)]
    roles: tuple[Identifier, ...] = ()
    labels: dict[Identifier, str] = Field(default_factory=dict)
    ssh: Ssh = Ssh()
    services: tuple[Identifier, ...] = ()  #: services a runbook may restart
    services_dir: str | None = None  #: runit service folder; None: the host runs systemd
    exporters: dict[Identifier, Port] = Field(default_factory=dict)  #: Prometheus job -> port
    checks: tuple[RawCheck, ...] = ()
    mark: Mark


class Link(Document):
    """A path between two centers."""

    keyed_by: ClassVar[str] = "id"

    id: Identifier
    name: Name
    between: tuple[str, str]
    checks: tuple[RawCheck, ...] = ()  #: asked from each end about the other; {address} is the other center's prober
    mark: Mark


class Placement(Document):
    """A component in one center."""

    hosts: tuple[str, ...] = Field(min_length=1)
    duty: Duty = Duty.ACTIVE


class Component(Document):
    """One part of a system (app, database, exchange front end), placed in one or more centers."""

    keyed_by: ClassVar[str] = "id"

    id: Identifier
    needs: int = Field(default=1, ge=1)  #: how many active placements must be up for the part to be up
    placement: dict[str, Placement]  #: center id -> placement
    service: str | None = None  #: the service on its hosts that a runbook may restart
    checks: tuple[RawCheck, ...] = ()
    mark: Mark


class Targets(Document):
    """What the owner promised."""

    availability: Fraction
    rto: Seconds
    rpo: Seconds
    doo: Seconds | None = None  #: degraded operations objective (降级运行目标)
    nro: Seconds | None = None  #: network recovery objective (网络恢复目标)


class Grade(Document):
    """How much the system matters, as declared by its owner."""

    mlps: int = Field(ge=1, le=5)  #: MLPS level (等级保护)
    critical: bool  #: critical information infrastructure (关键信息基础设施)
    data: Annotated[str, AfterValidator(notation.one_of("general", "important", "core"))]  #: data class


class Replication(Document):
    """How the system's data reaches the other centers."""

    source: str  #: center id
    to: dict[str, Annotated[str, AfterValidator(notation.one_of("sync", "async"))]] = Field(
        min_length=1
    )  #: by center id


class System(Document):
    """What people use."""

    id: Identifier
    name: Name
    summary: Name
    owner: Owner
    grade: Grade
    targets: Targets
    components: tuple[Component, ...]
    depends_on: tuple[str, ...] = ()
    replication: Replication | None = None
    facts: dict[str, str] = Field(default_factory=dict)  #: scale figures as declared, e.g. people: "66 million"
    checks: tuple[RawCheck, ...] = ()  #: the user's journey; these decide what users see
    mark: Mark


class Province(Document):
    """A provincial partner of the data exchange."""

    keyed_by: ClassVar[str] = "code"

    code: Annotated[str, Field(pattern=r"^\d{6}$")]  #: administrative division code, GB/T 2260
    name: Name
    contact: str = ""
    mark: Mark


class Exchange(Document):
    """The exchange with the provinces: one front end, many partners."""

    system: str
    provinces: tuple[Province, ...]
    checks: tuple[RawCheck, ...] = ()  #: asked once per province; {code} is the province's code
    hosts: tuple[str, ...]  #: the exchange front ends that are checked


class Stable(Document):
    """When a service that is back counts as back: so many good probes in a row, over at least so long."""

    count: int = Field(default=5, ge=2, le=1000)
    over: Seconds = 2.0


class Probes(Document):
    """What clients ask, for measuring how long they were without it."""

    #: the service's addresses, in the order in which clients try them
    urls: tuple[Annotated[str, AfterValidator(notation.base_url)], ...]
    marker: str = Field(min_length=1, max_length=200)  #: what a right answer contains
    #: pattern whose one group is the center that answered
    answered_by: Annotated[str, AfterValidator(notation.captures_one)] | None = None
    period: Seconds = 0.2
    timeout: Seconds = 1.0
    ca_file: str | None = None  #: certificates to trust besides the vantages' own
    stable: Stable = Stable()
    mark: Mark


class Inbox(Document):
    """Where partners of the exchange deliver: numbered envelopes go there as their batches do, over SFTP."""

    vantage: str  #: id of the vantage that delivers: one that stands where the partners do
    fronts: tuple[str, ...]  #: hosts that take deliveries, in the order in which partners try them
    #: for envelopes alone, under a code that no partner has; never a partner's own folder
    folder: Annotated[str, AfterValidator(notation.folder)]
    user: Annotated[str, AfterValidator(notation.login)]
    key: Annotated[str, AfterValidator(notation.folder)]  #: path of the private key, at the vantage


class Channel(Document):
    """Where numbered writes go, for measuring what was lost: a table, reached as the business reaches it.

    With an inbox, envelopes are delivered there instead, and the table is where the exchange's loader puts them.
    """

    keyed_by: ClassVar[str] = "id"

    id: Identifier
    #: in the order in which clients try them
    entries: tuple[Annotated[str, AfterValidator(notation.endpoint)], ...]
    database: str = Field(min_length=1, max_length=63)
    user: str = Field(min_length=1, max_length=63)
    password_file: str  #: at the desk; its first line is the password
    table: Annotated[str, AfterValidator(notation.table)] = "canary"
    period: Seconds = 0.2
    timeout: Seconds = 1.0
    inbox: Inbox | None = None
    mark: Mark


class Vantage(Document):
    """A machine that measures what clients see: a host of the estate, or one outside of all centers."""

    keyed_by: ClassVar[str] = "id"

    id: Identifier
    name: Name | None = None  #: of one outside of all centers; the others are called by theirs
    host: str | None = None  #: id of a host of the estate
    address: Annotated[str, AfterValidator(notation.address)] | None = None  #: of a machine outside
    ssh: Ssh = Ssh()  #: how to reach a machine outside
    folder: Annotated[str, AfterValidator(notation.folder)]  #: where the meters' logs lie until they are collected
    mark: Mark


class Meters(Document):
    """How drills and failovers are measured: what is asked, what is written, and from where."""

    probes: Probes
    channels: tuple[Channel, ...] = ()
    vantages: tuple[Vantage, ...]
    lease: float = 60.0  #: a meter that the desk has not renewed for so long ends by itself


class Estate(Document):
    """All that is looked after."""

    id: Identifier
    name: Name
    timezone: str
    defaults: Defaults
    sites: tuple[Site, ...]
    centers: tuple[Center, ...]
    links: tuple[Link, ...]
    hosts: tuple[Host, ...]
    systems: tuple[System, ...]
    exchange: Exchange | None = None
    meters: Meters | None = None
    calendar: Calendar | None = None  #: None: nobody wrote one
    folder: str  #: where it was read from
    #: SHA-256 over the files' names and bytes, to tell which estate a record speaks of; the calendar is not in it: what
    #: a drill has shown does not grow old because a maintenance window was entered
    digest: str

    def center(self, center_id: str) -> Center:
        """The center of that id; KeyError if there is none (loading has refused dangling references)."""
        return next(center for center in self.centers if center.id == center_id)

    def host(self, host_id: str) -> Host:
        """The host of that id."""
        return next(host for host in self.hosts if host.id == host_id)

    def system(self, system_id: str) -> System:
        """The system of that id."""
        return next(system for system in self.systems if system.id == system_id)
