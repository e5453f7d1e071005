"""Kind ``http``: a URL answers with the right status and text, in time, with a certificate that lasts."""

from __future__ import annotations

import errno
import time
from functools import cached_property
from typing import Annotated, Literal
from urllib.parse import urlsplit

import pydantic

from checks import curl
from checks.certificate import judge_days
from checks.check import Check
from checks.result import Measurement, Status
from inventory.model import Document, Seconds

#: Errors of the machine that asks; they say nothing about the one that was asked.
_OURS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EACCES}

Header = Annotated[str, pydantic.Field(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=4096)]
HeaderName = Annotated[str, pydantic.Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$")]


def _web_address(url: str) -> str:
    """Refuses in two parts, what is wrong and what to write instead (see ``inventory/notation.py``)."""
    example = "write it like http://10.11.1.21:8000/health"
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError as error:
        raise ValueError(f"is not a URL ({error}): {example}") from None
    if not good:
        raise ValueError(f"is not a URL of a web server: {example}")
    if any(character <= " " or character == "\x7f" for character in url):
        raise ValueError("has blanks or control characters: write a blank as %20")
    return url


class Params(Document):
    """What an ``http`` check may say."""

    url: Annotated[str, pydantic.AfterValidator(_web_address)]
    method: Literal["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"] = "GET"
    send: str | None = None  #: request body
    headers: dict[HeaderName, Header] = pydantic.Field(default_factory=dict)
    status: tuple[Annotated[int, pydantic.Field(ge=100, le=599)], ...] = (200,)  #: any of these is right
    body: str | None = None  #: text that must be in the first 64 KiB of the answer
    slow: Seconds | None = None  #: degraded when the whole answer takes longer
    ca: str | None = None  #: PEM file of the authorities to trust; None: the system's
    verify: bool = True
    server_name: Annotated[str, pydantic.Field(pattern=r"^[A-Za-z0-9.-]{1,253}$")] | None = None
    certificate_days: int = pydantic.Field(default=14, ge=0)  #: degraded when the certificate ends earlier
    follow: bool = False

    @cached_property
    def request(self) -> curl.Request:
        """What is sent, prepared once."""
        return curl.prepare(
            self.url,
            method=self.method,
            send=self.send,
            headers=tuple(self.headers.items()),
            follow=self.follow,
            verify=self.verify,
            ca=self.ca,
            server_name=self.server_name,
        )

    @cached_property
    def wanted(self) -> bytes | None:
        """``body`` as it is looked for."""
        return None if self.body is None else self.body.encode()


async def probe(check: Check) -> Measurement:
    """Ask once and judge."""
    params = check.params
    assert isinstance(params, Params)
    answer = await curl.client().fetch(params.request, check.timeout)
    return judge(params, answer, time.time() if answer.expires else 0.0)


def judge(params: Params, answer: curl.Answer, now: float) -> Measurement:
    """What an answer means; ``now`` (Unix seconds) only matters for the days a certificate has left."""
    status, sentence = _outcome(params, answer)
    if status is Status.OK and answer.expires is not None:
        status, sentence = judge_days(answer.expires, now, params.certificate_days) or (status, sentence)
    evidence: dict[str, str | float | int | bool] = {
        "status": answer.status,
        "dns": answer.dns,
        "connect": answer.connect,
        "tls": answer.tls,
        "first_byte": answer.first_byte,
    }
    if answer.expires is not None:
        evidence["certificate_days"] = round((answer.expires - now) / 86400, 1)
    return Measurement(status, sentence, answer.total, "s", evidence)


def _outcome(params: Params, answer: curl.Answer) -> tuple[Status, str]:
    if answer.error:
        return _failure(answer)
    if answer.status not in params.status:
        expected = " or ".join(map(str, params.status))
        return Status.DOWN, f"status {answer.status}, expected {expected}"
    if params.wanted is not None and params.wanted not in answer.body:
        return Status.DOWN, f"status {answer.status}, but the text {params.body!r} is not in the answer"
    if params.slow is not None and answer.total > params.slow:
        return Status.DEGRADED, f"slow: {answer.total * 1000:.0f} ms, limit {params.slow * 1000:.0f} ms"
    return Status.OK, f"status {answer.status} in {answer.total * 1000:.1f} ms"


def _failure(answer: curl.Answer) -> tuple[Status, str]:
    """The status and the words for a transfer that did not come to its end."""
    if answer.errno in _OURS:
        return Status.UNKNOWN, f"the prober could not ask: {errno.errorcode[answer.errno]}, {answer.message}"
    if answer.error in curl.OWN_FAULTS:
        return Status.UNKNOWN, f"the prober could not ask: {answer.message}"
    if answer.error == curl.TOO_LONG:
        return Status.DEGRADED, f"status {answer.status}, but the answer is longer than {curl.LONGEST // 1024} KiB"
    if answer.error == curl.TIMED_OUT:
        return Status.DOWN, f"no full answer after {answer.total:.1f} s: {_reached(answer)}"
    return Status.DOWN, answer.message


def _reached(answer: curl.Answer) -> str:
    """How far a transfer came before its time was up."""
    if answer.first_byte:
        return "the answer began but did not end"
    if answer.connect:
        return "connected, no answer"
    return "no connection" if answer.dns else "the name was not resolved"
