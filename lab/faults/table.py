"""Every fault the lab can inject: its name, its arguments, what it does, in one place. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lab.errors import LabError
from lab.faults.effect import Effect, Effects, Kind, link
from lab.links import Link, Way
from lab.topology import CENTERS, PLACES, LabHost, Topology


@dataclass(frozen=True, slots=True)
class Argument:
    """One word after the fault's name."""

    name: str  #: as it stands in the usage: ``HOST``
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong in real centers."""

    name: str
    arguments: tuple[Argument, ...]
    sentence: dict[str, str]  #: what it does, by language: zh, en
    effects: Callable[[Topology, tuple[str, ...]], Effects]
    needs_namespaces: bool = False

    @property
    def usage(self) -> str:
        """The name and its arguments as a person types them."""
        words = [f"[{one.name}]" if one.default is not None else one.name for one in self.arguments]
        return " ".join((self.name, *words))

    def complete(self, given: tuple[str, ...]) -> tuple[str, ...]:
        """The arguments with defaults filled in. Raises LabError when some are missing or too many."""
        rest = [one.default for one in self.arguments[len(given) :] if one.default is not None]
        complete = (*given, *rest)
        if len(complete) != len(self.arguments):
            raise LabError(f"use it so: {self.usage}")
        return complete


def _one_of(what: str, text: str, known: tuple[str, ...]) -> str:
    if text not in known:
        raise LabError(f"there is no {what} {text!r}; choose from: {', '.join(known)}")
    return text


def _host(plan: Topology, text: str, kind: str | None = None) -> LabHost:
    known = tuple(host.id for host in plan.hosts if kind in (None, host.kind))
    return plan.host(_one_of("host" if kind is None else f"{kind} host", text, known))


def _number(text: str, unit: str, most: float) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 < number <= most:
        raise LabError(f"{text!r} is not a number of {unit} above 0 and up to {most:g}")
    return number


def _between(one: str, other: str) -> list[Way]:
    for place in (one, other):
        _one_of("place", place, PLACES)
    if one == other:
        raise LabError("a link has two different ends")
    return [(one, other), (other, one)]


def _on_host(kind: Kind, only: str | None = None) -> Callable[[Topology, tuple[str, ...]], Effects]:
    return lambda plan, words: frozenset({Effect(kind, _host(plan, words[0], only).id)})


def _stop_service(plan: Topology, words: tuple[str, ...]) -> Effects:
    host = _host(plan, words[0])
    return frozenset({Effect(Kind.STOPPED, host.id, _one_of(f"service on {host.id}", words[1], host.services))})


def _kill_database(plan: Topology, words: tuple[str, ...]) -> Effects:
    return frozenset({Effect(Kind.KILLED, _host(plan, words[0], "db").id, "postgres")})


def _cut(_: Topology, words: tuple[str, ...]) -> Effects:
    return link(_between(words[0], words[1]), Link(cut=True))


def _cut_one_way(_: Topology, words: tuple[str, ...]) -> Effects:
    return link(_between(words[0], words[1])[:1], Link(cut=True))


def _isolate(_: Topology, words: tuple[str, ...]) -> Effects:
    center = _one_of("center", words[0], CENTERS)
    others = [place for place in PLACES if place != center]
    return link([way for other in others for way in _between(center, other)], Link(cut=True))


def _lose_city(plan: Topology, _: tuple[str, ...]) -> Effects:
    return frozenset(Effect(Kind.OFF, host.id) for host in plan.hosts if host.center in ("cloud", "bigdata"))


def _latency(_: Topology, words: tuple[str, ...]) -> Effects:
    return link(_between(words[0], words[1]), Link(delay=_number(words[2], "milliseconds", 60_000) / 1000))


def _loss(_: Topology, words: tuple[str, ...]) -> Effects:
    return link(_between(words[0], words[1]), Link(loss=_number(words[2], "percent", 100) / 100))


def _stop_province(_: Topology, words: tuple[str, ...]) -> Effects:
    if not (len(words[0]) == 6 and words[0].isascii() and words[0].isdigit()):
        raise LabError(f"{words[0]!r} is not a province's code, which has six digits such as 110000")
    return frozenset({Effect(Kind.SILENT, words[0])})


_HOST, _A, _B = Argument("HOST"), Argument("A"), Argument("B")

FAULTS: dict[str, Fault] = {
    fault.name: fault
    for fault in (
        Fault(
            "stop-service",
            (_HOST, Argument("SERVICE")),
            {"zh": "正常停止一台主机上的一个服务", "en": "Stop one service of a host in good order"},
            _stop_service,
        ),
        Fault(
            "kill-database",
            (Argument("HOST", "cloud-db"),),
            {
                "zh": "用 SIGKILL 杀死数据库主进程，不再自动拉起",
                "en": "Kill a database's main process with SIGKILL; it is not started again by itself",
            },
            _kill_database,
        ),
        Fault(
            "power-off",
            (_HOST,),
            {"zh": "主机断电，其上一切立即消失", "en": "Take the power from a host: all on it is gone at once"},
            _on_host(Kind.OFF),
        ),
        Fault(
            "freeze",
            (_HOST,),
            {
                "zh": "主机僵死：所有进程静止，但网络仍应答 ping 与 TCP 连接",
                "en": "Freeze a host: no process moves, yet ping and TCP connections are still answered",
            },
            _on_host(Kind.FROZEN),
        ),
        Fault(
            "cut-link",
            (_A, _B),
            {"zh": "切断两地之间的链路（双向）", "en": "Cut the link between two places, both ways"},
            _cut,
            needs_namespaces=True,
        ),
        Fault(
            "cut-one-way",
            (_A, _B),
            {
                "zh": "切断链路的一个方向：A 到 B 的报文全部丢失",
                "en": "Cut one way of a link: all packets from A to B vanish",
            },
            _cut_one_way,
            needs_namespaces=True,
        ),
        Fault(
            "isolate",
            (Argument("CENTER"),),
            {"zh": "使一个中心与外界完全隔离", "en": "Cut a center off from everybody, the world outside included"},
            _isolate,
            needs_namespaces=True,
        ),
        Fault(
            "lose-city",
            (),
            {"zh": "同城两个中心全部断电", "en": "Lose a whole city: both its centers are without power"},
            _lose_city,
        ),
        Fault(
            "add-latency",
            (_A, _B, Argument("MILLISECONDS", "200")),
            {"zh": "链路每个方向增加时延", "en": "Delay the packets of a link, in each direction"},
            _latency,
            needs_namespaces=True,
        ),
        Fault(
            "add-loss",
            (_A, _B, Argument("PERCENT", "20")),
            {"zh": "链路每个方向丢包", "en": "Lose some of the packets of a link, in each direction"},
            _loss,
            needs_namespaces=True,
        ),
        Fault(
            "fill-disk",
            (_HOST,),
            {"zh": "写满主机的数据盘", "en": "Fill a host's data volume to the last byte"},
            _on_host(Kind.FULL),
            needs_namespaces=True,
        ),
        Fault(
            "stall-replication",
            (Argument("HOST", "dr-db"),),
            {"zh": "备库停止回放日志", "en": "Let a standby receive its primary's log and not replay it"},
            _on_host(Kind.STALLED, "db"),
        ),
        Fault(
            "expire-certificate",
            (Argument("HOST", "cloud-entry"),),
            {"zh": "入口的证书过期", "en": "Let an entry serve a certificate that has expired"},
            _on_host(Kind.EXPIRED, "entry"),
        ),
        Fault(
            "stop-province",
            (Argument("CODE"),),
            {"zh": "一个省停止报送", "en": "Let a province deliver nothing"},
            _stop_province,
        ),
    )
}
