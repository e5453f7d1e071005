"""Whether this machine allows namespaces: found out by trying, with the reason when it does not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from lab.layout import Mode
from lab.packages import program

_SECONDS = 20
_UNSHARE = ("--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--propagation", "private")


def detect() -> tuple[Mode, str]:
    """The mode this machine and person can have, and why it is not namespaces (empty when it is)."""
    if os.geteuid() != 0:
        return "loopback", "namespaces need root"
    if not Path("/dev/net/tun").exists():
        return "loopback", "there is no /dev/net/tun for the router"
    tried = subprocess.run(
        [program("unshare"), *_UNSHARE, sys.executable, "-P", "-m", "lab.machine.trial"],
        cwd=Path(__file__).parent.parent,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if tried.returncode == 0:
        return "namespaces", ""
    return "loopback", (tried.stderr.strip().splitlines() or ["unshare failed without a word"])[-1][:200]
