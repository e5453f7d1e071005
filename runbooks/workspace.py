"""The folder of one run: all that Ansible reads is written here, afresh, and nothing is left from another run.

Values from outside reach Ansible marked unsafe: a bare string would be executed as a template, on this machine.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inventory.ansible import inventory, unsafe
from inventory.errors import OperatorError
from inventory.known_hosts import known_hosts
from inventory.model import Estate, Host
from runbooks.card import Card
from runbooks.inputs import Value

_RUN = re.compile(r"\d{8}T\d{6}-[a-z0-9-]+")  #: a run's id, which is its folder's name
KEPT = 50  #: runs whose artifacts are kept
RESULT = "result.json"  #: what the child found out


@dataclass(frozen=True, slots=True)
class Job:
    """What a run is to do, and the folder that is its own."""

    card: Card
    values: Mapping[str, Value]  #: the card's inputs, typed
    estate: Estate
    folder: Path  #: its name is the run's id
    check_mode: bool


def _variables(card: Card, values: Mapping[str, Value], host: Host) -> dict[str, Any]:
    """What the playbook sees: the card's inputs (``-`` becomes ``_``), and what the estate says of the host."""
    given = {key.replace("-", "_"): value for key, value in values.items()}
    known: dict[str, Value] = {"services_dir": host.services_dir or "", "run_seconds": max(1, int(card.timeout))}
    return {name: unsafe(value) for name, value in (given | known).items()}


def _ssh_args(scratch: Path) -> str:
    """OpenSSH options: only the estate's host keys count, nobody is asked anything, a dead peer is noticed in 15 s."""
    options = {
        "UserKnownHostsFile": scratch / "known_hosts",
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        "BatchMode": "yes",
        "ForwardAgent": "no",
        "ConnectTimeout": "10",
        "ServerAliveInterval": "5",
        "ServerAliveCountMax": "3",
        "ControlMaster": "auto",
        "ControlPersist": "30",
    }
    return " ".join(["-F none", *(f"-o {name}={value}" for name, value in options.items())])


def _settings(folder: Path, scratch: Path, card: Card) -> dict[str, str]:
    """Ansible's configuration, all of it: no ansible.cfg of this machine or of a person is read."""
    seconds = max(1, int(card.timeout))
    return {
        "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "ANSIBLE_HOST_KEY_CHECKING": "True",
        "ANSIBLE_SSH_ARGS": _ssh_args(scratch),
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(scratch),  # short: a socket's path must stay under 108 bytes
        "ANSIBLE_PIPELINING": "True",
        "ANSIBLE_GATHERING": "explicit",
        "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
        # Every command on a host ends by itself, also when nobody here is left to end it.
        "ANSIBLE_EXECUTABLE": f"timeout --kill-after=5 {seconds} /bin/sh",
        "ANSIBLE_TIMEOUT": "10",
        "ANSIBLE_FORKS": "1",
        "ANSIBLE_INVENTORY_ENABLED": "ansible.builtin.yaml",
        "ANSIBLE_RETRY_FILES_ENABLED": "False",
        "ANSIBLE_NOCOLOR": "True",
    }


def prepare(job: Job, scratch: Path) -> None:
    """Write all of a run into its folder, which must not exist; only we may read it.

    ``scratch`` is for ssh: a folder with a short name without spaces, gone when the run is over.

    Raises:
        OperatorError: if the estate does not know the host's key.
    """
    folder, host = job.folder, job.estate.host(str(job.values["host"]))
    if not host.ssh.host_key:
        raise OperatorError(f"{host.id} has no ssh.host_key in the estate, and no other way in is safe")
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700)
    for name in ("inventory", "env", "project", "home", "tmp"):
        (folder / name).mkdir(mode=0o700)
    (folder / "ansible.cfg").touch()
    (scratch / "known_hosts").write_text(known_hosts(job.estate))
    shutil.copyfile(job.card.playbook_file, folder / "project" / "playbook.yml")
    written = {
        "inventory/hosts.json": inventory(job.estate, (host,)),
        "env/extravars": _variables(job.card, job.values, host),
        "env/envvars": _settings(folder, scratch, job.card),
        "env/settings": {"runner_mode": "subprocess"},
    }
    for name, content in written.items():
        (folder / name).write_text(json.dumps(content, ensure_ascii=False))
    if job.check_mode:
        (folder / "env/cmdline").write_text("--check --diff")


def environment(marker: str) -> dict[str, str]:
    """The environment of a run: our own interpreter's programs first, and nothing else that this process knows."""
    passed = {name: os.environ[name] for name in ("HOME", "SSH_AUTH_SOCK", "TZ") if name in os.environ}
    own = Path(sys.executable).parent
    return passed | {
        "PATH": f"{own}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(Path(__file__).parent.parent),
        marker.partition("=")[0]: marker.partition("=")[2],
    }


def rotate(folder: Path, keep: int = KEPT) -> None:
    """Delete the oldest runs in ``folder`` until ``keep`` are left; anything that is not a run is let alone."""
    runs = sorted(path for path in folder.iterdir() if path.is_dir() and _RUN.fullmatch(path.name))
    for old in runs[: max(0, len(runs) - keep)]:
        shutil.rmtree(old, ignore_errors=True)
