"""One SSH connection: opened to the host the estate means or not at all, every wait and every byte bounded.

The only file that speaks to paramiko. Everything here blocks; ``checks/ssh_pool.py`` gives it threads.
"""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import threading
from base64 import b64decode
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import paramiko
from paramiko.sftp import CMD_CLOSE, CMD_HANDLE, CMD_NAME, CMD_OPENDIR, CMD_READDIR

from checks.deadline import Deadline
from checks.sentence import clean
from checks.ssh_target import Attempt, Entry, Lost, Reply, Slow, Target, Unasked, Unreached

logging.getLogger("paramiko").addHandler(logging.NullHandler())  # what went wrong is said by our own errors

OUTPUT_LIMIT = 64 * 1024  #: bytes kept of each stream of a command
_SFTP_LIMIT = 32 * 1024 * 1024  #: bytes of one SFTP conversation
_KEEPALIVE = 15  #: seconds
_DEAD_AFTER = 10_000  #: milliseconds that sent bytes may stay unacknowledged (TCP_USER_TIMEOUT)


class Connection:
    """An open, authenticated connection. Several threads may ask at once, each on a channel of its own."""

    def __init__(self, client: paramiko.SSHClient, transport: paramiko.Transport) -> None:
        self._client = client
        self._transport = transport
        self._users = 0
        self._retired = False
        self._lock = threading.Lock()

    @property
    def alive(self) -> bool:
        """Whether, as far as is known here, the peer still holds the connection."""
        return self._transport.is_active() and not self._retired

    @contextlib.contextmanager
    def used(self) -> Iterator[Connection]:
        """Keep the connection open for the block, even if it is retired meanwhile."""
        with self._lock:
            self._users += 1
        try:
            yield self
        finally:
            with self._lock:
                self._users -= 1
                last = self._retired and self._users == 0
            if last:
                self._client.close()

    def retire(self) -> None:
        """Give it to nobody any more; it closes when its last user is done."""
        with self._lock:
            self._retired = True
            idle = self._users == 0
        if idle:
            self._client.close()

    def abort(self) -> None:
        """Wake everyone who waits on it, at once and without asking the peer."""
        _shut(self._transport.sock)

    def run(self, command: str, deadline: Deadline, limit: int = OUTPUT_LIMIT, feed: bytes = b"") -> Reply:
        """Run a shell command line and read both its streams, at most ``limit`` bytes of each.

        ``command`` must be built from fixed text and quoted values; ``feed`` is its standard input, which no list of
        processes shows. Raises :class:`Unreached`.
        """
        with self._channel(deadline) as channel:
            channel.exec_command(command)
            channel.sendall(feed)
            channel.shutdown_write()  # a command that reads its input finds its end instead of waiting
            return _read(channel, deadline, limit)

    def converse(self, command: str, deadline: Deadline) -> Conversation:
        """Start a command that is spoken with for as long as both sides like.

        ``command`` must be built from fixed text and quoted values. Raises :class:`Unreached`.
        """
        try:
            channel = self._transport.open_session(timeout=max(deadline.left(), 0.001))
            channel.settimeout(max(deadline.left(), 0.001))
            channel.exec_command(command)
            channel.settimeout(None)
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise Lost(f"the host does not start a program: {clean(str(error), 100) or 'no answer'}") from error
        return Conversation(channel)

    def listing(self, folder: str, limit: int, deadline: Deadline) -> tuple[list[Entry], bool]:
        """Files of a folder (no sub-folders) and whether there were more than ``limit`` entries.

        Raises FileNotFoundError, PermissionError, :class:`Unreached`.
        """
        with self._sftp(deadline) as sftp:
            entries: list[Entry] = []
            for count, entry in enumerate(_entries(sftp, folder)):
                if count >= limit:
                    return entries, True
                if entry is not None:
                    entries.append(entry)
            return entries, False

    def contents(self, limits: Mapping[str, int], deadline: Deadline) -> dict[str, bytes | None]:
        """The first bytes of each file, as many as its limit allows; None for one that is gone."""
        found: dict[str, bytes | None] = {}
        with self._sftp(deadline) as sftp:
            for path, limit in limits.items():
                try:
                    with sftp.open(path.encode(errors="surrogateescape")) as file:
                        found[path] = file.read(limit)
                except FileNotFoundError:
                    found[path] = None
                except OSError:
                    if deadline.passed or not self.alive:
                        raise
                    found[path] = b""
        return found

    @contextlib.contextmanager
    def _channel(self, deadline: Deadline) -> Iterator[paramiko.Channel]:
        try:
            channel = self._transport.open_session(timeout=max(deadline.left(), 0.001))
        except (paramiko.SSHException, OSError, EOFError) as error:
            if deadline.passed and self._transport.is_active():
                raise Lost(
                    f"the open connection gave no answer within {deadline.seconds:.3g} s: the host may be frozen"
                ) from error
            raise Lost(f"the connection was lost: {clean(str(error), 100) or 'closed by the host'}") from error
        try:
            channel.settimeout(deadline.left())
            yield channel
        except TimeoutError as error:
            raise Slow(f"no answer within {deadline.seconds:.3g} s") from error
        except (FileNotFoundError, PermissionError):
            raise
        except (paramiko.SSHException, OSError, EOFError) as error:
            if not self._transport.is_active():
                raise Lost(f"the connection was lost: {clean(str(error), 100) or 'closed by the host'}") from error
            raise Unreached(f"the host refused the request: {clean(str(error), 100)}") from error
        finally:
            # Closing says so to the host; over a connection that ended meanwhile it raises, and would hide the reason.
            with contextlib.suppress(paramiko.SSHException, OSError, EOFError):
                channel.close()

    @contextlib.contextmanager
    def _sftp(self, deadline: Deadline) -> Iterator[paramiko.SFTPClient]:
        with self._channel(deadline) as channel:
            channel.invoke_subsystem("sftp")
            metered: Any = _Metered(channel, deadline)
            yield paramiko.SFTPClient(metered)


