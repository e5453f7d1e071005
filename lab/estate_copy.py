"""The lab's estate: the templates beside this file, with this lab's addresses, keys and paths filled in."""

from __future__ import annotations

import os
import pwd
import re
from pathlib import Path

from lab.errors import LabError
from lab.keys import host_key
from lab.layout import Layout, Mode

TEMPLATES = Path(__file__).parent / "estate"
_NET = "10.77."  #: the net in the templates
_MARK = re.compile(r"@([A-Z]+)(?::([a-z0-9-]+))?@")


def write(layout: Layout, mode: Mode, net: str, templates: Path = TEMPLATES) -> None:
    """Fill in every template and write it to the lab's estate folder. Raises LabError for a mark nobody knows."""
    for template in sorted(templates.rglob("*.y*ml")):
        target = layout.estate / template.relative_to(templates)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(fill(template.read_text(), layout, mode, net))


def fill(text: str, layout: Layout, mode: Mode, net: str) -> str:
    """Replace the net and the marks ``@LAB@``, ``@HOSTS@``, ``@SSHUSER@``, ``@HOSTKEY:<host>@`` and ``@SV:<host>@``.

    ``@INSIDE@`` is the lab's folder as the hosts see it.
    """

    def value(mark: re.Match[str]) -> str:
        match mark.groups():
            case ("LAB", None):
                return str(layout.folder)
            case ("INSIDE", None):
                return str(layout.inside(mode).folder)
            case ("HOSTS", None):
                return str(layout.inside(mode).hosts)
            case ("SSHUSER", None):
                return "root" if mode == "namespaces" else pwd.getpwuid(os.geteuid()).pw_name
            case ("HOSTKEY", str(host)):
                return host_key(layout.keys, host)
            case ("SV", str(host)):
                return str(layout.inside(mode).host(host) / "sv")
        raise LabError(f"the lab's estate has an unknown mark: {mark.group()}")

    return _MARK.sub(value, text.replace(_NET, f"{net}."))
