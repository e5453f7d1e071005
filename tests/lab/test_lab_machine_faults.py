"""Each fault does what it says, to that and nothing else, and its undoing brings everything back."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.client import Lab
from lab.errors import LabError
from lab.faults import active, inject, undo
from lab.layout import WAN
from lab.packages import program
from lab.services.postgres import BIN
from lab.status import status
from lab.topology import PORTS

pytestmark = pytest.mark.lab
Until = Callable[..., None]


def knock(lab: Lab, host: str, port: str = "sshd", patience: float = 1.0) -> str:
    """What a client at the desk meets: ``speaks`` (sends its banner), ``open``, ``refused`` or ``silent``."""
    try:
        with socket.create_connection((lab.address(host), PORTS[port]), patience) as connection:
            connection.settimeout(patience)
            try:
                return "speaks" if port == "sshd" and connection.recv(4) == b"SSH-" else "open"
            except TimeoutError:
                return "open"
    except ConnectionRefusedError:
        return "refused"
    except OSError:
        return "silent"


def reaches(lab: Lab, host: str, peer: str) -> bool:
    """Whether a host gets a TCP connection to another host's sshd."""
    script = f"import socket; socket.create_connection(({lab.address(peer)!r}, {PORTS['sshd']}), 1)"
    return lab.run(host, ["/usr/bin/python3", "-c", script]).returncode == 0


def sql(lab: Lab, host: str, statement: str) -> str:
    argv = [str(BIN / "psql"), "-XAtq", "-h", str(lab.inside(host) / "run" / "pg"), "-U", "postgres", "-c", statement]
    return lab.run(host, argv).stdout.strip()


def test_a_stopped_service_is_refused_and_the_rest_of_its_host_lives(healthy: Lab, until: Until) -> None:
    inject(healthy, "stop-service", ["cloud-app", "app"])
    assert knock(healthy, "cloud-app", "app") == "refused"
    assert knock(healthy, "cloud-app", "hub") == "open"
    undo(healthy, "stop-service", ["cloud-app", "app"])
    until(lambda: knock(healthy, "cloud-app", "app") == "open", "the application is back")


def test_a_killed_database_stays_dead_until_someone_starts_it(healthy: Lab, until: Until) -> None:
    inject(healthy, "kill-database", ["dr-db"])
    found = status(healthy.folder)
    assert found is not None
    assert next(host for host in found.hosts if host.id == "dr-db").services["postgres"] == "down"
    assert knock(healthy, "dr-db", "postgres") == "refused"
    undo(healthy, "kill-database")
    until(lambda: sql(healthy, "dr-db", "SELECT pg_is_in_recovery()") == "t", "the standby is back")


def test_a_host_without_power_is_silent_and_comes_back_with_its_data(healthy: Lab, until: Until) -> None:
    kept = healthy.layout.data("cloud-xchg") / "kept"
    kept.write_text("still here")
    inject(healthy, "power-off", ["cloud-xchg"])
    assert not healthy.alive("cloud-xchg")
    assert knock(healthy, "cloud-xchg") == "silent"
    with pytest.raises(LabError, match="cloud-xchg is off"):
        healthy.run("cloud-xchg", ["true"])
    undo(healthy, "power-off", ["cloud-xchg"])
    until(lambda: knock(healthy, "cloud-xchg") == "speaks", "sshd is back")
    seen = healthy.inside("cloud-xchg") / "data" / "kept"
    assert healthy.run("cloud-xchg", ["cat", str(seen)]).stdout == "still here"


def test_a_power_cut_says_no_goodbye(healthy: Lab, until: Until) -> None:
    """A client of a host that loses its power hears nothing: neither FIN nor RST."""
    with socket.create_connection((healthy.address("dr-app"), PORTS["sshd"]), 5) as connection:
        connection.settimeout(5)
        assert connection.recv(4) == b"SSH-"
        while not connection.recv(1024).endswith(b"\n"):
            pass
        inject(healthy, "power-off", ["dr-app"])
        connection.settimeout(1)
        with pytest.raises(TimeoutError):
            connection.recv(1024)
    undo(healthy, "power-off")
    until(lambda: knock(healthy, "dr-app") == "speaks", "sshd is back")


