"""The evidence of a run: what was altered is named, also by the one file that an auditor runs alone."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import random
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failover import evidence, verify_bundle
from failover.evidence import bundle, kept_heads, seal
from failover.records import Kind
from failover.run_folder import RunFolder
from failover.verify_bundle import NoBundle, canonical, chain, digest, sm3, verify
from inventory.errors import OperatorError
from tests.golden.drills.journal import Script, small, written

FILES = (("plan.yml", b"plan: metro-switchover\n"), ("meters/dr/probes.jsonl", b'{"ok":true}\n' * 3))


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return written(tmp_path / "drills", small(), FILES)


# The journal: whatever is done to it, the first bad record is named.


@pytest.mark.parametrize("alg", ["sha256", "sm3"])
def test_an_untouched_journal_is_good(alg: str) -> None:
    script = small(alg)
    found = chain(script.text())
    assert (len(found.records), found.head, found.problem) == (4, script.lines[-1]["hash"], "")


def test_every_flip_of_every_byte_names_the_record_it_is_in() -> None:
    text = small().text()
    for place in range(len(text)):
        for bit in range(8):
            flipped = bytearray(text)
            flipped[place] ^= 1 << bit
            number = text[:place].count(b"\n")
            assert chain(bytes(flipped)).problem.startswith(f"journal: record {number}: "), (place, bit)


def test_every_deleted_record_is_named_and_so_is_every_one_put_twice() -> None:
    lines = small().text().splitlines(keepends=True)
    for number in range(len(lines)):
        short, long = lines[:number] + lines[number + 1 :], lines[: number + 1] + lines[number:]
        last = number == len(lines) - 1  # a cut tail shows against the manifest or a kept head, never in itself
        assert chain(b"".join(short)).problem.startswith("" if last else f"journal: record {number}: ")
        assert chain(b"".join(long)).problem.startswith(f"journal: record {number + 1}: ")


def test_every_two_records_changed_for_each_other_are_named() -> None:
    lines = small().text().splitlines(keepends=True)
    for one in range(len(lines)):
        for other in range(one + 1, len(lines)):
            swapped = list(lines)
            swapped[one], swapped[other] = swapped[other], swapped[one]
            assert chain(b"".join(swapped)).problem.startswith(f"journal: record {one}: ")


def test_a_tail_cut_at_any_byte_is_named(run: RunFolder) -> None:
    seal(run)
    text = run.journal.read_bytes()
    for length in range(len(text)):
        number = text[:length].count(b"\n")
        problem = chain(text[:length]).problem
        if not problem:  # between two records: only the manifest, or a head that a peer kept, knows of the rest
            run.journal.write_bytes(text[:length])
            problem = verify(run.folder)[1][0]
        assert problem.startswith(f"journal: record {number}: "), length


def test_a_record_written_in_another_way_is_no_longer_the_record() -> None:
    text = small().text()
    for changed in (text.replace(b'","', b'", "', 1), text.replace(b"\n", b"\r\n", 1), text.replace(b"1", b"1.0", 1)):
        assert chain(changed).problem.startswith("journal: record 0: ")


@pytest.mark.parametrize("field", ["alg", "kind", "prev", "hash", "seq", "payload", "run"])
@pytest.mark.parametrize("value", [None, [], {}, "md5", 7, "\ud800"])
def test_a_record_with_a_strange_value_is_named_and_breaks_nothing(field: str, value: object) -> None:
    script = small()
    script.lines[2][field] = value
    try:
        text = script.text()
    except UnicodeEncodeError:
        text = b"".join(canonical(line) + b"\n" for line in script.lines[:2]) + b'{"seq":"\\ud800"}\n'
    assert chain(text).problem.startswith("journal: record 2: ")


@pytest.mark.parametrize("line", [b"[" * 100_000, b"\xff\xfe", b"1" * 10_000, b"NaN", b"", b"{}", b"null"])
def test_hostile_lines_are_bad_records(line: bytes) -> None:
    assert chain(small().text() + line + b"\n").problem.startswith("journal: record 4: ")


def test_records_of_two_runs_do_not_mix() -> None:
    script = small()
    script.run = "20260912T010000Z-other-a1b2"
    script.at(9, Kind.STATE, {})
    assert chain(script.text()).problem.startswith("journal: record 4: belongs to another run")


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=300))
def test_sm3_in_plain_python_is_sm3(data: bytes) -> None:
    assert sm3(data) == hashlib.new("sm3", data).hexdigest()


def test_sm3_of_the_standards_own_examples() -> None:
    assert sm3(b"abc") == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    assert sm3(b"abcd" * 16) == "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"


# The bundle.


def test_an_untouched_bundle_is_intact_and_what_vouches_for_it_is_said(run: RunFolder, tmp_path: Path) -> None:
    archive, head, sealed = bundle(run, tmp_path / "out")
    assert kept_heads(head) == (sealed.manifest, sealed.journal)
    facts, problems = verify(archive, kept_heads(head))
    assert problems == []
    assert any("vouched for" in fact and "the manifest, record 3" in fact for fact in facts)
    assert any("no hash from elsewhere" in fact for fact in verify(archive)[0])
    assert verify(run.folder)[1] == []


def test_equal_runs_give_equal_bundles(run: RunFolder, tmp_path: Path) -> None:
    first = bundle(run, tmp_path / "one")[0].read_bytes()
    os.utime(run.plan, (1, 1))
    run.plan.chmod(0o600)
    assert bundle(run, tmp_path / "two")[0].read_bytes() == first


def test_every_flip_in_an_archive_is_refused_or_named(run: RunFolder, tmp_path: Path) -> None:
    archive, head, _ = bundle(run, tmp_path / "out")
    data, heads = archive.read_bytes(), kept_heads(head)
    free = set(range(4, 10))  # of the gzip header: time, level and system are not content
    for place in random.Random(3).sample(sorted(set(range(len(data))) - free), 250):
        flipped = bytearray(data)
        flipped[place] ^= 0x41
        archive.write_bytes(bytes(flipped))
        with suppress(NoBundle):
            assert verify(archive, heads)[1], place


def test_every_flip_in_the_manifest_is_refused_or_named(run: RunFolder) -> None:
    sealed = seal(run)
    data = run.manifest.read_bytes()
    for place in range(0, len(data), 3):
        flipped = bytearray(data)
        flipped[place] ^= 0x02
        run.manifest.write_bytes(bytes(flipped))
        with suppress(NoBundle):
            assert verify(run.folder, (sealed.manifest,))[1], place


def forged(run: RunFolder) -> None:
    """Everything made anew by someone who knows the rules: without the last record, and with a new manifest."""
    shorter = small()
    shorter.lines.pop()
    run.journal.write_bytes(shorter.text())
    seal(run)


def test_a_cut_tail_with_a_new_manifest_is_found_by_the_head_that_a_peer_kept(run: RunFolder) -> None:
    kept = seal(run)
    forged(run)
    assert verify(run.folder)[1] == []  # nobody can tell from the bundle alone, and it says so:
    assert any("no hash from elsewhere" in fact for fact in verify(run.folder)[0])
    for head in (kept.journal, kept.manifest):
        assert [problem for problem in verify(run.folder, (head,))[1] if "the end was cut off" in problem]


def test_a_head_kept_in_mid_run_vouches_for_the_records_before_it(run: RunFolder) -> None:
    seal(run)
    facts, problems = verify(run.folder, (small().lines[1]["hash"],))
    assert problems == []
    assert any(fact.endswith(": record 1") for fact in facts)


def altered(run: RunFolder) -> None:
    (run.folder / "plan.yml").write_bytes(b"plan: something-else.\n")


def lost(run: RunFolder) -> None:
    (run.meters / "dr" / "probes.jsonl").unlink()


def slipped_in(run: RunFolder) -> None:
    (run.folder / "note.txt").write_bytes(b"all was well")


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (altered, "plan.yml: was altered"),
        (lost, "meters/dr/probes.jsonl: is missing"),
        (slipped_in, "note.txt: is not in the manifest"),
    ],
)
def test_a_file_that_was_touched_is_named(run: RunFolder, harm: Callable[[RunFolder], None], said: str) -> None:
    seal(run)
    harm(run)
    (problem,) = verify(run.folder)[1]
    assert problem.startswith(said)


def test_what_cannot_be_taken_in_is_left_out_by_name_and_costs_nothing_else(run: RunFolder, tmp_path: Path) -> None:
    (run.folder / "secret").symlink_to("/etc/shadow")
    os.mkfifo(run.folder / "pipe")
    (run.folder / ("n" * 120)).write_bytes(b"")
    (run.folder / "engine.lock").write_bytes(b"")
    made = evidence.manifest(run, "sha256")
    assert made["left_out"] == {
        "secret": "a link",
        "pipe": "not a plain file",
        "n" * 120: "its name is too long or not text",
    }
    assert "engine.lock" not in made["files"]
    facts, problems = verify(bundle(run, tmp_path / "out")[0])
    assert problems == []
    assert any("3 files were left out" in fact for fact in facts)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="no journal"):
        bundle(RunFolder(tmp_path), tmp_path / "out")


@pytest.mark.parametrize("text", [b"", b"{}", b"[1]", b'{"manifest": 1}', b"[" * 99_999])
def test_a_file_that_holds_no_heads_is_refused(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "head.json").write_bytes(text)
    with pytest.raises(OperatorError, match="not a head file"):
        kept_heads(tmp_path / "head.json")


# Hostile archives: refused, and nothing is ever written.


def packed(*members: tuple[tarfile.TarInfo, bytes], **how: int) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz", format=how.get("format", tarfile.USTAR_FORMAT)) as archive:
        for member, data in members:
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return raw.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    return made


HOSTILE = {
    "up": packed((member("run/../../etc/passwd"), b"x")),
    "absolute": packed((member("/etc/passwd"), b"x")),
    "two tops": packed((member("run/a"), b"x"), (member("other/b"), b"x")),
    "no folder": packed((member("manifest.json"), b"x")),
    "symlink": packed((member("run/manifest.json", tarfile.SYMTYPE, "/etc/shadow"), b"")),
    "hardlink": packed((member("run/manifest.json", tarfile.LNKTYPE, "/etc/shadow"), b"")),
    "device": packed((member("run/manifest.json", tarfile.CHRTYPE), b"")),
    "pax": packed((member("run/" + "n" * 300), b"x"), format=tarfile.PAX_FORMAT),
    "gnu": packed((member("run/" + "n" * 300), b"x"), format=tarfile.GNU_FORMAT),
    "backslash": packed((member("run/..\\..\\x"), b"x")),
    "not first": packed((member("run/journal.jsonl"), b"x"), (member("run/manifest.json"), b"{}")),
    "deep manifest": packed((member("run/manifest.json"), b"[" * 100_000)),
    "manifest of words": packed((member("run/manifest.json"), b'{"files":{"a":1},"journal":3}')),
    "not gzip": b"PK\x03\x04 something else",
    "empty": b"",
    "bomb": gzip.compress(member("run/a").tobuf(tarfile.USTAR_FORMAT)[:124] + b"77777777777\0" + b"\0" * 376),
    "cut": packed((member("run/manifest.json"), b"{}" * 9999))[:-40],
    "trailing": packed((member("run/manifest.json"), b"{}")) + gzip.compress(b"more"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "bundle.tar.gz").write_bytes(HOSTILE[name])
    with pytest.raises(NoBundle):
        verify(tmp_path / "bundle.tar.gz")
    assert [path.name for path in tmp_path.iterdir()] == ["bundle.tar.gz"]


def test_a_bomb_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    header = member("run/manifest.json")
    header.size = (1 << 33) - 1
    (tmp_path / "bundle.tar.gz").write_bytes(gzip.compress(header.tobuf(tarfile.USTAR_FORMAT) + bytes(1 << 20)))
    with pytest.raises(NoBundle, match="too large"):
        verify(tmp_path / "bundle.tar.gz")


def test_a_link_in_an_unpacked_folder_is_refused(run: RunFolder) -> None:
    seal(run)
    (run.folder / "secret").symlink_to("/etc/shadow")
    with pytest.raises(NoBundle, match="secret: no plain file"):
        verify(run.folder)


# Alone on another machine.


def alone(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The verifier as an auditor runs it: that file, an empty folder, none of our packages."""
    argv = [sys.executable, "-I", "-S", str(folder / "verify_bundle.py"), *words]
    return subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def auditor(run: RunFolder, tmp_path: Path) -> Iterator[Path]:
    archive, _, _ = bundle(run, tmp_path / "out")
    with tarfile.open(archive) as opened:
        copy = opened.extractfile(f"{run.run}/verify_bundle.py")
        assert copy
        (tmp_path / "auditor").mkdir()
        (tmp_path / "auditor" / "verify_bundle.py").write_bytes(copy.read())
    shutil.copy(archive, tmp_path / "auditor" / "b.tar.gz")
    yield tmp_path / "auditor"


