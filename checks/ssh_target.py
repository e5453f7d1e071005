"""The nouns of asking over SSH: whom, what came back, and why nothing did."""

from __future__ import annotations

from dataclasses import dataclass

from inventory.model import Host


class Unasked(Exception):
    """The question never left: something on our side (no key, no free worker). Says nothing about the host."""


class Unreached(Exception):
    """The host did not let itself be asked; the text says how far we came."""


class Lost(Unreached):
    """A connection that was open is no longer; a new one may work."""


class Slow(Unreached):
    """The host answers, but this question was not answered in time."""


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to connect to, as whom. The key of the pool: a changed estate gives a new connection."""

    address: str
    port: int
    user: str
    key: str  #: path of the private key
    host_key: str  #: ``ssh-ed25519 AAAA...``; any other host is refused

    @classmethod
    def of(cls, host: Host) -> Target:
        """The target of a host of the estate; raises :class:`Unasked` when the estate does not say enough."""
        if host.ssh.host_key is None:
            raise Unasked(
                f"the estate has no host key of {host.id}: give ssh.host_key, so that no other host is trusted"
            )
        if host.ssh.key is None:
            raise Unasked(f"the estate names no private key for {host.id}: give ssh.key")
        return cls(host.address, host.ssh.port, host.ssh.user, host.ssh.key, host.ssh.host_key)

    def __str__(self) -> str:
        return f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a command answered. ``code`` is None when the server gave none (ended by a signal)."""

    code: int | None
    out: bytes
    err: bytes
    cut: bool  #: more came than was kept


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in a listed folder. Names that are not UTF-8 carry their bytes as surrogates."""

    name: str
    size: int
    modified: float  #: Unix seconds by the host's clock


class Attempt:
    """How far opening a connection has come, to be told to those who wait for it."""

    stage = "nothing tried yet"
