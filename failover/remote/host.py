"""What a host says of itself: alive, how large, whether a page of a system answers."""

from __future__ import annotations

import http.client
import os
import shutil
import time
from pathlib import Path

from failover.remote.task import Done, Failed, Refused, Task, Unknown

_PAGE = 256 * 1024


def boot_id() -> str:
    """Changes with every start of the kernel; the monotonic clock begins anew with it."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def alive(_: Task) -> Done:
    """Action ``host-alive``."""
    return Done("alive", {"boot_id": boot_id(), "wall": time.time()})


def capacity(task: Task) -> Done:
    """Action ``capacity``."""
    memory = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    folder = Path(task.labels.get("pg-data") or task.labels.get("failover-folder") or "/")
    while not folder.exists():
        folder = folder.parent
    free = int(memory["MemAvailable"].split()[0]) * 1024
    facts = {
        "cpus": len(os.sched_getaffinity(0)),
        "memory": free,
        "load": os.getloadavg()[0],
        "disk_free": shutil.disk_usage(folder).free,
    }
    return Done(f"{facts['cpus']} CPUs, {free >> 20} MiB free, load {facts['load']:.2f}", facts)


def app_check(task: Task) -> Done:
    """Action ``app-check``."""
    path, expect = str(task.give["path"]), str(task.give.get("expect", ""))
    if not path.startswith("/") or any(char <= " " or char > "~" for char in path):
        raise Refused("this is no path of a page")
    line = http.client.HTTPConnection(task.address, int(task.label("app-port")), timeout=task.left())
    try:
        line.request("GET", path)
        answer = line.getresponse()
        page = answer.read(_PAGE).decode(errors="replace")
    except TimeoutError as error:
        raise Unknown("the page did not come in time") from error
    except (OSError, http.client.HTTPException) as error:
        raise Failed(f"the page cannot be had: {error}") from error
    finally:
        line.close()
    if answer.status != http.client.OK:
        raise Failed(f"the page answers {answer.status}")
    if expect not in page:
        raise Failed("the page does not say what it should")
    return Done("the page answers")
