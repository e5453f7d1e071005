"""Tries in throw-away namespaces all that a lab host needs from the kernel; an error says what is not allowed."""

from __future__ import annotations

import os

from lab.machine import mounts, network
from lab.topology import topology


def main() -> None:
    """Build the wan's bridges, cover /run, lay over /etc, make all read-only, open the TUN device."""
    network.build_wan(topology())
    os.close(os.open("/dev/net/tun", os.O_RDWR))
    mounts.try_all()


if __name__ == "__main__":
    main()
