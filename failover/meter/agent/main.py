"""``start FOLDER``: begin to measure, by settings read from standard input, as a process that outlives its caller.

Answers with one line of JSON. Where a meter already runs in the folder, it goes on as it is: that is attaching.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import sys
import traceback
from pathlib import Path

from failover.meter.agent.clock import Clock, boot_id
from failover.meter.agent.files import read_small, replace
from failover.meter.agent.life import Meter
from failover.meter.agent.settings import Unfit, settings

_MOST_SETTINGS = 1024 * 1024  #: bytes
_KEPT_RUNS = 20  #: folders of former runs that stay


def main() -> int:
    """Run the one command there is."""
    try:
        if len(sys.argv) != 3 or sys.argv[1] != "start":
            raise Unfit("start FOLDER is what there is")
        told = settings(sys.stdin.read(_MOST_SETTINGS))
        folder = Path(sys.argv[2])
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except (Unfit, OSError) as error:
        return _answer(False, because=str(error)[:300])
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return _answer(True, attached=True, now=read_small(folder / "now.json"))
    for name in ("stop", "now.json"):
        (folder / name).unlink(missing_ok=True)
    _forget_old(folder)
    if os.fork():
        return _answer(True, attached=False)
    return _measure(Meter(told, folder, Clock()), folder)


def _answer(good: bool, **more: object) -> int:
    sys.stdout.write(json.dumps({"ok": good, "boot": boot_id(), "mono": Clock().mono_ns(), **more}) + "\n")
    sys.stdout.flush()
    return 0 if good else 1


def _measure(meter: Meter, folder: Path) -> int:
    """In the background: no terminal, no parent, no open pipe that somebody waits on."""
    os.setsid()
    with contextlib.suppress(OSError):
        os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDWR)
    said = os.open(folder / "meter.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    for stream, to in ((0, nothing), (1, said), (2, said)):
        os.dup2(to, stream)
    try:
        asyncio.run(meter.live())
    except Exception as error:  # whatever it was, the desk must learn that nothing is measured any more
        traceback.print_exc()
        with contextlib.suppress(OSError):
            replace(folder / "now.json", {"looks": 0, "state": "failed", "why": str(error)[:300]})
        return 1
    return 0


def _forget_old(folder: Path) -> None:
    """Former runs' logs were collected long ago; a vantage's disk is not theirs for ever."""
    runs = sorted(one for one in folder.parent.iterdir() if (one / "head.json").is_file() and not one.is_symlink())
    for old in runs[:-_KEPT_RUNS]:
        shutil.rmtree(old, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
