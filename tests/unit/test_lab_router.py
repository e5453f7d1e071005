from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.links import Link
from lab.router import Router, places_of

CLOUD, DR = "10.77.1.21", "10.77.3.21"


def packet(one: str, other: str, mark: bytes = b"") -> bytes:
    return b"\x45" + bytes(11) + socket.inet_aton(one) + socket.inet_aton(other) + mark


def router(link: Link, chance: float = 0.5) -> Router:
    return Router({("cloud", "dr"): link}, places_of("10.77"), lambda: chance)


def test_a_packet_arrives_after_the_delay_and_not_before() -> None:
    one = router(Link(delay=0.015))
    one.take(packet(CLOUD, DR), now=100.0)
    assert one.due(100.014) == []
    assert one.pause(100.010) == pytest.approx(0.005)
    assert one.due(100.016) == [packet(CLOUD, DR)]
    assert one.pause(100.016) is None


def test_a_cut_is_one_way() -> None:
    one = Router({("cloud", "dr"): Link(cut=True), ("dr", "cloud"): Link()}, places_of("10.77"))
    one.take(packet(CLOUD, DR), now=0.0)
    one.take(packet(DR, CLOUD), now=0.0)
    assert one.due(1.0) == [packet(DR, CLOUD)]


@pytest.mark.parametrize(("chance", "arrives"), [(0.29, False), (0.31, True)])
def test_loss_is_a_chance(chance: float, arrives: bool) -> None:
    one = router(Link(loss=0.3), chance)
    one.take(packet(CLOUD, DR), now=0.0)
    assert bool(one.due(1.0)) is arrives


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_jitter_never_reorders(chances: list[float]) -> None:
    drawn = iter(chances)
    one = Router({("cloud", "dr"): Link(delay=0.01, jitter=0.05)}, places_of("10.77"), lambda: next(drawn))
    sent = [packet(CLOUD, DR, bytes([number])) for number in range(len(chances))]
    for number, each in enumerate(sent):
        one.take(each, now=number / 1000)
    assert one.due(10.0) == sent


@given(st.binary(max_size=60))
def test_what_is_no_packet_between_places_is_dropped(noise: bytes) -> None:
    one = router(Link())
    one.take(noise, now=0.0)
    assert one.due(1.0) == []


def test_a_healed_link_lets_packets_through_again() -> None:
    one = router(Link(cut=True))
    one.links = {("cloud", "dr"): Link()}
    one.take(packet(CLOUD, DR), now=0.0)
    assert one.due(0.0) == [packet(CLOUD, DR)]
