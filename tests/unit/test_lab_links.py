from __future__ import annotations

import pytest

from lab.links import Link, dump, harmed, healthy, parse
from lab.topology import PLACES


def test_every_two_places_have_a_link_each_way() -> None:
    assert set(healthy()) == {(one, other) for one in PLACES for other in PLACES if one != other}


@pytest.mark.parametrize(
    ("way", "milliseconds"),
    [(("cloud", "bigdata"), 1), (("dr", "cloud"), 15), (("outside", "bigdata"), 2), (("outside", "dr"), 15)],
)
def test_distance_is_delay(way: tuple[str, str], milliseconds: int) -> None:
    assert healthy()[way].delay == milliseconds / 1000


def test_a_harm_adds_to_its_own_direction_only() -> None:
    links = harmed({("cloud", "dr"): Link(delay=0.1, loss=0.5)})
    assert links["cloud", "dr"] == Link(delay=0.115, loss=0.5)
    assert links["dr", "cloud"] == healthy()["dr", "cloud"]


def test_losses_combine_as_chances_do_and_a_cut_stays() -> None:
    both = Link(loss=0.5, cut=True).worse(Link(loss=0.5))
    assert both.loss == pytest.approx(0.75)
    assert both.cut


def test_the_router_reads_what_was_written() -> None:
    links = harmed({("cloud", "dr"): Link(jitter=0.01, cut=True)})
    assert parse(dump(links)) == links
