"""The services of the lab as text: complete, quoted, and what HAProxy and PostgreSQL are told."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from lab.service import Place, Service
from lab.services import haproxy, postgres
from lab.services.postgres_sql import after_clone, first_start
from lab.services.systems import APP, HUB, SYSTEMS
from lab.services.table import build
from lab.topology import EVERYWHERE, topology
from lab.topology import __file__ as topology_file

HOSTS = [host.id for host in topology().hosts]


def place(host: str, folder: str = "/srv/lab", net: str = "10.77", user: str | None = "postgres") -> Place:
    plan, lab = topology(net), Path(folder)
    return Place(
        plan.host(host), plan, lab / "hosts" / host, lab, Path("/opt/pro ject"), Path("/opt/v env/python"), user
    )


def named(services: tuple[Service, ...], name: str) -> Service:
    return next(service for service in services if service.name == name)


def well_formed(text: str) -> bool:
    return subprocess.run(["sh", "-n"], input=text.encode(), check=False).returncode == 0


@pytest.mark.parametrize("host", HOSTS)
def test_every_host_has_the_services_it_is_said_to_have(host: str) -> None:
    services = build(place(host))
    assert tuple(service.name for service in services) == place(host).host.services[len(EVERYWHERE) :]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("folder", ["/srv/lab", "/tmp/it's a $(touch owned) `lab`"])
def test_scripts_are_whole_and_end_in_exec(host: str, folder: str) -> None:
    for service in build(place(host, folder)):
        assert well_formed(service.run)
        assert service.run.startswith("#!/bin/sh\nexec 2>&1\n")
        assert service.run.splitlines()[-1].startswith("exec ")
        words = shlex.split(service.run, comments=True)
        assert all(folder in word for word in words if "lab" in word and "lab.services" not in word)


@pytest.mark.parametrize("host", HOSTS)
def test_files_stay_in_the_hosts_folder_and_programs_write_no_bytecode(host: str) -> None:
    for service in build(place(host)):
        assert not [path for path in service.files if path.startswith("/") or ".." in path]
        assert ("PYTHONDONTWRITEBYTECODE=1" in service.run) == ("python" in service.run)


def test_the_systems_of_the_labs_estate_are_served_each_by_one_program() -> None:
    estate = Path(topology_file).parent / "estate" / "systems"
    assert sorted(SYSTEMS) == sorted(path.stem for path in estate.glob("*.yml"))
    assert not set(APP) & set(HUB)


def test_an_entry_prefers_its_own_application() -> None:
    lines = haproxy.configuration(place("dr-entry")).splitlines()
    servers = [line.split()[1] for line in lines if line.split()[:1] == ["server"] and "backup" not in line]
    assert servers == ["dr-app", "dr-app", "cloud-db", "bigdata-db", "dr-db"]
    assert "    server cloud-app 10.77.1.21:8000 backup" in lines


def test_only_the_labs_addresses_may_come_to_the_database() -> None:
    hba = named(build(place("cloud-db")), "postgres").files["etc/postgres/pg_hba.conf"].splitlines()
    assert [line for line in hba if line.startswith("local")] == ["local all,replication all trust"]
    remote = [line.split() for line in hba if not line.startswith("local")]
    assert {words[-1] for words in remote} == {"scram-sha-256"}
    assert {words[3] for words in remote} == {"10.77.0.0/16", "10.77.1.31/32", "10.77.2.31/32", "10.77.3.31/32"}


def test_on_loopback_clients_come_from_the_loopback_address() -> None:
    hba = named(build(place("cloud-db", net="127.77")), "postgres").files["etc/postgres/pg_hba.conf"]
    assert "host civil app,canary 127.0.0.1/32 scram-sha-256" in hba


def test_the_server_runs_as_another_user_only_when_there_is_one() -> None:
    assert "exec chpst -u postgres /usr" in postgres.service(place("dr-db")).run
    assert "chpst" not in postgres.service(place("dr-db", user=None)).run
    assert "chown" not in postgres.service(place("dr-db", user=None)).run


def test_the_script_before_the_database_is_whole_whatever_the_folder_is_called() -> None:
    for folder in ("/srv/lab", "/tmp/it's a $(touch owned) `lab`"):
        assert well_formed(postgres.service(place("dr-db", folder)).files["etc/postgres/prepare"])


def test_only_the_first_primary_waits_for_the_metro_center() -> None:
    assert "synchronous_standby_names = 'FIRST 1 (\"bigdata-db\")'" in first_start("cloud-db", Path("/keys"))
    assert "RESET synchronous_standby_names" in after_clone("bigdata-db")


def test_every_database_has_slots_for_the_two_others() -> None:
    slots = "('bigdata_db')", "('dr_db')"
    assert [slot in first_start("cloud-db", Path("/keys")) for slot in slots] == [True, True]
    assert "('bigdata_db')" not in after_clone("bigdata-db") and "('cloud_db')" in after_clone("bigdata-db")