def test_a_frozen_host_still_takes_connections_and_says_nothing(healthy: Lab, until: Until) -> None:
    inject(healthy, "freeze", ["bigdata-app"])
    assert knock(healthy, "bigdata-app") == "open"
    found = status(healthy.folder)
    assert found is not None
    assert [host.id for host in found.hosts if host.power == "frozen"] == ["bigdata-app"]
    undo(healthy, "freeze")
    until(lambda: knock(healthy, "bigdata-app") == "speaks", "the host moves again")


def test_a_cut_link_is_cut_for_its_two_ends_only(healthy: Lab) -> None:
    inject(healthy, "cut-link", ["cloud", "dr"])
    assert not reaches(healthy, "cloud-app", "dr-app")
    assert not reaches(healthy, "dr-app", "cloud-app")
    assert reaches(healthy, "bigdata-app", "dr-app")
    assert reaches(healthy, "cloud-app", "bigdata-app")
    assert knock(healthy, "dr-app") == "speaks"
    undo(healthy, "cut-link")
    assert reaches(healthy, "cloud-app", "dr-app")


_SEND = """
import socket, sys, time
for _ in range(100):
    socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", (sys.argv[1], 7777))
    time.sleep(0.05)
"""
_HEAR = """
import socket
line = socket.socket(type=socket.SOCK_DGRAM)
line.bind(("", 7777))
line.settimeout(1.5)
line.recv(9)
"""


@pytest.mark.parametrize(("sender", "receiver", "arrives"), [("cloud", "dr", True), ("dr", "cloud", False)])
def test_a_link_cut_one_way_carries_packets_the_other_way(
    healthy: Lab, sender: str, receiver: str, arrives: bool
) -> None:
    inject(healthy, "cut-one-way", ["dr", "cloud"])
    send = ["setsid", "--fork", "/usr/bin/python3", "-c", _SEND, healthy.address(f"{receiver}-app")]
    assert healthy.run(f"{sender}-app", ["sh", "-c", '"$@" >/dev/null 2>&1', "sh", *send]).returncode == 0
    heard = healthy.run(f"{receiver}-app", ["/usr/bin/python3", "-c", _HEAR])
    assert (heard.returncode == 0) is arrives, heard.stderr


def test_an_isolated_center_lives_on_by_itself(healthy: Lab) -> None:
    inject(healthy, "isolate", ["bigdata"])
    assert knock(healthy, "bigdata-app") == "silent"
    assert not reaches(healthy, "cloud-app", "bigdata-app")
    assert reaches(healthy, "bigdata-db", "bigdata-app")
    assert reaches(healthy, "cloud-app", "dr-app")


def test_overlapping_cuts_heal_one_by_one(healthy: Lab) -> None:
    inject(healthy, "cut-link", ["cloud", "dr"])
    inject(healthy, "isolate", ["dr"])
    undo(healthy, "isolate")
    assert knock(healthy, "dr-app") == "speaks"
    assert not reaches(healthy, "cloud-app", "dr-app")


def test_lost_packets_are_lost_and_late_ones_are_late(healthy: Lab) -> None:
    inject(healthy, "add-loss", ["outside", "dr", "100"])
    assert knock(healthy, "dr-app") == "silent"
    undo(healthy, "add-loss")
    inject(healthy, "add-latency", ["outside", "dr", "600"])
    assert knock(healthy, "dr-app", patience=1.0) == "silent"
    assert knock(healthy, "dr-app", patience=5.0) == "speaks"


def test_a_full_volume_is_full_and_the_machine_is_not(healthy: Lab) -> None:
    inject(healthy, "fill-disk", ["dr-xchg"])
    try_it = ["cp", "/etc/hosts", str(healthy.inside("dr-xchg") / "data" / "more")]
    assert "No space left" in healthy.run("dr-xchg", try_it).stderr
    assert healthy.run("dr-xchg", ["cp", "/etc/hosts", "/tmp/more"]).returncode == 0
    undo(healthy, "fill-disk")
    assert healthy.run("dr-xchg", try_it).returncode == 0


