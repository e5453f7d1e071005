"""Asks the watch's store what it remembers; whatever is wrong with the store, a failover waits for it only moments."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path

from checks.expand import expand
from failover.last_heard import last_heard
from failover.seen import Heard
from inventory.model import Estate
from state import heard
from state.store import Store

PATIENCE = 3.0  #: seconds


def remembered(estate: Estate, url: str, host: str, patience: float = PATIENCE) -> Heard:
    """What the watch last heard of the database on a host; nothing when the store does not say it in time."""
    answer: Future[Heard] = Future()
    # A daemon, and no pool: nobody waits for a thread that hangs on a database in a lost center.
    threading.Thread(target=_ask, args=(estate, url, host, answer), name="store", daemon=True).start()
    try:
        return answer.result(patience)
    except Exception:  # a store that is damaged, gone or slow knows nothing; the gate then says unknown
        return Heard()


def _ask(estate: Estate, url: str, host: str, answer: Future[Heard]) -> None:
    try:
        answer.set_result(_read(estate, url, host))
    except Exception as error:  # told where it is waited for
        answer.set_exception(error)


def _read(estate: Estate, url: str, host: str) -> Heard:
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        return Heard()  # looking must not make one
    with closing(Store.open(url)) as store:
        return last_heard(expand(estate), host, store.records(heard.KIND), store.signals(), time.time())
