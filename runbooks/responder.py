"""Acts on open incidents: decides, starts what is allowed in the background, and writes down every decision and run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from checks.check import Check
from checks.result import Result, Status
from inventory.model import Estate
from runbooks.approval import LASTS
from runbooks.approval import from_record as approval
from runbooks.card import Card
from runbooks.decide import decide
from runbooks.run import run
from runbooks.run_record import Outcome, Proposal, Run, from_record, interrupted, to_record
from runbooks.verify import to_ask, together, told_by
from runbooks.world import Policy
from state.store import Store
from state.verdict import Reason, Verdict

RUN = "run"  #: the kind of record that holds a run of a runbook
DECISION = "decision"  #: the kind of record that holds what was proposed about an incident, and why (not)
APPROVAL = "approval"  #: the kind of record that holds a person's agreement to a runbook for an incident
_DAY = 86400.0

#: Asks checks once, now, from the desk.
Ask = Callable[[Sequence[Check]], list[Result]]


@dataclass
class Responder:
    """One watch's hands. ``respond`` is called after each cycle and never blocks on a run."""

    estate: Estate
    checks: tuple[Check, ...]
    catalogue: Mapping[str, Card]
    store: Store
    folder: Path  #: where runs keep what Ansible wrote
    ask: Ask
    now: Callable[[], float]
    tell: Callable[[str], None]  #: told one line when a run begins and when it ends
    policy: Policy = field(default_factory=Policy)
    held: Callable[[], Reason | None] = lambda: None  #: why no runbook may start at all

    def __post_init__(self) -> None:
        """Settle what an earlier watch left behind: nobody runs it any more."""
        self._cancel = threading.Event()
        self._pool = ThreadPoolExecutor(self.policy.at_once, thread_name_prefix="run")
        self._under_way: set[Future[None]] = set()
        self._said: dict[tuple[int | None, str, str], str] = {}
        for left in self._recent():
            if left.running:
                self._keep(interrupted(left))

    def respond(self, verdicts: Iterable[Verdict]) -> list[Proposal]:
        """Decide about the open incidents and start what is allowed."""
        incidents = self.store.incidents(open_only=True)
        if not incidents:
            return []
        runs, now = self._recent(), self.now()
        proposals = decide(
            self.estate,
            self.checks,
            incidents,
            verdicts,
            catalogue=self.catalogue,
            runs=runs,
            now=now,
            policy=self.policy,
            approvals=[approval(record) for record in self.store.records(APPROVAL, now - LASTS)],
            held=self.held(),
        )
        for proposal in proposals:
            self._write_down(proposal, now)
            if proposal.allowed:
                self._start(proposal)
        return proposals

    def close(self) -> None:
        """End the runs under way and wait for them; their records say ``canceled``."""
        self._cancel.set()
        self._pool.shutdown(wait=True)

    def _recent(self) -> list[Run]:
        return [from_record(record) for record in self.store.records(RUN, self.now() - _DAY)]

    def _keep(self, run: Run) -> None:
        self.store.put_record(RUN, run.id, run.started, to_record(run))

    def _write_down(self, proposal: Proposal, now: float) -> None:
        """Every decision once, when its reason is a new one."""
        key = (proposal.incident, proposal.runbook, str(sorted(proposal.inputs.items())))
        if self._said.get(key) == proposal.because.code:
            return
        self._said[key] = proposal.because.code
        payload = {
            "incident": proposal.incident,
            "subject": proposal.subject,
            "runbook": proposal.runbook,
            "inputs": dict(proposal.inputs),
            "allowed": proposal.allowed,
            "check_mode": proposal.check_mode,
            "because": {"code": proposal.because.code, "facts": dict(proposal.because.facts)},
            "at": now,
        }
        self.store.put_record(DECISION, f"{now:.3f}/{proposal.incident}/{proposal.runbook}", now, payload)

    def _start(self, proposal: Proposal) -> None:
        """Begin the run in the background; it counts as under way before this returns."""
        begun = threading.Event()
        future = self._pool.submit(self._run, proposal, begun)
        self._under_way.add(future)
        future.add_done_callback(lambda _: begun.set())
        future.add_done_callback(self._under_way.discard)
        begun.wait()

    def _run(self, proposal: Proposal, begun: threading.Event) -> None:
        def on_start(started: Run) -> None:
            self._keep(started)
            begun.set()
            self.tell(f"runbook {started.runbook} begins for {started.subject} (incident {started.incident})")

        card = self.catalogue[proposal.runbook]
        try:
            ended = run(
                card,
                proposal.inputs,
                self.estate,
                verify=lambda: self._verified(card, proposal),
                now=self.now,
                folder=self.folder,
                check_mode=proposal.check_mode,
                cancel=self._cancel,
                incident=proposal.incident,
                subject=proposal.subject,
                on_start=on_start,
            )
        except Exception as error:
            self.tell(f"runbook {proposal.runbook} could not be run: {type(error).__name__}: {error}")
            raise
        self._keep(ended)
        if ended.outcome is Outcome.REPAIRED and proposal.incident is not None:
            self.store.repaired(proposal.incident, ended.id)
        self.tell(f"runbook {ended.runbook}: {ended.outcome.value} after {ended.took:.1f} s; {ended.sentence}")

    def _verified(self, card: Card, proposal: Proposal) -> Status:
        asked = to_ask(card, told_by(self.estate, proposal.subject), proposal.inputs.get("host", ""), self.checks)
        return together(result.status for result in self.ask(asked))
