"""What a host sees as its file system: the machine's, read-only, and a few places of its own.

Runs inside the host's new mount namespace, as root, before the host's first program.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping
from pathlib import Path

_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_REMOUNT, _MS_BIND, _MS_REC = 1, 2, 4, 32, 4096, 16384
_SYS_MOUNT_SETATTR = 442  # the same on every architecture
_AT_FDCWD, _AT_RECURSIVE, _ATTR_RDONLY = -100, 0x8000, 1
VOLUME = "tricenter-"  #: how the kernel's name of a host's data volume begins
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")

_libc = ctypes.CDLL(None, use_errno=True)


class _Attributes(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "userns"))


def furnish(lab: Path, short: Path, host: str, carry: tuple[Path, ...], devices: tuple[str, ...] = ()) -> None:
    """Give the host its file system.

    ``lab`` is bound read-only on ``short``, the host's own folder in it writable; ``carry`` are paths that stay visible
    although a fresh file system (``/tmp``) may cover them; ``devices`` are devices beyond the harmless ones.
    Raises OSError with the path that failed.
    """
    kept = [(path, os.open(path, os.O_PATH)) for path in (lab, *carry)]
    _lay_lab(kept[0][1], short, host)
    for volume, source in _mounted():  # other hosts' volumes are theirs; a copy here would outlive them, too
        if source.startswith(VOLUME) and not volume.is_relative_to(short):
            unmount(volume, lazy=True)
    set_read_only(Path("/"), recursive=True)
    own = short / "hosts" / host
    set_read_only(short.parent, writable=True)
    set_read_only(own, recursive=True, writable=True)
    _tmpfs(Path("/run"), "mode=755,size=16m")
    _own_etc()
    _tmpfs(Path("/tmp"), "mode=1777,size=64m")  # noqa: S108 - the host's own
    _tmpfs(Path("/var/tmp"), "mode=1777,size=16m")  # noqa: S108 - the host's own
    for path, descriptor in sorted(kept, key=lambda each: len(each[0].parts)):  # the outer one brings the inner along
        _uncover(path, descriptor)
    _own_devices((*_DEVICES, *devices))
    _own_kernel_views()


def write_etc(texts: Mapping[str, str]) -> None:
    """Write files of the host's own ``/etc``."""
    for name, text in texts.items():
        path = Path("/etc") / name
        path.unlink(missing_ok=True)  # a link here may lead out of /etc
        path.write_text(text)
        path.chmod(0o600 if name == "shadow" else 0o644)


def try_all() -> None:
    """Do each kind of thing that ``furnish`` does, to learn whether the kernel lets us. Raises OSError if not."""
    set_read_only(Path("/"), recursive=True)
    _tmpfs(Path("/run"), "mode=755,size=16m")
    set_read_only(Path("/run"), writable=True)
    _own_etc()
    _own_devices(_DEVICES)
    _own_kernel_views()


def mount(source: str | Path, target: Path, kind: str = "", flags: int = 0, options: str = "") -> None:
    """mount(2)."""
    words = (str(source).encode(), str(target).encode(), kind.encode(), flags, options.encode())
    if _libc.mount(*words[:3], ctypes.c_ulong(flags), words[4]) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"cannot mount {kind or source} on {target}: {os.strerror(code)}")


def unmount(target: Path, *, lazy: bool = False) -> None:
    """umount2(2); ``lazy`` detaches a file system that is still in use."""
    if _libc.umount2(str(target).encode(), 2 if lazy else 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"cannot unmount {target}: {os.strerror(code)}")


def mounted_in(folder: Path) -> list[Path]:
    """What is mounted in a folder, as the kernel tells it, the deepest first."""
    return [target for target, _ in _mounted() if target.is_relative_to(folder)]


def _mounted() -> list[tuple[Path, str]]:
    """Where something is mounted, and its source; the deepest first."""
    lines = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    found = [(Path(_unescape(words[4])), words[words.index("-") + 2]) for words in lines]
    return sorted(found, key=lambda one: len(one[0].parts), reverse=True)


