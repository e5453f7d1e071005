"""The program that goes to a vantage: the agent's files and our PostgreSQL client as one zip that Python runs. Pure."""

from __future__ import annotations

import io
import zipfile
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).parent.parent.parent
_MAIN = b"""import sys
if sys.version_info < (3, 11):
    sys.stdout.write('{"ok": false, "because": "needs Python 3.11, found %d.%d"}\\n' % sys.version_info[:2])
    sys.exit(1)
from failover.meter.agent.main import main
sys.exit(main())
"""
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)  #: equal files give equal bytes


@cache
def program() -> bytes:
    """The bytes of ``meter.pyz``."""
    packages = ("failover", "failover/meter", "failover/remote")
    names = [
        *(f"{package}/__init__.py" for package in packages),
        "failover/remote/pg_scram.py",
        "failover/remote/pg_wire.py",
        *sorted(str(path.relative_to(_ROOT)) for path in (_ROOT / "failover/meter/agent").glob("*.py")),
    ]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("__main__.py", _FIRST_DAY), _MAIN)
        for name in names:
            archive.writestr(zipfile.ZipInfo(name, _FIRST_DAY), (_ROOT / name).read_bytes(), zipfile.ZIP_DEFLATED)
    return packed.getvalue()
