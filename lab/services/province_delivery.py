"""Plays the provinces: each delivers a batch of records every so often over SFTP, as the exchange's rules say."""

from __future__ import annotations

import argparse
import base64
import logging
import os
import pwd
import stat
import time
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path, PurePosixPath

import paramiko
import yaml

from lab.services.exchange_files import CODE, PROVINCES, describe

LOG = logging.getLogger(__name__)
PATIENCE = 5.0  #: seconds for each answer of the front end
_FIRST_ROUND = 3.0  #: seconds; nobody should wait long for the exchange to have something in it
CHINA = timezone(timedelta(hours=8))


@dataclass(frozen=True, slots=True)
class Front:
    """The exchange front end and how to get in."""

    address: str
    port: int
    key: Path
    host_key: Path  #: its public key, ``ssh-ed25519 AAAA...``; any other is refused
    exchange: PurePosixPath  #: holds a folder a province


class Line:
    """One SFTP session to the front end, dialled again when it breaks."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._client: paramiko.SSHClient | None = None
        self._sftp: paramiko.SFTPClient | None = None

    def put(self, folder: PurePosixPath, name: str, content: bytes) -> None:
        """A whole file or none: written under another name, then renamed. Raises OSError or SSHException."""
        sftp = self._session()
        part = str(folder / f"{name}.part")
        with sftp.open(part, "wb") as file:
            file.write(content)
        if sftp.stat(part).st_size != len(content):  # a full disk may keep a part and say so too late
            raise OSError(f"{name} did not arrive whole")
        sftp.posix_rename(part, str(folder / name))

    def make_folder(self, folder: PurePosixPath) -> None:
        """Be sure that the folder is there."""
        sftp = self._session()
        try:
            there = sftp.stat(str(folder)).st_mode
        except FileNotFoundError:
            sftp.mkdir(str(folder))
        else:
            if there is None or not stat.S_ISDIR(there):
                raise OSError(f"{folder} is not a folder")

    def hang_up(self) -> None:
        """Close the session; the next file dials again."""
        if self._client is not None:
            self._client.close()
        self._client = self._sftp = None

    def _session(self) -> paramiko.SFTPClient:
        if self._sftp is None:
            self._client = _dial(self._front)
            self._sftp = self._client.open_sftp()
            channel = self._sftp.get_channel()
            assert channel is not None
            channel.settimeout(PATIENCE)
        return self._sftp


def _dial(front: Front) -> paramiko.SSHClient:
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    kind, blob = front.host_key.read_text().split()[:2]
    name = front.address if front.port == 22 else f"[{front.address}]:{front.port}"
    client.get_host_keys().add(name, kind, paramiko.PKey.from_type_string(kind, base64.b64decode(blob)))
    try:
        client.connect(
            front.address,
            front.port,
            username=pwd.getpwuid(os.getuid()).pw_name,  # the lab's hosts know the person who runs the lab
            key_filename=str(front.key),
            allow_agent=False,
            look_for_keys=False,
            timeout=PATIENCE,
            banner_timeout=PATIENCE,
            auth_timeout=PATIENCE,
        )
    except BaseException:
        client.close()
        raise
    return client


def batch(code: str, number: int, at: datetime) -> tuple[str, bytes]:
    """Name and content of a province's ``number``-th batch: one line a case, without any person in it."""
    cases = 5 + (int(code[:2]) + number) % 16
    lines = [f"{code}-{number:06d}-{case:03d},{at:%Y-%m-%dT%H:%M:%S%z},registered\n" for case in range(cases)]
    return f"{code}_{at:%Y%m%dT%H%M%S}_{number}.csv", "".join(lines).encode()


def provinces(estate: Path) -> tuple[str, ...]:
    """The codes the estate's ``exchange.yml`` lists, or all 31 when there is no such file."""
    try:
        document = yaml.safe_load((estate / "exchange.yml").read_text())
    except FileNotFoundError:
        return PROVINCES
    return tuple(code for code in map(str, document["provinces"]) if CODE.fullmatch(code))


def stopped(file: Path) -> frozenset[str]:
    """The provinces told to deliver nothing: one code a line."""
    try:
        return frozenset(file.read_text().split())
    except FileNotFoundError:
        return frozenset()


def deliver(line: Line, folder: PurePosixPath, name: str, content: bytes) -> None:
    """One batch: the data, then the manifest that declares it complete. Doing it again does no harm."""
    line.make_folder(folder)
    line.put(folder, name, content)
    line.put(folder, f"{name}.ok", describe(content).text().encode())


def go_round(front: Front, codes: tuple[str, ...], silent: Path, every: float) -> None:
    """Deliver for ever, the provinces spread over ``every`` seconds.

    A batch that failed is delivered again at the province's next turn under its old name, so that nothing half
    delivered stays behind.
    """
    line = Line(front)
    numbers = dict.fromkeys(codes, 1)
    unsent: dict[str, tuple[str, bytes]] = {}
    due = time.monotonic()
    turn = min(every, _FIRST_ROUND)
    while True:
        for code in codes:
            time.sleep(max(0.0, due - time.monotonic()))
            due = max(due, time.monotonic()) + turn / len(codes)
            if code in stopped(silent):
                continue
            name, content = unsent.setdefault(code, batch(code, numbers[code], datetime.now(CHINA)))
            try:
                deliver(line, front.exchange / code, name, content)
                del unsent[code]
                numbers[code] += 1
            except (OSError, EOFError, paramiko.SSHException) as error:
                line.hang_up()
                LOG.warning("%s could not deliver batch %d: %s", code, numbers[code], error or type(error).__name__)
        turn = every


def main() -> None:
    """Deliver until ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--host-key", type=Path, required=True)
    parser.add_argument("--exchange", type=PurePosixPath, required=True)
    parser.add_argument("--estate", type=Path, required=True)
    parser.add_argument("--stopped", type=Path, required=True)
    parser.add_argument("--every", type=float, default=20.0, help="seconds between two batches of a province")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # its complaints come back as exceptions
    front = Front(options.address, options.port, options.key, options.host_key, options.exchange)
    go_round(front, provinces(options.estate), options.stopped, options.every)


if __name__ == "__main__":
    main()
