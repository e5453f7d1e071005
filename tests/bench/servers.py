"""The two programs the benchmark needs beside itself: nginx to be asked, blackbox_exporter to be compared with."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

ADDRESSES = 50  #: 127.0.0.1 to 127.0.0.50
FIRST_PORT = 18_081
PORTS = 4
EXPORTER = 18_115
PACKAGES = {"nginx": "nginx-light", "prometheus-blackbox-exporter": "prometheus-blackbox-exporter"}
_POLICY = Path("/usr/sbin/policy-rc.d")

_NGINX = """
daemon off; worker_processes 1; worker_rlimit_nofile 16000; pid {folder}/pid; error_log {folder}/error.log crit;
events {{ worker_connections 8000; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{ {listen} location / {{ return 200 "ok\\n"; }} }}
}}
"""
_BLACKBOX = """
modules:
  plain:
    prober: http
    timeout: 5s
    http: {preferred_ip_protocol: ip4, valid_status_codes: [200]}
"""


def urls() -> list[str]:
    """The 200 sockets that answer."""
    ports = range(FIRST_PORT, FIRST_PORT + PORTS)
    return [f"http://127.0.0.{last}:{port}/" for last in range(1, ADDRESSES + 1) for port in ports]


def install() -> None:
    """Install the packages that are missing, without starting their daemons; without root, say what to do."""
    missing = [package for program, package in PACKAGES.items() if not shutil.which(program)]
    if not missing:
        return
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
    if os.geteuid() != 0:
        raise SystemExit(f"missing programs; run: sudo {' '.join(command)}")
    print(f"installing {', '.join(missing)} ...", flush=True)
    with _no_daemons():
        subprocess.run(
            command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        )


@contextlib.contextmanager
def _no_daemons() -> Iterator[None]:
    """While the block runs, packages start nothing; a policy that is there already is left alone."""
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink()


@contextlib.contextmanager
def running(command: Sequence[str], core: int, port: int, log: Path) -> Iterator[int]:
    """A program pinned to a core while the block runs; gives its pid once ``port`` answers."""
    with (
        log.open("wb") as out,
        subprocess.Popen(
            ["taskset", "-c", str(core), *command], stdout=out, stderr=out, start_new_session=True
        ) as process,
    ):
        try:
            _wait_for(port, process, log)
            yield process.pid
        finally:
            process.terminate()
            process.wait(10)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(200):
        if process.poll() is not None:
            raise SystemExit(f"{process.args!r} ended: {log.read_text(errors='replace')}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise SystemExit(f"nothing answers on port {port}")


@contextlib.contextmanager
def nginx(folder: Path, core: int) -> Iterator[int]:
    """nginx on 200 sockets."""
    ports = range(FIRST_PORT, FIRST_PORT + PORTS)
    listen = "".join(f"listen 127.0.0.{last}:{port};" for last in range(1, ADDRESSES + 1) for port in ports)
    conf = folder / "nginx.conf"
    conf.write_text(_NGINX.format(folder=folder, listen=listen))
    with running(["nginx", "-c", str(conf)], core, FIRST_PORT, folder / "nginx.log") as pid:
        yield pid


@contextlib.contextmanager
def blackbox(folder: Path, core: int) -> Iterator[int]:
    """blackbox_exporter with one plain http module."""
    conf = folder / "blackbox.yml"
    conf.write_text(_BLACKBOX)
    command = ["prometheus-blackbox-exporter", f"--config.file={conf}", f"--web.listen-address=127.0.0.1:{EXPORTER}"]
    with running(command, core, EXPORTER, folder / "blackbox.log") as pid:
        yield pid


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """The most memory a process has held."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))
