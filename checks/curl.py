"""HTTP through libcurl: many transfers at once on the running event loop, each bounded in time and memory.

libcurl says which sockets it waits for; they are kept in one epoll set of our own, and the event loop watches only that
set. A wake-up then costs one call for a whole batch of ready sockets instead of a Python handle for each of them.
"""

from __future__ import annotations

import asyncio
import select
import socket
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pycurl

KEPT = 64 * 1024  #: bytes of a body that are kept to be searched
LONGEST = 1024 * 1024  #: bytes after which a transfer is aborted
REDIRECTS = 5  #: followed at most, where following is asked for
TIMED_OUT = pycurl.E_OPERATION_TIMEDOUT
TOO_LONG = pycurl.E_FILESIZE_EXCEEDED
#: Errors that speak of this side: its memory, its files, its build. They say nothing about the peer.
OWN_FAULTS = {
    pycurl.E_FAILED_INIT,
    pycurl.E_OUT_OF_MEMORY,
    pycurl.E_SSL_CACERT_BADFILE,
    pycurl.E_SSL_CERTPROBLEM,
    pycurl.E_SSL_ENGINE_INITFAILED,
    pycurl.E_BAD_FUNCTION_ARGUMENT,
    pycurl.E_ABORTED_BY_CALLBACK,
}
_CA_CACHE_TIMEOUT = 321  #: CURLOPT_CA_CACHE_TIMEOUT, which pycurl has no name for
_BATCH = 256  #: sockets served per wake-up, so that timers get their turn
_SPARE = 512  #: idle handles kept for the next transfers

_EVENTS = {
    pycurl.POLL_IN: select.EPOLLIN,
    pycurl.POLL_OUT: select.EPOLLOUT,
    pycurl.POLL_INOUT: select.EPOLLIN | select.EPOLLOUT,
}


@dataclass(frozen=True, slots=True)
class Request:
    """What to send, prepared once per check. Certificates are verified against ``ca`` (None: the system's)."""

    url: bytes
    options: tuple[tuple[int, object], ...] = ()  #: libcurl options that differ from :data:`_ALWAYS`
    tls: bool = False


@dataclass(slots=True)
class Answer:
    """What came back. Times are seconds since the start, as libcurl counts; 0.0 for a phase that was not reached."""

    error: int  #: libcurl's code; 0 when the transfer is complete
    message: str  #: libcurl's words for it
    errno: int  #: the system's error number behind it, or 0
    status: int  #: HTTP status, 0 when none came
    body: bytes  #: its first :data:`KEPT` bytes
    dns: float
    connect: float
    tls: float
    first_byte: float
    total: float
    expires: float | None = None  #: Unix time at which the server's certificate ends; None: no TLS, or not seen