def set_read_only(target: Path, *, recursive: bool = False, writable: bool = False) -> None:
    """mount_setattr(2): make a mount (``recursive``: all below it, too) read-only, or writable again."""
    attributes = _Attributes(0, _ATTR_RDONLY, 0, 0) if writable else _Attributes(_ATTR_RDONLY, 0, 0, 0)
    done = _libc.syscall(
        ctypes.c_long(_SYS_MOUNT_SETATTR),
        ctypes.c_int(_AT_FDCWD),
        str(target).encode(),
        ctypes.c_uint(_AT_RECURSIVE if recursive else 0),
        ctypes.byref(attributes),
        ctypes.c_size_t(ctypes.sizeof(attributes)),
    )
    if done != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"cannot change the mount {target}: {os.strerror(code)}")


def _lay_lab(descriptor: int, short: Path, host: str) -> None:
    lab, own = Path(f"/proc/self/fd/{descriptor}"), Path("hosts", host)
    _tmpfs(short.parent, "mode=755,size=1m")
    short.mkdir()
    mount(lab, short, flags=_MS_BIND)
    mount(lab / own, short / own, flags=_MS_BIND | _MS_REC)  # its data volume comes along


def _own_etc() -> None:
    upper, work = Path("/run/.etc/upper"), Path("/run/.etc/work")
    upper.mkdir(parents=True)
    work.mkdir()
    mount("overlay", Path("/etc"), "overlay", options=f"lowerdir=/etc,upperdir={upper},workdir={work}")


def _own_devices(names: tuple[str, ...]) -> None:
    """No disk of the machine is reachable: only the harmless devices, terminals and shared memory of its own."""
    nodes = [(name, os.open(f"/dev/{name}", os.O_PATH)) for name in names if Path("/dev", name).exists()]
    _tmpfs(Path("/dev"), "mode=755,size=1m")
    for name, descriptor in nodes:
        node = Path("/dev", name)
        node.parent.mkdir(exist_ok=True)
        node.touch()
        _bind_descriptor(descriptor, node)
        set_read_only(node, writable=True)
    for name in ("pts", "shm"):
        Path("/dev", name).mkdir()
    mount("devpts", Path("/dev/pts"), "devpts", _MS_NOSUID, "newinstance,ptmxmode=0666")
    _tmpfs(Path("/dev/shm"), "mode=1777,size=256m")  # noqa: S108 - the host's own
    for name, target in (("ptmx", "pts/ptmx"), ("fd", "/proc/self/fd"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        Path("/dev", name).symlink_to(target)


def _own_kernel_views() -> None:
    """Own /proc and /sys; what in /proc would change the whole machine is read-only."""
    mount("proc", Path("/proc"), "proc", _MS_NOSUID | _MS_NODEV)
    mount("sysfs", Path("/sys"), "sysfs", _MS_RDONLY | _MS_NOSUID | _MS_NODEV)
    for name in ("sys", "sysrq-trigger", "irq", "bus"):
        path = Path("/proc", name)
        if path.exists():
            mount(path, path, flags=_MS_BIND | _MS_REC)
            set_read_only(path)


def _uncover(path: Path, descriptor: int) -> None:
    if not path.exists():
        path.mkdir(parents=True)
        _bind_descriptor(descriptor, path)
    os.close(descriptor)


def _bind_descriptor(descriptor: int, target: Path) -> None:
    mount(f"/proc/self/fd/{descriptor}", target, flags=_MS_BIND | _MS_REC)


def _tmpfs(target: Path, options: str) -> None:
    mount("tmpfs", target, "tmpfs", _MS_NOSUID, options)


def _unescape(word: str) -> str:
    """The kernel writes space, tab, newline and backslash in octal."""
    for code, sign in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        word = word.replace(code, sign)
    return word
