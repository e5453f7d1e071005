"""Tells people: empties the outbox into mail and Alertmanager, keeps open incidents firing, and looks after the path.

``turn`` is called every few seconds in a thread of its own; what one channel does or does not do holds up no other for
longer than one conversation, and never the watch.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from inventory.model import Estate
from inventory.people import Alertmanager, Mail, People
from reports.alertmanager import Alert, Refused, post
from reports.incident_facts import grading_of
from reports.mail import NotSent, send
from reports.notice import alerts, digest, heartbeat
from reports.reminders import remind_of
from reports.render import render_text
from reports.watchdog import Heart
from state.grading import graver
from state.incident_act import Grade
from state.incident_book import suggest
from state.notice_path import Stuck, judge_path
from state.outbox import Batch, Outbox
from state.store import Store
from state.verdict import Incident

EVERY = 5.0  #: seconds from one turn to the next
_GRADES, _FORGET = 30.0, 3600.0  #: seconds from one look at grades and deadlines, or at old rows, to the next
_SILENCE = 300.0  #: where no watchdog says how long is too long
_MAIL, _ALERTMANAGER = "mail:", "alertmanager:"


def channels(people: People) -> tuple[str, ...]:
    """The channels of an estate, as rows of the outbox name them."""
    notices = people.notices
    if notices is None:
        return ()
    mails = [f"{_MAIL}{lang}" for lang, to in notices.mail.to.items() if to] if notices.mail else []
    managers = [f"{_ALERTMANAGER}{url}" for url in notices.alertmanager.urls] if notices.alertmanager else []
    return (*mails, *managers)


@dataclass
class Messenger:
    """One watch's voice."""

    estate: Estate
    people: People
    store: Store
    watch: str  #: what this watch is called: two watches on one estate each have a heartbeat
    now: Callable[[], float]  #: Unix time
    mono: Callable[[], float]  #: seconds that never jump: all pauses and silences are measured in them
    tell: Callable[[str], None]  #: told one line when a channel begins or ceases to fail
    heart: Heart = field(default_factory=Heart)

    def __post_init__(self) -> None:
        """Begin: from now on the store queues what is to be told."""
        self.store.channels = channels(self.people)
        self._outbox = Outbox(self.store.engine)
        self._began, self._begun_at = self.mono(), self.now()
        self._arrived: float | None = None
        self._posted: dict[str, float] = {}
        self._failing: dict[str, Stuck] = {}
        self._said: tuple[str, str] | None = None
        self._looked = self._forgot = float("-inf")
        self._reminded: set[tuple[int, str]] = set()

    def again(self, estate: Estate, people: People) -> None:
        """The estate and its people were read again; where the heartbeat comes back stays as it was at the start."""
        self.estate, self.people = estate, people
        self.store.channels = channels(people)

    def hear(self, body: bytes) -> None:
        """Take in a message of Alertmanager's webhook."""
        if (beat := self.heart.heard(body)) is not None:
            self._arrived = max(beat, self._arrived or beat)

    def turn(self) -> None:
        """Everything that is due now."""
        now, mono = self.now(), self.mono()
        notices = self.people.notices
        if notices is None:
            return
        incidents = self.store.incidents(open_only=True)
        if mono - self._looked >= _GRADES:
            self._look_at_grades(incidents, now)
            self._looked = mono
        if notices.alertmanager is not None:
            for url in notices.alertmanager.urls:
                self._alert(url, notices.alertmanager, incidents)
        if notices.mail is not None:
            for lang in notices.mail.to:
                self._mail(lang, notices.mail)
        self._judge_path(notices.alertmanager)
        if mono - self._forgot >= _FORGET:
            self._outbox.forget(now)
            self._forgot = mono

    def _look_at_grades(self, incidents: Sequence[Incident], now: float) -> None:
        """Tell when the rules suggest a graver grade than before, and when a report is due soon or late."""
        for incident in incidents:
            found = grading_of(self.store, self.estate, self.people, incident, now)
            kept = Grade(incident.suggested) if incident.suggested else None
            if found.grade is not None and graver(found.grade, kept):
                suggest(self.store, incident, found.grade, now, {"grade": found.grade.value})
            self._reminded |= remind_of(
                self.store, self.estate, self.people, incident, found.grade, self._reminded, now
            )

    def _alert(self, url: str, manager: Alertmanager, incidents: Sequence[Incident]) -> None:
        """What is new at once, and every so often everything that is open: Alertmanager forgets when it restarts."""
        channel, now = f"{_ALERTMANAGER}{url}", self.now()
        batch = self._outbox.claim(channel, now, _name())
        due = self.mono() - self._posted.get(channel, float("-inf")) >= manager.again
        news = _newest(batch) if batch else []
        known = {incident.id for incident in incidents}
        over = [incident for incident in news if incident.id not in known]
        if not batch and not due:
            return
        told = alerts([*incidents, *over], self.estate, now)
        error = self._post(url, [*self._beat(manager, now), *told])
        if error is None:
            self._posted[channel] = self.mono()
        self._settle(channel, batch, error, "")

    def _beat(self, manager: Alertmanager, now: float) -> list[Alert]:
        if manager.watchdog is None:
            return []
        silence = manager.watchdog.silence
        return [heartbeat(self.estate, self.watch, self.heart.beat(self.mono()), self._begun_at, now, silence)]

    @staticmethod
    def _post(url: str, told: Sequence[Alert]) -> str | None:
        try:
            post(url, told)
        except Refused as refusal:
            return str(refusal)
        return None

    def _mail(self, lang: str, mail: Mail) -> None:
        """One mail of everything that waits; the next one not before the pause is over."""
        now, channel = self.now(), f"{_MAIL}{lang}"
        batch = self._outbox.claim(channel, now, _name(), mail.wait, mail.pause)
        if batch is None:
            return
        view = digest(batch, self.estate, lang, now)
        if view is None:
            self._settle(channel, batch, None, "nothing left to tell")
            return
        text = render_text(f"notice.{lang}.txt.j2", view)
        try:
            note = send(mail, lang, view.title, text, batch.id, batch.rows[0].at)
        except NotSent as failure:
            self._settle(channel, batch, str(failure), "", failure.sure)
        else:
            self._settle(channel, batch, None, note)

    def _settle(self, channel: str, batch: Batch | None, error: str | None, note: str, sure: bool = True) -> None:
        """Write down what became of a batch, and tell when a channel begins or ceases to fail."""
        now = self.now()
        if batch is not None and error is None:
            self._outbox.sent(batch, now, note)
        elif batch is not None and error is not None and (lost := self._outbox.failed(batch, now, error, sure)):
            self.tell(f"notices through {channel}: {lost} given up after {batch.attempts} attempts: {error}")
        before = self._failing.get(channel)
        if error is None:
            if self._failing.pop(channel, None):
                self.tell(f"notices through {channel}: taken again")
            return
        rows = len(batch.rows) if batch else 0
        self._failing[channel] = Stuck(channel, before.since if before else self.mono(), rows, error)
        if before is None:
            self.tell(f"notices through {channel} fail, will be tried again: {error}")

    def _judge_path(self, manager: Alertmanager | None) -> None:
        """Settle the verdict on the path whenever it says something else than before."""
        mono, watchdog = self.mono(), manager.watchdog if manager else None
        silence = watchdog.silence if watchdog else _SILENCE
        stuck = list(self._failing.values())
        verdict = judge_path(self._began, self._arrived, watchdog is not None, silence, stuck, mono)
        if verdict is None:
            return
        said = (verdict.because.code, verdict.because.facts.get("channel", ""))
        if said != self._said:
            now = self.now()
            since = now - (mono - verdict.since)
            self.store.settle([], [replace(verdict, since=since, at=now)], now)
            self._said = said


def _newest(batch: Batch) -> list[Incident]:
    """The incidents of a batch, each as its last row has it."""
    return list({row.incident.id: row.incident for row in batch.rows}.values())


def _name() -> str:
    return secrets.token_hex(12)