#: Set on every handle: a check is one fresh connection to exactly the named peer, and nothing else.
_ALWAYS: tuple[tuple[int, object], ...] = (
    (pycurl.NOSIGNAL, 1),
    (pycurl.PROXY, ""),  # whatever the environment says
    (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
    (pycurl.REDIR_PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
    (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
    (pycurl.FRESH_CONNECT, 1),
    (pycurl.FORBID_REUSE, 1),
    (pycurl.SSL_SESSIONID_CACHE, 0),
    (pycurl.MAXFILESIZE, LONGEST),
    (pycurl.USERAGENT, "tricenter"),
    (_CA_CACHE_TIMEOUT, 60),  # seconds; a renewed authority is noticed without a restart
)


def prepare(
    url: str,
    *,
    method: str = "GET",
    send: str | None = None,
    headers: Sequence[tuple[str, str]] = (),
    follow: bool = False,
    verify: bool = True,
    ca: str | None = None,
    server_name: str | None = None,
) -> Request:
    """Turn the wishes of a check into libcurl options, once. ``server_name`` goes into SNI, Host and verification."""
    tls = urlsplit(url).scheme == "https"
    options: list[tuple[int, object]] = []
    if server_name:
        url, route = _named(url, server_name)
        options.append((pycurl.CONNECT_TO, [route]))
    if method == "HEAD":
        options.append((pycurl.NOBODY, 1))
    elif method != "GET" or send is not None:
        options += [(pycurl.POSTFIELDS, (send or "").encode()), (pycurl.CUSTOMREQUEST, method)]
    if headers:
        options.append((pycurl.HTTPHEADER, [f"{name}: {value}".encode() for name, value in headers]))
    if follow:
        options += [(pycurl.FOLLOWLOCATION, 1), (pycurl.MAXREDIRS, REDIRECTS)]
    if tls:
        options.append((pycurl.OPT_CERTINFO, 1))
        options += [(pycurl.CAINFO, ca)] if ca else []
        options += [] if verify else [(pycurl.SSL_VERIFYPEER, 0), (pycurl.SSL_VERIFYHOST, 0)]
    return Request(url.encode(), tuple(options), tls)


def _named(url: str, server_name: str) -> tuple[str, str]:
    """The URL with ``server_name`` for a host, and the CONNECT_TO route that leads to the written host all the same."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    renamed = parts._replace(netloc=f"{server_name}:{port}" if parts.port else server_name)
    return renamed.geturl(), f"{server_name}:{port}:{host}:{port}"


class _Transfer:
    """A libcurl handle and what it has received; used again and again."""

    __slots__ = ("body", "done", "handle", "options")

    def __init__(self) -> None:
        self.handle = pycurl.Curl()
        self.body = bytearray()
        self.options: tuple[tuple[int, object], ...] | None = None
        self.done: asyncio.Future[tuple[int, str]] | None = None

    def load(self, request: Request, timeout: float) -> None:
        """Make it ready for one request; what an earlier request had set is gone."""
        setopt = self.handle.setopt
        if self.options != request.options:
            self.handle.reset()
            setopt(pycurl.WRITEFUNCTION, self._received)
            for option, value in _ALWAYS + request.options:
                setopt(option, value)
            self.options = request.options
        setopt(pycurl.URL, request.url)
        setopt(pycurl.TIMEOUT_MS, max(1, round(timeout * 1000)))
        self.body = bytearray()

    def _received(self, data: bytes) -> int | None:
        room = KEPT - len(self.body)
        if room > 0:
            self.body += data[:room]
        return None

    def answer(self, error: int, message: str, tls: bool) -> Answer:
        """Read what libcurl knows about the finished transfer."""
        info = self.handle.getinfo
        return Answer(
            error,
            message,
            (info(pycurl.OS_ERRNO) or _socket_trouble(error)) if error else 0,
            info(pycurl.RESPONSE_CODE),
            bytes(self.body),
            info(pycurl.NAMELOOKUP_TIME),
            info(pycurl.CONNECT_TIME),
            info(pycurl.APPCONNECT_TIME) if tls else 0.0,
            info(pycurl.STARTTRANSFER_TIME),
            info(pycurl.TOTAL_TIME),
            _expiry(info(pycurl.INFO_CERTINFO)) if tls else None,
        )


def _socket_trouble(error: int) -> int:
    """Why this process cannot open a socket, if it cannot: libcurl reports that like a peer that does not accept."""
    if error != pycurl.E_COULDNT_CONNECT:
        return 0
    try:
        socket.socket().close()
    except OSError as trouble:
        return trouble.errno or 0
    return 0


def _expiry(chain: Sequence[Sequence[tuple[str, str]]]) -> float | None:
    """Unix time at which the first certificate of libcurl's chain ends."""
    for name, value in chain[0] if chain else ():
        if name == "Expire date":
            return datetime.strptime(value, "%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC).timestamp()
    return None


def version() -> str:
    """The libcurl and OpenSSL in use."""
    return " ".join(pycurl.version.split()[1:3])


class Client:
    """All transfers of one event loop. Get it with :func:`client`; it goes away with its loop."""

    def __init__(self) -> None:
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._wake_in)
        self._multi.setopt(pycurl.M_MAXCONNECTS, 1)
        self._epoll = select.epoll()
        self._running: dict[pycurl.Curl, _Transfer] = {}
        self._spare: list[_Transfer] = []
        self._timer: asyncio.Handle | None = None
        self._rings = 0.0  # when the timer does
        self._due: float | None = None  # when libcurl wants it to
        asyncio.get_running_loop().add_reader(self._epoll.fileno(), self._ready)

    async def fetch(self, request: Request, timeout: float) -> Answer:
        """Ask once over a fresh connection; ``timeout`` seconds span all of it. Raises nothing for what a peer does."""
        transfer = self._spare.pop() if self._spare else _Transfer()
        transfer.load(request, timeout)
        transfer.done = asyncio.get_running_loop().create_future()
        self._running[transfer.handle] = transfer
        self._multi.add_handle(transfer.handle)
        try:
            error, message = await transfer.done
            return transfer.answer(error, message, request.tls)
        finally:
            self._release(transfer)

    @property
    def running(self) -> int:
        """How many transfers are under way."""
        return len(self._running)

    def _release(self, transfer: _Transfer) -> None:
        if self._running.pop(transfer.handle, None) is not None:  # canceled on its way
            self._multi.remove_handle(transfer.handle)
        transfer.done = None
        if len(self._spare) < _SPARE:
            self._spare.append(transfer)
        else:
            transfer.handle.close()

    def _watch(self, event: int, fd: int, _multi: object, _data: object) -> None:
        """Libcurl wants to be told about ``fd`` (or no longer)."""
        if event == pycurl.POLL_REMOVE:
            try:
                self._epoll.unregister(fd)
            except OSError:  # already closed, and so already out of the set
                return
            return
        try:
            self._epoll.modify(fd, _EVENTS[event])
        except FileNotFoundError:
            self._epoll.register(fd, _EVENTS[event])

    def _wake_in(self, milliseconds: int) -> None:
        """Libcurl wants to be called after so long. Ringing too early is cheaper than moving the timer each time."""
        if milliseconds < 0:
            self._due = None
            return
        loop = asyncio.get_running_loop()
        self._due = loop.time() + milliseconds / 1000
        if self._timer is None or self._rings > self._due:
            self._set_timer(loop, self._due)

    def _set_timer(self, loop: asyncio.AbstractEventLoop, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(when, self._rang)
        self._rings = when

    def _rang(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        if self._due is None:
            return
        if loop.time() < self._due:
            self._set_timer(loop, self._due)
            return
        self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        self._collect()

    def _ready(self) -> None:
        for fd, events in self._epoll.poll(0, _BATCH):
            mask = 0
            if events & select.EPOLLIN:
                mask |= pycurl.CSELECT_IN
            if events & select.EPOLLOUT:
                mask |= pycurl.CSELECT_OUT
            if events & (select.EPOLLERR | select.EPOLLHUP):
                mask |= pycurl.CSELECT_ERR
            self._multi.socket_action(fd, mask)
        self._collect()

    def _collect(self) -> None:
        """Hand the finished transfers to those who wait for them."""
        waiting = 1
        while waiting:
            waiting, good, bad = self._multi.info_read()
            for handle in good:
                self._finish(handle, 0, "")
            for handle, error, message in bad:
                self._finish(handle, error, message)

    def _finish(self, handle: pycurl.Curl, error: int, message: str) -> None:
        transfer = self._running.pop(handle)
        self._multi.remove_handle(handle)
        if transfer.done is not None and not transfer.done.done():
            transfer.done.set_result((error, message))


_clients: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Client] = weakref.WeakKeyDictionary()


def client() -> Client:
    """The client of the running event loop, made on first use."""
    loop = asyncio.get_running_loop()
    found = _clients.get(loop)
    if found is None:
        found = _clients[loop] = Client()
    return found
