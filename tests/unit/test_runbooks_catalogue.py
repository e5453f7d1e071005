"""Cards: ours are complete, and every mistake in a card is told at once with its line."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from runbooks import catalogue
from runbooks.card import Card, Risk
from runbooks.catalogue import InvalidCards, load

OURS = Path(catalogue.__file__).parent
GOOD = (OURS / "cards" / "restart-service.yml").read_text()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(OURS / "cards", tmp_path / "cards")
    shutil.copytree(OURS / "playbooks", tmp_path / "playbooks")
    return tmp_path


def refusal(folder: Path, card: str) -> str:
    (folder / "cards" / "restart-service.yml").write_text(card)
    with pytest.raises(InvalidCards) as refused:
        load(folder)
    return str(refused.value)


def test_ours_are_read_with_their_playbooks() -> None:
    cards = load()
    assert list(cards) == sorted(cards)
    assert cards.keys() >= {"free-disk", "restart-service", "resume-replication", "requeue-batch"}
    assert all(card.playbook_file.is_file() for card in cards.values())
    assert {name for name, card in cards.items() if not card.trigger} == {"restore-test"}  # only people start it
    assert cards["restart-service"].risk is Risk.LOW
    assert cards["restart-service"].cool_down == 120.0


@pytest.mark.parametrize("card", load().values(), ids=lambda card: card.id)
def test_our_playbooks_keep_to_the_rules(card: Card) -> None:
    """No shell; every task ends by itself; only the target is touched; nothing is gathered unasked."""
    [play] = yaml.safe_load(card.playbook_file.read_text())
    assert play["hosts"] == "all"
    assert play["gather_facts"] is False
    for task in tasks(play["tasks"]):
        assert not {"shell", "ansible.builtin.shell", "ansible.builtin.raw", "delegate_to", "local_action"} & set(task)
        assert "timeout" in task or "ansible.builtin.debug" in task


def tasks(found: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every task, those of blocks too."""
    for task in found:
        inner = [part for key in ("block", "rescue", "always") for part in task.get(key, ())]
        yield from tasks(inner) if inner else [task]


@pytest.mark.parametrize(
    ("was", "becomes", "at", "said"),
    [
        ("risk: low", "risk: tiny", "risk:", "tiny"),
        ("cool_down: 2m", "cool_down: 2", "cool_down:", "unit"),
        ("cool_down: 2m", "cooldown: 2m", "cooldown:", "cooldown"),
        ("    type: service", "    type: servant", "type: servant", "servant"),
        ("  fault: service", "  fault: [service, magic]", "fault:", "magic"),
        ("    host: check.host", "    host: check.hostname", "host: check.hostname", "check.hostname"),
        ("    host: check.host", "    hots: check.host", "fill:", "fills `hots`"),
        ("    host: check.host", "    hots: check.host", "fill:", "leaves the input `host` empty"),
        ("id: restart-service", "id: restart", "id:", "file's name"),
        ("verify: {within: 60s, settle: 3s}", "verify: {settle: 3s}", "verify:", "within"),
        ("risk: low", "risk: low\nplaybook: ../../etc/passwd", "playbook:", "etc/passwd"),
        ("risk: low", "risk: low\nplaybook: missing.yml", "playbook:", "missing"),
        ("  host:\n    type: host", "  host:\n    type: path", "inputs:", "type host"),
        ("    type: service", "    type: service\n    choices: [a]", "service:", "go together"),
        ("    type: service", "    type: service\n    below: x", "service:", "for paths"),
        ("    name: {zh: 服务, en: service}", "    name: {zh: 服务}", "name: {zh: 服务}", "en"),
    ],
)
def test_a_mistake_is_told_with_its_line(folder: Path, was: str, becomes: str, at: str, said: str) -> None:
    assert was in GOOD
    card = GOOD.replace(was, becomes)
    told = refusal(folder, card)
    lines = [number for number, text in enumerate(card.splitlines(), 1) if text.strip().startswith(at)]
    assert f"restart-service.yml:{lines[0]}:" in told
    assert said in told


def test_mistakes_of_all_cards_are_told_at_once(folder: Path) -> None:
    (folder / "cards" / "free-disk.yml").write_text("id: free-disk\n")
    (folder / "cards" / "broken.yml").write_text("id: [\n")
    told = refusal(folder, GOOD.replace("risk: low", "risk: tiny").replace("timeout: 60s", "timeout: x"))
    for place in ("`tiny`", "`x`", "free-disk.yml:1", "broken.yml:"):
        assert place in told


def test_a_folder_without_cards_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(InvalidCards, match="no card"):
        load(tmp_path)
