"""The order of steps: what is surely earlier, what may run together, how long clients wait."""

from __future__ import annotations

from graphlib import TopologicalSorter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failover import graph
from failover.lint import ours
from failover.plan import Mode

Needs = dict[str, tuple[str, ...]]
DIAMOND: Needs = {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c"), "e": ()}


@st.composite
def graphs(draw: st.DrawFn) -> Needs:
    """Any order without rings, written in any order."""
    names = draw(st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8))
    needs = {name: tuple(draw(st.sets(st.sampled_from(names[:at] or [name])))) for at, name in enumerate(names)}
    needs = {name: tuple(need for need in before if need != name) for name, before in needs.items()}
    return {name: needs[name] for name in draw(st.permutations(names))}


def test_before_and_after() -> None:
    assert graph.before(DIAMOND, "d") == {"a", "b", "c"}
    assert graph.before(DIAMOND, "e") == frozenset()
    assert graph.after(DIAMOND, "a") == {"b", "c", "d"}


def test_a_ring_is_found_and_what_follows_it_is_not_part_of_it() -> None:
    ring: Needs = {"a": ("c",), "b": ("a",), "c": ("b",), "d": ("c",)}
    assert graph.cyclic(ring) == ["a", "b", "c"]
    assert sorted(graph.in_order(ring)) == ["a", "b", "c", "d"]


def test_the_longest_way_counts() -> None:
    assert graph.ends(DIAMOND, {"a": 1, "b": 5, "c": 2, "d": 1, "e": 3}) == {"a": 1, "b": 6, "c": 3, "d": 7, "e": 3}


def test_what_is_left_out_is_stepped_over() -> None:
    assert graph.only(DIAMOND, ["a", "d"]) == {"a": (), "d": ("a",)}
    assert graph.only({"a": (), "b": ("a",), "c": ("b", "a")}, ["a", "c"]) == {"a": (), "c": ("a",)}


@given(needs=graphs())
def test_an_order_in_which_each_stands_after_all_it_needs(needs: Needs) -> None:
    order = graph.in_order(needs)
    assert sorted(order) == sorted(needs)
    for name in needs:
        assert all(order.index(need) < order.index(name) for need in graph.before(needs, name))
    assert graph.cyclic(needs) == []


@given(needs=graphs(), kept=st.sets(st.sampled_from("abcdefgh")))
def test_leaving_steps_out_keeps_the_order_of_the_rest(needs: Needs, kept: set[str]) -> None:
    some = graph.only(needs, kept)
    for name in some:
        assert graph.before(some, name) == graph.before(needs, name) & kept
    TopologicalSorter(some).prepare()


@pytest.mark.parametrize(
    ("plan", "mode", "path"),
    [
        ("switchover-metro", Mode.GRACEFUL, ("fence", "catch-up", "promote", "point")),
        (
            "lost-production-metro",
            Mode.UNGRACEFUL,
            ("look", "declare", "fence", "clear-sync", "catch-up", "promote", "point"),
        ),
        ("link-cut-metro", Mode.UNGRACEFUL, ("look", "decide", "give-up-sync")),
        ("dr-lost", Mode.GRACEFUL, ()),
    ],
)
def test_clients_wait(plan: str, mode: Mode, path: tuple[str, ...]) -> None:
    assert graph.outage(ours()[plan].plan.steps, mode) == path