def test_a_stalled_standby_receives_and_does_not_replay(healthy: Lab, until: Until) -> None:
    inject(healthy, "stall-replication")
    assert sql(healthy, "dr-db", "SELECT pg_is_wal_replay_paused()") == "t"
    undo(healthy, "stall-replication")
    assert sql(healthy, "dr-db", "SELECT pg_is_wal_replay_paused()") == "f"


def test_a_primary_cannot_be_stalled_and_says_why(healthy: Lab) -> None:
    with pytest.raises(LabError, match=r"the database on cloud-db refuses: .*recovery is not in progress"):
        inject(healthy, "stall-replication", ["cloud-db"])
    assert [fault.done for fault in active(healthy)] == [None]


def test_an_expired_certificate_is_refused_by_clients_and_then_renewed(healthy: Lab) -> None:
    inject(healthy, "expire-certificate", ["dr-entry"])
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate has expired"):
        shake_hands(healthy, "dr-entry")
    shake_hands(healthy, "cloud-entry")
    undo(healthy, "expire-certificate")
    shake_hands(healthy, "dr-entry")


def shake_hands(lab: Lab, host: str) -> None:
    context = ssl.create_default_context(cafile=str(lab.authority))
    with (
        socket.create_connection((lab.address(host), PORTS["haproxy-tls"]), 5) as plain,
        context.wrap_socket(plain, server_hostname="entry.tricenter.lab"),
    ):
        pass


def test_a_province_that_keeps_silent_is_told_to_the_others_host(healthy: Lab) -> None:
    inject(healthy, "stop-province", ["110000"])
    inject(healthy, "stop-province", ["650000"])
    told = str(Path("/srv/lab/control/provinces-stopped"))
    assert healthy.run("provinces", ["cat", told]).stdout == "110000\n650000\n"
    undo(healthy, "stop-province", ["110000"])
    assert healthy.run("provinces", ["cat", told]).stdout == "650000\n"


def test_a_lost_city_leaves_the_other(healthy: Lab, until: Until) -> None:
    inject(healthy, "lose-city")
    assert {host for host in healthy.hosts() if healthy.alive(host)} == {
        *(f"dr-{kind}" for kind in ("entry", "app", "db", "xchg", "ops")),
        "provinces",
    }
    assert knock(healthy, "cloud-entry") == "silent"
    assert knock(healthy, "dr-entry") == "speaks"
    undo(healthy, "lose-city")
    until(lambda: knock(healthy, "cloud-entry", "haproxy-web") == "open", "the entry is back")
    until(lambda: sql(healthy, "bigdata-db", "SELECT pg_is_in_recovery()") == "t", "the metro standby is back")


def test_links_outlive_their_router(healthy: Lab, until: Until) -> None:
    inject(healthy, "cut-link", ["cloud", "dr"])
    router = healthy.layout.service(WAN, "router")
    killed = (router / "supervise" / "pid").read_text()
    subprocess.run([program("sv"), "kill", str(router)], check=True)
    until(lambda: (router / "supervise" / "pid").read_text() not in (killed, ""), "runit starts another router")
    until(lambda: reaches(healthy, "cloud-app", "bigdata-app"), "a new router routes")
    assert not reaches(healthy, "cloud-app", "dr-app")


def test_a_fault_keeps_its_time_however_often_it_is_injected(healthy: Lab) -> None:
    clock = iter([100.0, 101.0])
    once = inject(healthy, "cut-link", ["cloud", "dr"], now=lambda: next(clock))
    assert (once.at, once.done) == (100.0, 101.0)
    assert inject(healthy, "cut-link", ["cloud", "dr"]) == once
    assert active(healthy) == (once,)
    assert undo(healthy, "cut-link") == (once,)
    assert undo(healthy, "cut-link") == ()