class Conversation:
    """Both ends of a command's input and output. One thread may receive while another sends."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel

    def send(self, data: bytes) -> None:
        """Send all of it; may wait for the peer. Raises :class:`Lost`."""
        try:
            self._channel.sendall(data)
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise Lost("the connection was lost") from error

    def receive(self) -> bytes:
        """What came next, waiting for it; nothing once the other side is gone."""
        try:
            return self._channel.recv(65536)
        except (paramiko.SSHException, OSError, EOFError):
            return b""

    def complaint(self) -> str:
        """What the command said on its error output, as far as it is here."""
        return clean(self._channel.recv_stderr(2000), 200) if self._channel.recv_stderr_ready() else ""

    def close(self) -> None:
        """End it; who waits in ``receive`` wakes."""
        with contextlib.suppress(paramiko.SSHException, OSError, EOFError):
            self._channel.close()


class _Metered:
    """A channel that counts what it reads and looks at the deadline each time: a dripping server ends too."""

    def __init__(self, channel: paramiko.Channel, deadline: Deadline) -> None:
        self._channel = channel
        self._deadline = deadline
        self._allowed = _SFTP_LIMIT

    def recv(self, size: int) -> bytes:
        """Read like a socket."""
        if self._deadline.passed:
            raise TimeoutError
        self._channel.settimeout(self._deadline.left())
        data = self._channel.recv(min(size, self._allowed))
        self._allowed -= len(data)
        if self._allowed <= 0:
            raise OSError(f"the SFTP server sent more than {_SFTP_LIMIT} bytes")
        return data

    def send(self, data: bytes) -> int:
        """Write like a socket."""
        return self._channel.send(data)

    def get_name(self) -> str:
        """Its name in the library's log."""
        return self._channel.get_name()

    def close(self) -> None:
        """Close like a socket."""
        self._channel.close()


def _entries(sftp: paramiko.SFTPClient, folder: str) -> Iterator[Entry | None]:
    """Every entry of the folder, None for what is no plain file.

    Reads the protocol's messages itself because ``listdir_iter`` raises at the first name that is not UTF-8.
    """
    requests: Any = sftp
    kind, message = requests._request(CMD_OPENDIR, folder.encode())
    if kind != CMD_HANDLE:
        raise OSError("the SFTP server answered with the wrong kind of message")
    handle = message.get_string()
    with contextlib.suppress(EOFError):
        while True:
            kind, message = requests._request(CMD_READDIR, handle)
            if kind != CMD_NAME:
                raise OSError("the SFTP server answered with the wrong kind of message")
            for _ in range(message.get_int()):
                yield _entry(message)
    requests._request(CMD_CLOSE, handle)


def _entry(message: Any) -> Entry | None:
    attributes: Any = paramiko.SFTPAttributes
    name = message.get_string().decode(errors="surrogateescape")
    message.get_string()  # the same again as a line of `ls -l`
    found = attributes._from_msg(message, None, None)
    plain = found.st_mode is None or (found.st_mode & 0o170000) == 0o100000
    if not plain or not name or PurePosixPath(name).name != name:  # a name with a slash would leave the folder
        return None
    return Entry(name, found.st_size or 0, float(found.st_mtime or 0))


def _read(channel: paramiko.Channel, deadline: Deadline, limit: int) -> Reply:
    """Both streams until the command's end. Waiting for the exit status first would hang on long output."""
    out, err = bytearray(), bytearray()
    waiter = select.poll()
    waiter.register(channel.fileno(), select.POLLIN)
    while len(out) <= limit and len(err) <= limit:
        while channel.recv_ready() and len(out) <= limit:
            out += channel.recv(limit + 1 - len(out))
        while channel.recv_stderr_ready() and len(err) <= limit:
            err += channel.recv_stderr(limit + 1 - len(err))
        if channel.closed or channel.eof_received:
            break
        if deadline.passed:
            raise TimeoutError
        waiter.poll(deadline.left() * 1000)
    cut = len(out) > limit or len(err) > limit
    return Reply(None if cut else _exit_code(channel, deadline), bytes(out[:limit]), bytes(err[:limit]), cut)


