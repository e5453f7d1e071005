"""What a standing watch says of a lab, read from its store: until all is well, and what it said since a moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TypeVar

from checks.result import Status
from inventory import subject
from inventory.load import load
from inventory.model import Estate
from runbooks.responder import RUN
from runbooks.run_record import Run, from_record
from state.reasons import say
from state.store import Store
from state.verdict import Change, Incident, Verdict
from tests.lab.watch_process import Watch

T = TypeVar("T")
_PAUSE = 0.3  #: seconds between two looks into the store


@dataclass
class Observed:
    """A watch process and what its store says."""

    watch: Watch

    @property
    def estate(self) -> Estate:
        """The estate that is watched."""
        return load(self.watch.estate)

    def verdicts(self) -> dict[str, Verdict]:
        """The current verdict on every subject."""
        with closing(self._store()) as store:
            return {verdict.subject: verdict for verdict in store.verdicts()}

    def changes(self, since: float) -> list[Change]:
        """What was noticed since a moment (Unix time)."""
        with closing(self._store()) as store:
            return [change for change in store.changes() if change.at >= since]

    def incidents(self, since: float) -> list[Incident]:
        """What was opened since a moment (Unix time) and did not turn out to be a part of something larger."""
        with closing(self._store()) as store:
            return [one for one in store.incidents() if one.noticed >= since and one.merged is None]

    def runs(self, since: float) -> list[Run]:
        """The runs of runbooks that began since a moment (Unix time)."""
        with closing(self._store()) as store:
            return [from_record(record) for record in store.records(RUN, since)]

    def settle(self, patience: float) -> None:
        """Wait until everything is ok, no incident is open and no runbook runs."""
        self.until(self._calm, "everything ok again", patience, shown=self._wrong)

    def until(
        self, look: Callable[[], T | None], what: str, patience: float, shown: Callable[[], object] = lambda: ""
    ) -> T:
        """The first answer that is not empty; what was awaited, and the watch's last words, if there is none."""
        limit = time.monotonic() + patience
        while not (found := look()):
            assert self.watch.process is not None
            assert self.watch.process.poll() is None, self.watch.log[-3000:]
            assert time.monotonic() < limit, f"never in {patience:g} s: {what}; {shown()}\n{self.watch.log[-4000:]}"
            time.sleep(_PAUSE)
        return found

    def _store(self) -> Store:
        return Store.open(f"sqlite:///{self.watch.store}")

    def _calm(self) -> bool:
        if not self.watch.store.exists():
            return False
        with closing(self._store()) as store:
            running = [run for run in map(from_record, store.records(RUN, time.time() - 600)) if run.running]
            return bool(store.verdicts()) and not running and not store.incidents(open_only=True) and not self._wrong()

    def _wrong(self) -> list[str]:
        """What is not ok, in words."""
        return [told(verdict) for verdict in self.verdicts().values() if verdict.status is not Status.OK]


def told(said: Verdict | Change) -> str:
    """A verdict or a change in a line, for a test's last words."""
    status = said.status if isinstance(said, Verdict) else said.new
    cause = f" because of {said.cause}" if said.cause else ""
    return f"{said.subject} {status} [{said.fault}]{cause}: {say(said.because, 'en')}"


def of_kind(changes: Sequence[Change], *kinds: str) -> list[Change]:
    """The changes of subjects of some kinds."""
    return [change for change in changes if subject.kind(change.subject) in kinds]
