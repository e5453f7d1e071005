"""The same servers where namespaces are not allowed: on loopback addresses, with the faults that are possible there."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from lab import packages
from lab.client import Lab
from lab.down import down
from lab.errors import LabError
from lab.faults import active, inject, undo
from lab.machine import processes
from lab.status import status
from lab.topology import PORTS
from lab.up import up

pytestmark = pytest.mark.lab
Until = Callable[..., None]


@pytest.fixture(scope="module")
def loopback(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab on 127.76, in a folder with a path that is too long for it."""
    if packages.missing():
        pytest.skip("the lab's packages are missing: " + " ".join(one.name for one in packages.missing()))
    folder = tmp_path_factory.mktemp("a-path-that-is-too-long-for-unix-sockets-" * 3) / "lab"
    lab = up(folder, print, net="127.76", wanted="loopback")
    assert folder.is_symlink()
    yield lab
    assert down(folder, print)
    assert not folder.is_symlink()
    assert not lab.folder.exists()
    assert processes.of_lab(str(lab.folder), lab.folder) == []


def open_(lab: Lab, host: str, port: str) -> bool:
    try:
        socket.create_connection((lab.address(host), PORTS[port]), 2).close()
    except OSError:
        return False
    return True


def test_every_service_runs_on_an_address_of_its_host(loopback: Lab) -> None:
    found = status(loopback.folder)
    assert found is not None
    assert {is_ for host in found.hosts for is_ in host.services.values()} == {"run"}
    assert {host.address.rsplit(".", 2)[0] for host in found.hosts} == {"127.76"}


@pytest.mark.parametrize("fault", [("cut-link", "cloud", "dr"), ("isolate", "dr"), ("fill-disk", "cloud-db")])
def test_what_it_cannot_show_it_refuses_plainly(loopback: Lab, fault: tuple[str, ...]) -> None:
    with pytest.raises(LabError, match=f"{fault[0]} cannot be injected on loopback addresses"):
        inject(loopback, fault[0], fault[1:])
    assert active(loopback) == ()


def test_a_host_without_power_has_no_process_left(loopback: Lab, until: Until) -> None:
    first = loopback.first("dr-db")
    assert first is not None
    everyone = processes.members(first)
    assert len(everyone) > 10  # among them PostgreSQL's, which run in process groups of their own
    inject(loopback, "power-off", ["dr-db"])
    assert [one for one in everyone if processes.look(one.pid) == one] == []
    undo(loopback, "power-off")
    until(lambda: open_(loopback, "dr-db", "postgres"), "the database is back")


def test_a_frozen_host_takes_connections(loopback: Lab) -> None:
    inject(loopback, "freeze", ["dr-app"])
    assert open_(loopback, "dr-app", "app")
    undo(loopback, "freeze")


def test_a_stopped_service_is_refused(loopback: Lab, until: Until) -> None:
    inject(loopback, "stop-service", ["dr-app", "hub"])
    assert not open_(loopback, "dr-app", "hub")
    undo(loopback, "stop-service")
    until(lambda: open_(loopback, "dr-app", "hub"), "the hub is back")
