"""The Debian packages whose servers the lab runs: which are missing, and installing them without starting a daemon."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError

#: Debian keeps servers here, and a person's PATH often lacks them.
SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postgresql/15/bin"

_POLICY = Path("/usr/sbin/policy-rc.d")
_NO_CLUSTER = Path("/etc/postgresql-common/createcluster.d/tricenter-lab.conf")
_INSTALL_SECONDS = 600
_SIGN = "# tricenter-lab: while packages are installed\n"


@dataclass(frozen=True, slots=True)
class Package:
    """A Debian package and the programs the lab needs from it."""

    name: str
    programs: tuple[str, ...]
    units: tuple[str, ...] = ()  #: systemd units that Debian enables on installation, and the lab does not want


NEEDED = (
    Package("openssh-server", ("sshd",), ("ssh.service",)),
    Package("openssh-client", ("ssh", "ssh-keygen")),
    Package("runit", ("runsvdir", "runsv", "sv", "chpst")),
    Package("haproxy", ("haproxy",), ("haproxy.service",)),
    Package("prometheus", ("prometheus", "promtool"), ("prometheus.service",)),
    Package("prometheus-node-exporter", ("prometheus-node-exporter",), ("prometheus-node-exporter.service",)),
    Package("prometheus-alertmanager", ("prometheus-alertmanager", "amtool"), ("prometheus-alertmanager.service",)),
    Package("postgresql-15", ("postgres", "initdb"), ("postgresql.service",)),
    Package("iproute2", ("ip",)),
    Package("util-linux", ("unshare", "nsenter", "setpriv")),
)


def missing(needed: tuple[Package, ...] = NEEDED, search: str = SEARCH) -> tuple[Package, ...]:
    """The packages of which a program cannot be found."""
    return tuple(package for package in needed if not all(shutil.which(name, path=search) for name in package.programs))


def program(name: str) -> str:
    """The absolute path of a program of the lab's packages. Raises LabError when it is not installed."""
    found = shutil.which(name, path=SEARCH)
    if found is None:
        raise LabError(f"the program {name} is not installed")
    return found


def may_install() -> bool:
    """Whether this person may install packages here: root, on a system with apt."""
    return os.geteuid() == 0 and shutil.which("apt-get", path=SEARCH) is not None


def require(progress: Callable[[str], None]) -> None:
    """See that every package is there; as root on Debian or Ubuntu install what is missing.

    Raises LabError that names the missing packages when they cannot be installed here.
    """
    if may_install():
        for path in (_POLICY, _NO_CLUSTER):
            put_back(path)
    lacking = missing()
    if not lacking:
        return
    names = " ".join(package.name for package in lacking)
    if not may_install():
        raise LabError(f"packages are missing: {names}. Install them as root: apt-get install -y {names}")
    progress(f"installing {names}")
    install(lacking)
    if still := missing(lacking):
        raise LabError("apt-get ended well but programs are missing from: " + " ".join(one.name for one in still))


def install(packages: tuple[Package, ...]) -> None:
    """Install with apt-get; no daemon starts now or at the next boot, and no database cluster is made.

    Raises LabError with the end of apt's output.
    """
    units = [unit for package in packages for unit in package.units if not _installed(unit)]
    with ExitStack() as stack:
        stack.enter_context(standing(_POLICY, "#!/bin/sh\nexit 101\n", 0o755))
        stack.enter_context(standing(_NO_CLUSTER, "create_main_cluster = false\n", 0o644))
        _apt("update", "-q")
        _apt("install", "-y", "-q", "--no-install-recommends", *(package.name for package in packages))
    _do_not_start_at_boot(units)


def _apt(*words: str) -> None:
    argv = ["apt-get", "-o", "DPkg::Lock::Timeout=120", *words]
    environment = {**os.environ, "PATH": SEARCH, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{' '.join(argv)} did not end in {_INSTALL_SECONDS} seconds") from error
    if done.returncode != 0:
        raise LabError(f"{' '.join(argv)} failed:\n{(done.stdout + done.stderr)[-2000:]}")


def _installed(unit: str) -> bool:
    """Whether systemd knew the unit before: then whoever installed it may want it, and it stays as it is."""
    return any(Path(folder, unit).exists() for folder in ("/lib/systemd/system", "/etc/systemd/system"))


def _do_not_start_at_boot(units: list[str]) -> None:
    systemctl = shutil.which("systemctl", path=SEARCH)
    if systemctl and units:
        subprocess.run([systemctl, "disable", "--quiet", *units], capture_output=True, timeout=60, check=False)


@contextmanager
def standing(path: Path, text: str, mode: int) -> Iterator[None]:
    """Let a file stand for a while; put back what stood there before, and remove the folders made for it.

    What stood there waits beside it meanwhile, so that ``put_back`` can make good for an install that was killed.
    """
    made = [folder for folder in (path.parent, *path.parent.parents) if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    put_back(path)
    if path.exists():
        path.rename(_waiting(path))
    path.write_text(text + _SIGN)
    path.chmod(mode)
    try:
        yield
    finally:
        put_back(path)
        for folder in made:
            if folder.exists() and not any(folder.iterdir()):
                folder.rmdir()


def put_back(path: Path) -> None:
    """Undo ``standing``, when it was not undone; a file that is not ours stays."""
    if path.exists() and path.read_bytes().endswith(_SIGN.encode()):
        path.unlink()
    if _waiting(path).exists():
        _waiting(path).rename(path)


def _waiting(path: Path) -> Path:
    return path.with_name(path.name + ".before-tricenter-lab")
