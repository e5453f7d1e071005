"""The chain: what is altered is named, and the offline verifier's rules are the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failover import chain
from failover.records import Kind, Record

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def made(payloads: list[dict[str, object]], alg: str = "") -> list[bytes]:
    records: list[Record] = []
    for number, payload in enumerate(payloads):
        values = {
            "run": "r",
            "epoch": 1,
            "mono_ns": number,
            "boot_id": "b",
            "wall": "2026-01-01T00:00:00.000000+00:00",
            "actor": "engine",
            "kind": Kind.INTENT,
            "payload": payload,
        }
        records.append(chain.link(values, records[-1] if records else None, alg))
    return [chain.line(record) for record in records]


LINES = made([{"n": number, "text": "步骤"} for number in range(6)])


def flipped(lines: list[bytes]) -> list[bytes]:
    text = lines[3].replace(b'"n":3', b'"n":4')
    return [*lines[:3], text, *lines[4:]]


def rehashed(lines: list[bytes]) -> list[bytes]:
    """A forger who computes the hash of the altered record anew is found at the next one."""
    record = json.loads(lines[3])
    record["payload"]["n"] = 4
    del record["hash"]
    text = record["prev"].encode() + b"\n" + chain.canonical(record)
    record["hash"] = hashlib.new(record["alg"], text).hexdigest()
    return [*lines[:3], chain.canonical(record) + b"\n", *lines[4:]]


@pytest.mark.parametrize(
    ("alter", "broken"),
    [
        (flipped, "record 3: was altered: its hash does not fit"),
        (rehashed, "record 4: does not continue the record before it"),
        (lambda lines: [*lines[:3], *lines[4:]], "record 3: found record 4 instead: missing or out of order"),
        (lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]], "record 2: found record 3 instead"),
        (lambda lines: [*lines[:2], b"nonsense\n", *lines[2:]], "record 2: not a whole record"),
        (lambda lines: [*lines[:2], lines[2].replace(b'"n":2', b'"n": 2'), *lines[3:]], "record 2: not a whole record"),
        (lambda lines: [*lines[:2], b"[" * 100_000 + b"\n", *lines[3:]], "record 2: not a whole record"),
        (lambda lines: [lines[1], *lines[2:]], "record 0: found record 1 instead"),
        (lambda lines: [*lines, lines[-1]], "record 6: found record 5 instead"),
    ],
)
def test_the_first_bad_record_is_named(alter: Callable[[list[bytes]], list[bytes]], broken: str) -> None:
    assert chain.check(alter(LINES)).broken.startswith(broken)


def test_a_cut_tail_is_seen_by_whoever_knows_the_head() -> None:
    head = chain.check(LINES).head
    assert chain.check(LINES[:4]).broken == ""
    assert chain.check(LINES[:4], (5, head)).broken == "record 4: missing: the end was cut off"
    assert chain.check(LINES, (5, head)).broken == ""
    assert chain.check(LINES, (5, "0" * 64)).broken.startswith("record 5: not the record")


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(b"".join(LINES)) - 1), st.integers(1, 255))
def test_no_byte_is_free(place: int, mask: int) -> None:
    data = bytearray(b"".join(LINES))
    data[place] ^= mask
    lines = bytes(data).split(b"\n")
    assert chain.check([line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])).broken


@settings(max_examples=40, deadline=None)
@given(st.lists(st.dictionaries(st.text(max_size=5), JSON, max_size=3), max_size=4))
def test_what_is_written_is_read_back(payloads: list[dict[str, object]]) -> None:
    found = chain.check(made(payloads))
    assert not found.broken
    assert [dict(record.payload) for record in found.records] == payloads


@pytest.mark.parametrize("alg", ["sha256", chain.algorithm()])
def test_each_record_names_its_algorithm(alg: str) -> None:
    found = chain.check(made([{}, {}], alg))
    assert (found.broken, {record.alg for record in found.records}) == ("", {alg})


def test_a_number_that_json_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        chain.canonical(float("nan"))
