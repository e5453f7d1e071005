from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lab import estate_copy, keys
from lab.errors import LabError
from lab.layout import Layout, interface
from lab.machine.fitting import fit
from lab.service import Service


def test_a_service_runs_with_its_own_log(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    hello = Service("hello", "#!/bin/sh\nexec echo 'it works'\n", {"etc/deep/hello.conf": "text"})
    fit(layout, "loopback", "cloud-app", (hello,))
    subprocess.run(["./run"], cwd=layout.service("cloud-app", "hello"), check=True)
    assert (layout.host("cloud-app") / "log" / "hello.log").read_text() == "it works\n"
    assert (layout.host("cloud-app") / "etc" / "deep" / "hello.conf").read_text() == "text"


def test_a_log_that_grew_too_long_starts_anew(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    fit(layout, "loopback", "cloud-app", (Service("hello", "#!/bin/sh\nexec echo new\n"),))
    log = layout.host("cloud-app") / "log" / "hello.log"
    log.write_bytes(b"old\n" * 3_000_000)
    subprocess.run(["./run"], cwd=layout.service("cloud-app", "hello"), check=True)
    assert log.read_text() == "new\n"


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "etc/../../outside"])
def test_a_service_writes_nothing_outside_its_host(tmp_path: Path, name: str) -> None:
    with pytest.raises(LabError, match="must lie in its host's folder"):
        fit(Layout(tmp_path), "loopback", "cloud-app", (Service("bad", "", {name: "owned"}),))


def test_the_estate_is_filled_in(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "lab")
    layout.folder.mkdir()
    keys.make(layout.keys, ("cloud-db",))
    text = "a: 10.77.1.31\nk: @LAB@/keys\nu: @SSHUSER@\nh: @HOSTKEY:cloud-db@\ns: @SV:cloud-db@\np: @HOSTS@/{host}/data"
    filled = estate_copy.fill(text, layout, "namespaces", "10.78").splitlines()
    key = keys.host_key(layout.keys, "cloud-db")
    assert filled == [
        "a: 10.78.1.31",
        f"k: {tmp_path}/lab/keys",
        "u: root",
        f"h: {key}",
        "s: /srv/lab/hosts/cloud-db/sv",
        "p: /srv/lab/hosts/{host}/data",
    ]


@pytest.mark.parametrize("mark", ["@COLOUR@", "@HOSTKEY@", "@LAB:cloud-db@"])
def test_an_unknown_mark_is_an_error(tmp_path: Path, mark: str) -> None:
    with pytest.raises(LabError, match=f"unknown mark: {mark}"):
        estate_copy.fill(mark, Layout(tmp_path), "loopback", "127.77")


def test_two_labs_have_two_interfaces() -> None:
    assert (interface("10.77"), interface("10.78")) == ("tri77", "tri78")
