"""What people say to a run: files they put down, taken in once, journalled, and weighed by the role of who spoke."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from failover.approvals import may_start, people
from failover.plan import Plan
from failover.records import State
from failover.replay import Standing
from inventory.errors import OperatorError

WORDS = ("confirm", "deny", "commit", "roll-back", "abort", "resume", "real")
_FILE = re.compile(r"[0-9TZ]{1,30}-[0-9a-f]{1,16}\.json")
_MOST = 1000


@dataclass(frozen=True, slots=True)
class Word:
    """One thing that a person said, and the file that holds it."""

    file: str
    what: str
    step: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Says:
    """The folder into which people speak."""

    folder: Path

    def put(self, what: str, by: str, reason: str = "", step: str = "", *, stamp: str) -> None:
        """Say something; the engine takes it in at its next look."""
        if what not in WORDS:
            raise OperatorError(f"`{what}` is nothing that a run understands: {', '.join(WORDS)}")
        said = {"what": what, "by": by, "reason": reason, "step": step}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = self.folder / f"{stamp}-{secrets.token_hex(4)}.json"
            made = file.with_suffix(".new")
            made.write_text(json.dumps(said, ensure_ascii=False), encoding="utf-8")
            made.replace(file)
        except OSError as error:
            raise OperatorError(f"cannot write to {self.folder}: {error.strerror}") from None

    def new(self, taken: Collection[str]) -> list[Word]:
        """What was said and not yet taken in, oldest first; what is no word of ours is passed over."""
        try:
            names = sorted(path.name for path in self.folder.iterdir())[:_MOST]
        except OSError:
            return []
        fresh = [name for name in names if name not in taken and _FILE.fullmatch(name)]
        return [word for name in fresh if (word := _read(self.folder / name))]


def _read(file: Path) -> Word | None:
    try:
        with file.open("rb") as opened:
            said = json.loads(opened.read(20_000))
        what, step, by, reason = (str(said[key])[:1000] for key in ("what", "step", "by", "reason"))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Word(file.name, what, step, by, reason) if what in WORDS else None


def weigh(plan: Plan, standing: Standing, word: Word) -> str:
    """Why what was said does not count; empty when it does. Pure."""
    if not may_start(plan, word.by):
        return "no-duty"
    weigher = {"confirm": _answer, "deny": _answer, "commit": _commit, "roll-back": _back, "resume": _resume}
    return weigher.get(word.what, _always)(plan, standing, word)


def _always(_plan: Plan, _standing: Standing, _word: Word) -> str:
    return ""


def _answer(plan: Plan, standing: Standing, word: Word) -> str:
    if word.step not in standing.asked:
        return "not-asked"
    role = plan.step(word.step).role
    return "" if role and word.by in people(plan, role) else "not-in-role"


def _commit(plan: Plan, standing: Standing, word: Word) -> str:
    if standing.state is not State.COMMIT_WAIT:
        return "too-early"
    return "" if word.by in people(plan, plan.soak.role) else "not-in-role"


def _back(plan: Plan, _standing: Standing, word: Word) -> str:
    return "" if word.by in people(plan, plan.soak.role) else "not-in-role"


def _resume(_plan: Plan, standing: Standing, _word: Word) -> str:
    return "" if standing.state is State.PAUSED else "not-paused"
