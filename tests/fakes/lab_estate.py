"""The lab's estate without the lab: its files filled in with keys made for the purpose."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from inventory.load import load
from inventory.model import Estate
from lab import estate_copy, keys
from lab.layout import Layout
from lab.topology import topology


@cache
def lab_estate() -> Estate:
    """Three centers of five hosts, as ``ops lab up`` writes them."""
    with tempfile.TemporaryDirectory() as folder:
        layout = Layout(Path(folder) / "lab")
        layout.folder.mkdir()
        keys.make(layout.keys, tuple(host.id for host in topology().hosts))
        estate_copy.write(layout, "loopback", "127.77")
        return load(layout.estate)