def test_the_copy_in_the_bundle_checks_it_alone(auditor: Path) -> None:
    good = alone(auditor, "b.tar.gz")
    assert (good.returncode, good.stdout.splitlines()[-1]) == (0, "INTACT / 完整，未被改动")
    wrong = alone(auditor, "b.tar.gz", "--head", "0" * 63 + "1")
    assert wrong.returncode == 1
    assert "the end was cut off" in wrong.stdout
    (auditor / "b.tar.gz").write_bytes(b"nothing")
    assert alone(auditor, "b.tar.gz").returncode == 2
    assert alone(auditor).returncode == 2


def test_it_verifies_sm3_where_openssl_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_bundle, "OPENSSL_HAS_SM3", False)
    assert chain(small("sm3").text()).problem == ""
    assert digest("sm3", b"abc").startswith("66c7f0f4")


def test_the_verifier_stays_one_file_of_the_standard_library_that_a_person_can_read() -> None:
    lines = Path(verify_bundle.__file__).read_text().splitlines()
    assert len(lines) < 300
    modules = {line.split()[1].partition(".")[0] for line in lines if line.startswith(("import ", "from "))}
    assert modules <= sys.stdlib_module_names


def test_a_longer_journal_agrees_from_end_to_end() -> None:
    script = Script("20260912T010000Z-x-0000", "sm3")
    for number in range(50):
        script.at(number, Kind.STATE, {"state": "running", "because": f"第 {number} 条"})
    assert len(chain(script.text()).records) == 50
