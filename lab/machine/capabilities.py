"""What root on a lab host may not do to the machine below it."""

from __future__ import annotations

from lab.packages import program

#: A host can neither set the machine's clock, nor undo its read-only view, nor reach the machine's kernel or devices.
_FORBIDDEN = ("sys_time", "sys_admin", "sys_module", "sys_rawio", "sys_boot", "mknod", "syslog", "mac_admin")


def confined() -> list[str]:
    """The words before a command that make it, and all it starts, unable to do those things."""
    lost = ",".join(f"-{name}" for name in _FORBIDDEN)
    return [program("setpriv"), "--bounding-set", lost, "--inh-caps", lost, "--"]
