"""Checks an evidence bundle alone: this one file, the standard library, no network, any machine with Python from 3.9.

    python verify_bundle.py BUNDLE.tar.gz [--head HASH]...        检查演练证据包，无需联网，只用本文件

BUNDLE is the archive, or the folder it was unpacked to. HASH was kept somewhere else, at best in another center: of the
manifest (it then vouches for every file) or of a record of the journal (it vouches for all records up to that one).
Without a HASH nobody can tell a bundle from one that was made anew as a whole, and the answer says so.
Exit codes: 0 nothing was altered, 1 something was altered and is named, 2 this is not a bundle or a hostile archive.

The rules. Every line of journal.jsonl is one record as canonical JSON, that is ``json.dumps(record, sort_keys=True,
separators=(",", ":"), ensure_ascii=False)`` in UTF-8 and a line feed. Records count from 0 in ``seq``; ``prev`` is the
``hash`` of the record before (64 zeros for the first), and ``hash`` is H(prev + "\\n" + canonical JSON of the record
without ``hash``), H by the record's ``alg``: sm3 (GB/T 32905) or sha256. ``manifest.json`` holds size and hash of every
other file, and the number and head of the records.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import operator
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

FORMAT = "tricenter-evidence/1"
MANIFEST, JOURNAL = "manifest.json", "journal.jsonl"
MOST_FILES, MOST_BYTES, MOST_BYTES_OF_ONE = 20_000, 1 << 30, 1 << 27
BLOCK, FIRST = 512, "0" * 64  #: bytes of a tar block; what the first record continues
FIELDS = {"seq", "run", "epoch", "mono_ns", "boot_id", "wall", "actor", "kind", "payload", "alg", "prev", "hash"}
ALGORITHMS = ("sm3", "sha256")
OPENSSL_HAS_SM3 = "sm3" in hashlib.algorithms_available
UNVOUCHED = "note: no hash from elsewhere was given / 注意：未提供异地留存的哈希，无法排除整体重新制作"
STRANGE = (
    "nothing here has this hash: the end was cut off, or all made anew / 与异地留存的哈希不符：末尾被截断或整体重制"
)


class NoBundle(Exception):
    """This cannot be read as a bundle, or must not be."""


class Chain(NamedTuple):
    """The good records of a journal, and what is wrong with the first bad one."""

    records: tuple[dict[str, Any], ...]
    head: str  #: hash of the last good record
    problem: str  #: nothing when all are good


def digest(alg: str, data: bytes) -> str:
    """The hash of some bytes as 64 hexadecimal digits, ``sm3`` or ``sha256``."""
    return hashlib.new(alg, data).hexdigest() if alg == "sha256" or OPENSSL_HAS_SM3 else sm3(data)


def sm3(data: bytes) -> str:
    """SM3 (GB/T 32905-2016) in plain Python, for those whose OpenSSL lacks it: slow, the same everywhere."""
    state: tuple[int, ...] = (
        0x7380166F,
        0x4914B2B9,
        0x172442D7,
        0xDA8A0600,
        0xA96F30BC,
        0x163138AA,
        0xE38DEE4D,
        0xB0FB0E4E,
    )
    whole = data + b"\x80" + b"\0" * (-(len(data) + 9) % 64) + struct.pack(">Q", len(data) * 8)
    for start in range(0, len(whole), 64):
        state = _sm3_block(state, whole[start : start + 64])
    return "".join(f"{word:08x}" for word in state)


def _sm3_block(state: tuple[int, ...], block: bytes) -> tuple[int, ...]:
    w = list(struct.unpack(">16I", block))
    for j in range(16, 68):
        x = w[j - 16] ^ w[j - 9] ^ _turn(w[j - 3], 15)
        w.append(x ^ _turn(x, 15) ^ _turn(x, 23) ^ _turn(w[j - 13], 7) ^ w[j - 6])
    a, b, c, d, e, f, g, h = state
    for j in range(64):
        early = j < 16
        ss1 = _turn((_turn(a, 12) + e + _turn(0x79CC4519 if early else 0x7A879D8A, j)) & 0xFFFFFFFF, 7)
        ff = a ^ b ^ c if early else (a & b) | (a & c) | (b & c)
        gg = e ^ f ^ g if early else (e & f) | (~e & g)
        tt1 = (ff + d + (ss1 ^ _turn(a, 12)) + (w[j] ^ w[j + 4])) & 0xFFFFFFFF
        tt2 = (gg + h + ss1 + w[j]) & 0xFFFFFFFF
        a, b, c, d, e, f, g, h = tt1, a, _turn(b, 9), c, tt2 ^ _turn(tt2, 9) ^ _turn(tt2, 17), e, _turn(f, 19), g
    return tuple(map(operator.xor, state, (a, b, c, d, e, f, g, h)))


def _turn(word: int, by: int) -> int:
    return ((word << by % 32) | (word >> (32 - by % 32))) & 0xFFFFFFFF


# The journal.


def canonical(value: Any) -> bytes:
    """A value as canonical JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def chain(data: bytes) -> Chain:
    """Follow the chain through a journal until its end or its first bad record."""
    good: list[dict[str, Any]] = []
    head, problem = FIRST, "" if data else "missing / 流水中没有任何记录"
    for line in io.BytesIO(data):
        record = _record(line)
        problem = _link(record, len(good), head, good[:1]) if record else "not a whole record / 记录不完整或格式被改动"
        if problem or not record:
            break
        head = record["hash"]
        good.append(record)
    return Chain(tuple(good), head, problem and f"journal: record {len(good)}: {problem}")


