"""HTTP requests that end: in time as a whole and in bytes, whatever the server sends or does not send.

For answers of our own services (Prometheus, probers) that are read in threads. The checks of kind ``http``, thousands
of them, go through ``checks/curl.py``.
"""

from __future__ import annotations

import contextlib
import io
import socket
import threading
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from checks.deadline import Deadline
from checks.sentence import clean

_CHUNK = 64 * 1024


class Unfetched(Exception):
    """No usable answer; the text says why."""


class _TooLarge(Exception):
    """More bytes than allowed."""


class BoundedSession(requests.Session):
    """One exchange with one server, over at ``deadline`` and at ``limit`` bytes.

    Time-outs of the library are per read, so a server that drips byte by byte (in its headers, too) outlasts them: the
    sockets are shut at the deadline. Nothing is taken from the environment: a proxy or a ``.netrc`` meant for people
    would redirect the watch or replace its credentials. Redirects are answers, not followed.
    """

    def __init__(self, deadline: Deadline, limit: int) -> None:
        super().__init__()
        self.trust_env = False
        self.body = b""  #: of the last answer, also one that was an error
        self._deadline = deadline
        self._limit = limit
        self._sockets: list[socket.socket] = []
        for scheme in ("http://", "https://"):
            self.mount(scheme, self.adapter())

    def adapter(self) -> HTTPAdapter:
        """An adapter that lets the session shut what it opens; for libraries that mount one of their own."""
        return _Watched(self._sockets)

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Send and read the whole answer, bounded."""
        options |= {"stream": True, "allow_redirects": False, "timeout": max(self._deadline.left(), 0.001)}
        watchdog = threading.Timer(self._deadline.left(), self._shut)
        watchdog.daemon = True
        watchdog.start()
        try:
            response = super().send(request, **options)
            with contextlib.closing(response):
                self.body = self._read(response)
        finally:
            watchdog.cancel()
        response.raw = io.BytesIO(self.body)
        return response

    def _read(self, response: requests.Response) -> bytes:
        body = bytearray()
        for chunk in response.raw.stream(_CHUNK, decode_content=True):
            body += chunk
            if len(body) > self._limit:
                raise _TooLarge
        if self._deadline.passed:  # a body without a length looks whole when its socket is shut
            raise TimeoutError
        return bytes(body)

    def _shut(self) -> None:
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


class _Watched(HTTPAdapter):
    """Notes every socket it opens."""

    def __init__(self, sockets: list[socket.socket]) -> None:
        self._opened = sockets
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Let the pools make connections that note their sockets."""
        super().init_poolmanager(*args, **options)
        opened = self._opened

        class Plain(HTTPConnection):
            def connect(self) -> None:
                super().connect()
                opened.append(self.sock)

        class Secure(HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                opened.append(self.sock)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}


def fetch(url: str, params: list[tuple[str, str]], deadline: Deadline, limit: int) -> bytes:
    """The body of a 200 answer; raises :class:`Unfetched`."""
    with BoundedSession(deadline, limit) as session:
        try:
            response = session.get(url, params=params)
        except FAILURES as error:
            raise Unfetched(why(error, url, deadline, limit)) from error
    if response.status_code != 200:
        raise Unfetched(f"{place(url)} answers HTTP {response.status_code}: {clean(session.body, 100)}")
    return session.body


#: what a request raises when the network, the server or the address is at fault
FAILURES = (requests.RequestException, HTTPError, OSError, _TooLarge, ValueError)


def place(url: str) -> str:
    """Host and port of an address, without the password that may stand in it."""
    parts = urlsplit(url)
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        port = ""
    return clean(f"{parts.hostname or 'no host'}{port}", 80)


def why(error: BaseException, url: str, deadline: Deadline, limit: int) -> str:
    """What went wrong, for people."""
    where = place(url)
    if isinstance(error, _TooLarge):
        return f"{where} answers with more than {limit} bytes"
    if isinstance(error, requests.ConnectTimeout):
        return f"{where} does not let itself be connected to within {deadline.seconds:.3g} s"
    if deadline.passed or isinstance(error, (requests.Timeout, TimeoutError)):
        return f"{where} did not answer in full within {deadline.seconds:.3g} s"
    if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema)):
        return f"{where} is not an address that can be asked: {clean(str(error), 100)}"
    cause = _root(error)
    if isinstance(cause, ConnectionRefusedError):
        return f"{where} refuses connections"
    return (
        f"{where} cannot be asked: {clean(getattr(cause, 'strerror', None) or str(cause) or type(cause).__name__, 150)}"
    )


def _root(error: BaseException) -> BaseException:
    """The innermost cause: the libraries wrap one another three deep."""
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        reason = getattr(error, "reason", None)
        inner = [reason, *error.args, error.__cause__, error.__context__]
        error = next((each for each in inner if isinstance(each, BaseException)), error)
    return error
