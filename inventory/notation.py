"""How single values are written: times, shares, addresses, URLs, keys. Pure.

A refusal is a ValueError of two parts, ``what is wrong: what to write instead``.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Callable
from datetime import date, datetime, time
from urllib.parse import urlsplit

_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h|d)", re.ASCII)
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_LOGIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")
_URL = re.compile(r"[A-Za-z0-9:/.\[\]_~%-]+")
HOST_KEYS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
    "sk-ssh-ed25519@openssh.com",
)
_FOLDER = re.compile(r"(/[A-Za-z0-9._-]+)+")
_TABLE = re.compile(r"[a-z_][a-z0-9_]{0,62}(\.[a-z_][a-z0-9_]{0,62})?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
OUT_OF = re.compile(r"([1-9]\d?)/([1-9]\d?)", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIME = re.compile(r"\d\d:\d\d", re.ASCII)
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d{1,9})?)%", re.ASCII)


def seconds(value: object) -> object:
    """Turn ``30s``, ``5m``, ``1.5h`` into seconds; a bare number has no unit and is refused (0 excepted)."""
    if isinstance(value, str) and (found := _DURATION.fullmatch(value)):
        return float(found[1]) * _SECONDS[found[2]]
    if value == 0 and not isinstance(value, bool):
        return 0.0
    raise ValueError("is not a time with a unit: write it like 500ms, 30s, 5m, 2h or 1d")


def fraction(value: object) -> object:
    """Turn ``99.95%`` into 0.9995."""
    if isinstance(value, str) and (found := _PERCENT.fullmatch(value)) and float(found[1]) <= 100:
        return float(found[1]) / 100
    raise ValueError("is not a share in percent: write it like 99.95%")


def moment(value: object) -> object:
    """Turn ``2026-11-28T22:00`` into a moment on the estate's wall clock; seconds and offsets are refused."""
    return _read(value, _MOMENT, datetime, "a moment: write it like 2026-11-28T22:00, by the estate's own clock")


def day(value: object) -> object:
    """Turn ``2026-11-28`` into a day."""
    return _read(value, _DAY, date, "a day: write it like 2026-11-28")


def time_of_day(value: object) -> object:
    """Turn ``17:00`` into a time of day."""
    return _read(value, _TIME, time, "a time of day: write it like 17:00")


def _read(value: object, shape: re.Pattern[str], wanted: type[date | time], said: str) -> object:
    if isinstance(value, wanted):
        return value
    try:
        if isinstance(value, str) and shape.fullmatch(value):
            return wanted.fromisoformat(value)
    except ValueError:
        pass
    raise ValueError(f"is not {said}")


def address(value: str) -> str:
    """An IP address or a DNS name: what every server and tool of the estate can be told to connect to."""
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        labels = value.removesuffix(".").split(".")
        if len(value) <= 253 and all(_LABEL.fullmatch(label) for label in labels) and not labels[-1].isdigit():
            return value
        raise ValueError(
            "is neither an IP address nor a DNS name: write it like 10.11.1.21 or db1.example.org"
        ) from None


def base_url(value: str) -> str:
    """``http://host:port``, perhaps with a path; nothing that a request line or a configuration file would trip on."""
    try:
        url = urlsplit(value)
        good = url.scheme in ("http", "https") and url.hostname and url.port != 0 and _URL.fullmatch(value)
    except ValueError:
        good = None
    if not good or url.query or url.fragment or "@" in url.netloc:
        raise ValueError("is not the base URL of a server: write it like http://10.11.1.51:9090")
    address(str(url.hostname))
    return value.rstrip("/")


def endpoint(value: str) -> str:
    """``address:port`` of a server."""
    host, colon, port = value.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or not 0 < int(port) <= 65535:
        raise ValueError("is not the address and port of a server: write it like 10.11.1.11:6432")
    return f"{address(host)}:{int(port)}"


def folder(value: str) -> str:
    """The absolute path of a folder that can stand in any command as it is."""
    if not _FOLDER.fullmatch(value) or {".", ".."} & set(value.split("/")):
        raise ValueError("is not the absolute path of a folder: write it like /var/lib/tricenter/meters")
    return value


def table(value: str) -> str:
    """A table, perhaps with its schema, whose name needs no quotes."""
    if not _TABLE.fullmatch(value):
        raise ValueError("is not the name of a table: write it like canary or tricenter.canary")
    return value


def captures_one(value: str) -> str:
    """A regular expression that picks out one thing."""
    try:
        groups = re.compile(value).groups
    except re.error:
        groups = 0
    if groups != 1:
        raise ValueError("is not a pattern with one pair of parentheses: write it like center=([a-z]+)")
    return value


def host_key(value: str) -> str:
    """A public host key as in known_hosts: kind and base64, the kind repeated inside the base64."""
    kind, _, encoded = value.partition(" ")
    encoded = encoded.partition(" ")[0]
    try:
        blob = base64.b64decode(encoded, validate=True)
    except ValueError:
        blob = b""
    if kind not in HOST_KEYS or blob[4 : 4 + len(kind)] != kind.encode():
        raise ValueError("is not a public host key: paste the line of `ssh-keyscan`, like `ssh-ed25519 AAAA...`")
    return f"{kind} {encoded}"


def login(value: str) -> str:
    """A user name that can never be read as an option."""
    if not _LOGIN.fullmatch(value):
        raise ValueError("is not a user name: use letters, digits, `_`, `.` and `-`, beginning with a letter")
    return value


def one_of(*words: str) -> Callable[[str], str]:
    """A validator that lets only these words pass."""

    def known(value: str) -> str:
        if value not in words:
            raise ValueError(f"is not known here: write {', '.join(words[:-1])} or {words[-1]}")
        return value

    return known