def _exit_code(channel: paramiko.Channel, deadline: Deadline) -> int | None:
    """The exit status, which servers may send after the end of output; None if the command ended by a signal."""
    if not channel.status_event.wait(deadline.left()):
        raise TimeoutError
    return channel.exit_status if channel.exit_status >= 0 else None


def connect(target: Target, deadline: Deadline, attempt: Attempt) -> Connection:
    """Open a connection; raises :class:`Unasked` or :class:`Unreached` with a sentence for the operator."""
    if deadline.passed:
        raise Unasked("all workers were busy with other hosts")
    identity, known = _identity(target.key), _host_key(target.host_key)
    attempt.stage = f"no TCP connection to {target}"
    sock = _dial(target, deadline)
    attempt.stage = f"{target} accepts TCP but sends no SSH banner: the host may be frozen"
    try:
        _await_banner(sock, target, deadline)
        attempt.stage = f"{target} does not finish the SSH handshake"
        return _handshake(sock, target, identity, known, deadline)
    except BaseException:
        sock.close()
        raise


def _dial(target: Target, deadline: Deadline) -> socket.socket:
    try:
        sock = socket.create_connection((target.address, target.port), timeout=max(deadline.left(), 0.001))
    except ConnectionRefusedError as error:
        raise Unreached(f"{target} refuses TCP connections: no SSH server listens there") from error
    except TimeoutError as error:
        raise Unreached(f"no TCP connection to {target} within {deadline.seconds:.3g} s") from error
    except OSError as error:
        raise Unreached(f"no TCP connection to {target}: {error.strerror or error}") from error
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # without it a command takes 48 ms instead of 4
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _DEAD_AFTER)
    return sock


def _await_banner(sock: socket.socket, target: Target, deadline: Deadline) -> None:
    """A frozen host's kernel completes the TCP handshake; only its server can say the first word."""
    sock.settimeout(max(deadline.left(), 0.001))
    try:
        first = sock.recv(1, socket.MSG_PEEK)
    except TimeoutError as error:
        raise Unreached(
            f"{target} accepts TCP but sent no SSH banner within {deadline.seconds:.3g} s: the host may be frozen"
        ) from error
    except OSError as error:
        raise Unreached(f"{target} accepts TCP and then breaks off: {error.strerror or error}") from error
    if not first:
        raise Unreached(f"{target} accepts TCP and closes the connection without an SSH banner")


def _handshake(
    sock: socket.socket, target: Target, identity: paramiko.PKey, known: paramiko.PKey, deadline: Deadline
) -> Connection:
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    name = target.address if target.port == 22 else f"[{target.address}]:{target.port}"
    client.get_host_keys().add(name, known.get_name(), known)
    watchdog = threading.Timer(deadline.left(), _shut, [sock])  # the library's time-outs are one per phase
    watchdog.daemon = True
    watchdog.start()
    left = max(deadline.left(), 0.001)
    try:
        client.connect(
            target.address,
            target.port,
            target.user,
            pkey=identity,
            sock=sock,
            look_for_keys=False,
            allow_agent=False,
            timeout=left,
            banner_timeout=left,
            auth_timeout=left,
        )
    except Exception as error:  # whatever a hostile peer provokes in the library is an answer about the peer
        client.close()
        raise Unreached(_refusal(error, target, deadline)) from error
    finally:
        watchdog.cancel()
    transport = client.get_transport()
    assert transport is not None, "connect() returned without a transport"
    transport.set_keepalive(_KEEPALIVE)
    return Connection(client, transport)


def _refusal(error: Exception, target: Target, deadline: Deadline) -> str:
    if isinstance(error, paramiko.BadHostKeyException):
        theirs, ours = error.key.fingerprint, error.expected_key.fingerprint
        return f"{target} shows another host key ({theirs}) than the estate's ({ours}): not trusted"
    if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
        return (
            f"{target} offers only SSH algorithms that are no longer considered safe; "
            f"its SSH server is too old: {clean(str(error), 150)}"
        )
    if deadline.passed:
        return f"{target} did not finish the SSH handshake within {deadline.seconds:.3g} s"
    if isinstance(error, paramiko.AuthenticationException):
        return f"{target} refuses the key for user {clean(target.user, 40)}"
    return f"the SSH handshake with {target} failed: {clean(str(error) or type(error).__name__, 150)}"


def _identity(path: str) -> paramiko.PKey:
    try:
        return paramiko.PKey.from_path(path)
    except OSError as error:
        raise Unasked(f"the private key {path} cannot be read: {error.strerror}") from error
    except Exception as error:  # each kind of damage raises something of its own
        raise Unasked(f"the private key {path} cannot be used: {clean(str(error), 100)}") from error


def _host_key(text: str) -> paramiko.PKey:
    try:
        kind, encoded = text.split()[:2]
        return paramiko.PKey.from_type_string(kind, b64decode(encoded, validate=True))
    except Exception as error:
        raise Unasked(
            f"the estate's host key is no public key (like `ssh-ed25519 AAAA...`): {clean(text, 60)}"
        ) from error


def _shut(sock: Any) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