def _record(line: bytes) -> dict[str, Any] | None:
    """The record of a line; None when there is another way to write it, so that no byte is free."""
    try:
        record = json.loads(line.decode())
        sound = isinstance(record, dict) and record.keys() == FIELDS and canonical(record) + b"\n" == line
        return record if sound else None
    except (ValueError, RecursionError):
        return None


def _link(record: dict[str, Any], number: int, head: str, first: list[dict[str, Any]]) -> str:
    if record["seq"] != number:
        return f"found record {_shown(record['seq'])} instead, missing or out of order / 记录缺失或顺序被改动"
    if record["alg"] not in ALGORITHMS:
        return "names an unknown hash algorithm / 哈希算法名称不可识别"
    if first and record["run"] != first[0]["run"]:
        return "belongs to another run / 属于另一次运行"
    if record["prev"] != head:
        return "does not continue the record before it / 与上一条记录不衔接"
    text = canonical({key: value for key, value in record.items() if key != "hash"})
    if record["hash"] != digest(record["alg"], record["prev"].encode() + b"\n" + text):
        return "was altered, its hash does not fit / 内容被改动，哈希不符"
    return ""


# The archive. Read by hand: only plain files in ustar form are taken, and nothing is ever written to disk.


def files(bundle: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file of a bundle, archive or folder, the manifest first; bounded."""
    size, seen = 0, {""}
    for name, data in _folder(bundle) if bundle.is_dir() else _archive(bundle):
        size += len(data)
        if len(seen) > MOST_FILES or size > MOST_BYTES or name in seen:
            raise NoBundle(f"{_shown(name)}: there twice, or more than a bundle may hold / 文件重复或超出上限")
        seen.add(name)
        yield name, data


def _folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    found = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    for path in sorted(found, key=lambda path: (path != folder / MANIFEST, path)):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not path.is_file() or path.stat().st_size > MOST_BYTES_OF_ONE:
            raise NoBundle(f"{_shown(name)}: no plain file, or too large / 不是普通文件或过大")
        yield name, path.read_bytes()


def _archive(bundle: Path) -> Iterator[tuple[str, bytes]]:
    with gzip.open(bundle, "rb") as opened:
        top = ""
        while (header := _exactly(opened, BLOCK)).strip(b"\0"):
            name, size = _header(header)
            folder, _, inside = name.partition("/")
            top = top or folder
            if folder != top or "\\" in name or any(part in {"", ".", ".."} for part in (folder, *inside.split("/"))):
                raise NoBundle(f"{_shown(name)}: such a name is refused / 不接受的文件名")
            yield inside, _exactly(opened, size)
            if _exactly(opened, -size % BLOCK).strip(b"\0"):
                raise NoBundle(f"{_shown(name)}: hidden data behind it / 文件后有隐藏数据")
        if opened.read(64 * BLOCK).strip(b"\0") or opened.read(1):
            raise NoBundle("data after the end of the archive / 归档结尾之后仍有数据")


def _header(header: bytes) -> tuple[str, int]:
    try:
        kept, size = (int(field.rstrip(b" \0"), 8) for field in (header[148:156], header[124:136]))
        name = "/".join(part for raw in (header[345:500], header[:100]) if (part := raw.rstrip(b"\0").decode()))
        if sum(header[:148] + b" " * 8 + header[156:]) != kept or header[257:263] != b"ustar\0":
            raise ValueError
    except ValueError as error:
        raise NoBundle("damaged header in the archive / 归档头损坏") from error
    if header[156:157] != b"0" or not 0 <= size <= MOST_BYTES_OF_ONE:
        raise NoBundle(f"{_shown(name)}: no plain file, or too large / 不是普通文件或过大")
    return name, size


def _exactly(opened: gzip.GzipFile, size: int) -> bytes:
    if len(data := opened.read(size)) == size:
        return data
    raise NoBundle("the archive ends too early / 归档不完整")


def _shown(text: object) -> str:
    return ascii(str(text)[:120])[1:-1]


# The whole.


def dumped(manifest: dict[str, Any]) -> bytes:
    """A manifest as it is written: for people too, and still only one way to write it."""
    return (json.dumps(manifest, sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode()


def verify(bundle: Path, heads: tuple[str, ...] = ()) -> tuple[list[str], list[str]]:
    """Facts and problems as lines to print, against itself and hashes kept elsewhere; NoBundle when unreadable."""
    try:
        reading = files(bundle)
        first, raw = next(reading, ("", b""))
        manifest = _manifest(first, raw)
        listed, problems, found = dict(manifest["files"]), [], chain(b"")
        for name, data in reading:
            found = chain(data) if name == JOURNAL else found
            problems.append(_file(name, data, listed.pop(name, None), manifest["alg"]))
    except (OSError, EOFError, zlib.error) as error:
        raise NoBundle(f"cannot be read / 无法读取: {error}") from error
    problems += [f"{_shown(name)}: is missing / 文件缺失" for name in listed]
    known = {record["hash"]: f"record {record['seq']}" for record in found.records}
    known[digest(manifest["alg"], raw)] = "the manifest"
    problems += [f"{_shown(head)}: {STRANGE}" for head in heads if head not in known]
    facts = list(_facts(found, manifest, raw, [known[head] for head in heads if head in known]))
    return facts, [*filter(None, [_journal(found, manifest), *problems])]


def _manifest(name: str, raw: bytes) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads(raw) if name == MANIFEST else {}
        sound = all(entry.keys() == {"size", "hash"} for entry in manifest["files"].values())
        sound = sound and isinstance(manifest["journal"]["records"], int) and len(manifest["journal"]["head"]) == 64
        sound = sound and len(manifest["left_out"]) <= MOST_FILES and dumped(manifest) == raw
        if sound and manifest["format"] == FORMAT and manifest["alg"] in ALGORITHMS:
            return manifest
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    raise NoBundle(f"{MANIFEST}: missing, altered, or not of format {FORMAT} / 清单缺失、被改动或格式不符")


def _file(name: str, data: bytes, listed: dict[str, Any] | None, alg: str) -> str:
    if listed is None:
        return f"{_shown(name)}: is not in the manifest / 不在清单中"
    fits = len(data) == listed["size"] and digest(alg, data) == listed["hash"]
    return "" if fits else f"{_shown(name)}: was altered, its hash does not fit / 内容被改动，哈希不符"


def _journal(found: Chain, manifest: dict[str, Any]) -> str:
    told, count = manifest["journal"], len(found.records)
    if found.problem:
        return found.problem
    if count != told["records"]:
        what = "missing, the end was cut / 缺失，末尾被截断" if count < told["records"] else "added / 后添加的记录"
        return f"journal: record {min(count, told['records'])}: {what}"
    if found.head != told["head"] or found.records[0]["run"] != manifest.get("run"):
        return f"journal: record {count - 1}: not what the manifest says / 与清单的记载不符"
    return ""


def _facts(found: Chain, manifest: dict[str, Any], raw: bytes, vouched: list[str]) -> Iterator[str]:
    yield f"run / 运行: {_shown(manifest.get('run'))}"
    yield f"records / 流水记录: {len(found.records)}, head / 末条哈希 {found.head}"
    yield f"files / 文件: {len(manifest['files'])}, manifest / 清单 {manifest['alg']} {digest(manifest['alg'], raw)}"
    if found.records and found.records[-1]["kind"] != "closed":
        yield "note: the run had not ended when this was made / 注意：制作证据包时运行尚未结束"
    if manifest["left_out"]:
        yield f"note: {len(manifest['left_out'])} files were left out, see manifest.json / 注意：有文件未收入，见清单"
    yield f"vouched for from elsewhere / 有异地留存的哈希为证: {', '.join(vouched)}" if vouched else UNVOUCHED


def main(argv: list[str]) -> int:
    """Check the bundle named on the command line and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--head", action="append", default=[], metavar="HASH", type=str.lower)
    given = parser.parse_args(argv)
    try:
        facts, problems = verify(given.bundle, tuple(given.head))
    except NoBundle as refusal:
        print(f"REFUSED / 拒绝: {refusal}")  # noqa: T201
        return 2
    facts += [f"ALTERED / 被改动: {problem}" for problem in problems]
    print("\n".join([*facts, "NOT INTACT / 已被改动" if problems else "INTACT / 完整，未被改动"]))  # noqa: T201
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
