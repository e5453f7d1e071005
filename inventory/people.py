"""Who we are, who does what in an emergency, and through which channels people are told: frozen values.

Read from ``duty.yml``, ``emergency/*.yml`` and ``notices.yml`` of an estate's folder, each of which may be missing.
"""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from inventory import notation
from inventory.errors import Mark
from inventory.model import Document, Identifier, Name, Seconds

_Text = Annotated[str, Field(min_length=1, max_length=100)]
_ADDRESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}@(?=.{1,253}$)([A-Za-z0-9-]{1,63}\.)*[A-Za-z0-9-]{1,63}")


def mail_address(value: str) -> str:
    """``someone@example.org``: a plain address that can stand in any header and any command as it is."""
    if not _ADDRESS.fullmatch(value):
        raise ValueError("is not a plain mail address: write it like duty@ops.example")
    return value


_Mail = Annotated[str, AfterValidator(mail_address)]
_Fault = Literal["service", "host", "center", "isolated", "link", "province", "dependency", "watch"]
_Grade = Literal["extreme", "major", "larger", "general"]


class Person(Document):
    """A person with a duty."""

    keyed_by: ClassVar[str] = "id"

    id: Identifier
    name: Name
    post: Name
    phone: _Text
    mail: _Mail | None = None
    mark: Mark


class Duty(Document):
    """``duty.yml``: who we are, and the people whom emergency plans and notices refer to."""

    unit: Name  #: as it signs its reports
    organisation: Literal["central-organ", "other"]  #: which reporting clock is ours
    portals: tuple[Identifier, ...] = ()  #: systems that are government portals, which are graded as such
    people: tuple[Person, ...]


class EmergencyRole(Document):
    """A role in an emergency plan: who has it, who stands in, what it does, and whom it calls next."""

    keyed_by: ClassVar[str] = "id"

    id: Identifier
    name: Name
    person: Identifier
    deputy: Identifier | None = None
    duties: Name
    calls: tuple[Identifier, ...] = ()  #: roles that it calls
    mark: Mark


class Measure(Document):
    """What a role does, and until when after the incident was noticed."""

    role: Identifier
    do: Name
    within: Seconds


class EmergencyPlan(Document):
    """``emergency/*.yml``: an emergency plan card (应急预案) for a kind of incident."""

    id: Identifier = Field(alias="plan")
    name: Name
    faults: tuple[_Fault, ...] = ()  #: for incidents of these faults; none given: any
    systems: tuple[Identifier, ...] = ()  #: that concern one of these systems; none given: any
    grade: _Grade = "general"  #: from this grade on
    first_call: Identifier  #: the role that whoever is on watch calls
    roles: tuple[EmergencyRole, ...] = Field(min_length=1)
    measures: tuple[Measure, ...] = Field(min_length=1)
    approved: Name | None = None  #: by whom and when
    mark: Mark


class Mail(Document):
    """E-mail by SMTP."""

    server: Annotated[str, AfterValidator(notation.endpoint)]
    tls: Literal["tls", "starttls", "none"] = "starttls"
    ca_file: str | None = None  #: certificates to trust instead of the machine's own
    user: _Text | None = None
    password_file: str | None = None  #: at the desk; its first line is the password
    sender: _Mail = Field(alias="from")
    to: dict[Literal["zh", "en"], tuple[_Mail, ...]] = Field(min_length=1)
    wait: Seconds = 10.0  #: that the first of several incidents waits for the others
    pause: Seconds = 300.0  #: from one mail to the next; what happens meanwhile is told in one

    @model_validator(mode="after")
    def _password_with_user(self) -> Self:
        if (self.user is None) != (self.password_file is None):
            raise ValueError("has a user or a password_file alone: give both or neither")
        if self.user is not None and self.tls == "none":
            raise ValueError("would send the password in the clear: write tls: starttls or tls: tls")
        if not any(self.to.values()):
            raise ValueError("tells nobody: name at least one address")
        return self


class Watchdog(Document):
    """The dead-man's switch: an alert that always fires, and must keep arriving here through Alertmanager."""

    listen: Annotated[str, AfterValidator(notation.endpoint)]  #: where Alertmanager's webhook receiver points to
    silence: Seconds = 300.0  #: after so long without its arrival the path of the notices counts as broken


class Alertmanager(Document):
    """Alertmanager, which groups, routes and silences."""

    #: every member of the cluster: each is told everything, they agree among themselves who speaks
    urls: tuple[Annotated[str, AfterValidator(notation.base_url)], ...] = Field(min_length=1)
    again: Seconds = 60.0  #: from one posting of what is open to the next
    watchdog: Watchdog | None = None


class Notices(Document):
    """``notices.yml``."""

    alertmanager: Alertmanager | None = None
    mail: Mail | None = None
    mark: Mark


class People(Document):
    """All of it."""

    duty: Duty | None = None
    plans: tuple[EmergencyPlan, ...] = ()
    notices: Notices | None = None

    def person(self, id_: str) -> Person | None:
        """The person of that id."""
        return next((one for one in self.duty.people if one.id == id_), None) if self.duty else None
