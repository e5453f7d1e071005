"""The desk's side of the meters, against a real SSH server and real sockets: start, attach, fence, stop, collect."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from checks.ssh_pool import Pool
from failover.concrete import ConcretePlan
from failover.measured import Measured
from failover.measuring import LiveMeters, meters_of
from failover.meter.measure import measure
from failover.plan import Objectives
from failover.ports import Pulse
from failover.run_folder import RunFolder
from inventory.errors import Mark
from inventory.model import Channel, Estate, Meters, Probes, Ssh, Stable, Vantage
from tests.fakes.metered_service import PASSWORD, Database, Web
from tests.fakes.small_estate import estate
from tests.fakes.ssh_server import frozen_listener
from tests.fakes.sshd import SSHD, Sshd, sshd

pytestmark = pytest.mark.skipif(SSHD is None, reason="needs OpenSSH's server")

RUN = "20260101T000000Z-measuring-0001"
MARK = Mark(Path("meters.yml"), 1)


@dataclass
class Scene:
    """A service, an old writer, a vantage that answers and one that does not."""

    server: Sshd
    folder: Path
    stopping: threading.Event
    pools: list[Pool] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.web, self.database, self.old = Web(self.stopping), Database(self.stopping), Database(self.stopping)
        (self.folder / "password").write_text(f"{PASSWORD}\n")
        self.run = RunFolder(self.folder / "drills" / RUN)

    def estate(self, lease: float = 60.0) -> Estate:
        there = Ssh(
            user=self.server.user, port=self.server.port, key=str(self.server.key), host_key=self.server.host_key
        )
        at = str(self.folder / "vantage")
        return estate().model_copy(
            update={
                "meters": Meters(
                    probes=Probes.model_construct(
                        urls=(self.web.url,),
                        marker="tricenter",
                        answered_by=None,
                        period=0.1,
                        timeout=0.3,
                        ca_file=None,
                        stable=Stable.model_construct(count=3, over=0.2),
                        mark=MARK,
                    ),
                    channels=(
                        Channel.model_construct(
                            id="database",
                            entries=(f"127.0.0.1:{self.database.port}",),
                            database="civil",
                            user="canary",
                            password_file=str(self.folder / "password"),
                            table="canary",
                            period=0.1,
                            timeout=0.3,
                            mark=MARK,
                        ),
                    ),
                    vantages=(
                        Vantage(id="here", address="127.0.0.1", ssh=there, folder=at, mark=MARK),
                        Vantage(
                            id="gone",
                            address="127.0.0.1",
                            ssh=there.model_copy(update={"port": 1}),
                            folder=at,
                            mark=MARK,
                        ),
                    ),
                    lease=lease,
                )
            }
        )

    def desk(self, lease: float = 60.0, epoch: int = 1) -> LiveMeters:
        """A desk with connections of its own."""
        self.pools.append(Pool())
        return LiveMeters(self.estate(lease), self.run, epoch, pool=self.pools[-1])

    def now(self) -> dict[str, object]:
        return dict(json.loads((self.folder / "vantage" / RUN / "now.json").read_text()))

    async def until(self, state: str) -> None:
        """The meter comes to that state; the limit is far beyond what is normal."""
        async with asyncio.timeout(30):
            while self.now()["state"] != state:
                await asyncio.sleep(0.05)

    def measured(self) -> Measured:
        return measure(self.run, [], Objectives.model_construct(rto=60.0, rpo=0.0, doo=None, nro=None))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with sshd(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture
def scene(server: Sshd, tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(server, tmp_path, threading.Event())
    yield scene
    scene.stopping.set()
    for pool in scene.pools:
        pool.close()


def test_a_run_is_measured_across_a_desk_that_dies(scene: Scene) -> None:
    """Start, an outage, the desk is gone without a word, another attaches, an old writer is tried, all comes home."""

    async def drill() -> None:
        first = scene.desk()
        started = await first.start()
        assert started["here"] == "" and "refuses TCP" in started["gone"]
        pulse = await first.pulse()
        assert pulse.vantages["here"] == "" and pulse.vantages["gone"]
        assert pulse.down_for is not None and pulse.down_for < 5
        await asyncio.sleep(0.5)
        with scene.web.broken("reset"):
            await asyncio.sleep(0.5)
        scene.old.fault = "refuse"
        second = scene.desk(epoch=2)
        assert (await second.start())["here"] == ""
        assert first._renewing is not None
        first._renewing.cancel()
        await second.fenced(f"127.0.0.1:{scene.old.port}")
        await asyncio.sleep(1.3)
        assert (await second.pulse()).acked_at_old == 0
        ended = await second.stop()
        assert ended["here"] == "" and ended["gone"]

    asyncio.run(drill())
    found = scene.measured()
    (begin, end) = scene.web.down[0]
    assert {one.stream for one in found.outages} == {"fresh", "kept", "write:database"}
    for one in found.outages[:2]:
        assert one.rto is not None and one.rto.high is not None
        assert one.rto.low <= (end - begin) / 1e9 <= one.rto.high
    (writes,) = found.writes
    assert (writes.lost, writes.unknown, writes.phantom) == ((), 0, ())
    assert writes.kept == writes.acked == len(scene.database.acked) > 10
    assert writes.after_fence >= 1 and writes.acked_after_fence == 0
    epochs = {row[2] for row in scene.database.rows}
    assert epochs == {1, 2}, "the writes of the second desk's time carry its epoch"
    offset, error = found.offsets["here"]
    assert abs(offset) <= error < 5e8, "it is the same machine's clock"
    assert not (scene.folder / "vantage" / RUN / "settings.json").exists()


def test_an_old_writer_that_still_acknowledges_is_seen_at_once_and_in_the_end(scene: Scene) -> None:
    async def drill() -> None:
        desk = scene.desk()
        await desk.start()
        await desk.fenced(f"127.0.0.1:{scene.old.port}")
        async with asyncio.timeout(30):
            while not (await desk.pulse()).acked_at_old:
                await asyncio.sleep(0.1)
        await desk.fenced("")
        await asyncio.sleep(0.5)
        before = len(scene.old.acked)
        await asyncio.sleep(0.7)
        assert len(scene.old.acked) == before, "it is no longer tried"
        await desk.stop()

    asyncio.run(drill())
    (writes,) = scene.measured().writes
    assert writes.acked_after_fence == writes.after_fence == len(scene.old.acked) > 0
    verdicts = {one.objective: one.because for one in scene.measured().judged}
    assert verdicts["rpo"] == "old-writer-acknowledged"


def test_many_may_speak_to_a_meter_at_once(scene: Scene) -> None:
    async def drill() -> None:
        desk = scene.desk()
        await desk.start()
        pulses = await asyncio.gather(*(desk.pulse() for _ in range(12)))
        said = {why for pulse in pulses for why in pulse.vantages.values()}
        await desk.stop()
        assert not {why for why in said if "takes no word" in why or "cannot stat" in why}, said

    asyncio.run(drill())


def test_a_meter_ends_when_no_desk_wants_it_and_goes_on_when_one_comes_back(scene: Scene) -> None:
    async def drill() -> None:
        first = scene.desk(lease=1.5)
        await first.start()
        assert first._renewing is not None
        first._renewing.cancel()
        await scene.until("ended")
        assert scene.now()["why"] == "lease"
        highest = max(scene.database.acked)
        second = scene.desk(lease=60.0, epoch=2)
        assert (await second.start())["here"] == ""
        await asyncio.sleep(0.5)
        assert (await second.stop())["here"] == ""
        assert min(seq for seq in scene.database.acked if seq > highest) > highest
        assert len(set(scene.database.acked)) == len(scene.database.acked), "no number is given twice"

    asyncio.run(drill())
    found = scene.measured()
    assert found.writes[0].lost == ()
    assert all("prober-gap" in one.notes for one in found.outages[:2]), "nobody looked between the two"


def test_the_password_stands_in_no_file_at_the_vantage(scene: Scene) -> None:
    async def drill() -> None:
        desk = scene.desk()
        await desk.start()
        await desk.stop()

    asyncio.run(drill())
    for path in (scene.folder / "vantage").rglob("*"):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes(), path


def test_an_estate_without_meters_measures_nothing_and_says_so(scene: Scene) -> None:
    plan = ConcretePlan.__new__(ConcretePlan)
    none = meters_of(scene.estate().model_copy(update={"meters": None}), plan, scene.run, 1)

    async def all_of_it() -> None:
        assert await none.start() == {}
        assert await none.pulse() == Pulse({}, None, 0)
        await none.fenced("127.0.0.1:1")
        assert await none.stop() == {}

    asyncio.run(all_of_it())
    assert {one.because for one in scene.measured().judged} == {"not-measured", "nothing-acknowledged"}


def test_a_lost_center_is_not_waited_for(scene: Scene) -> None:
    """A host that swallows every packet costs no more than a moment, not the time-out of a connection."""
    desk = scene.desk()
    desk.aside = {"outside"}
    with frozen_listener() as frozen:
        port = frozen.getsockname()[1]
        for one in desk._vantages:
            one.host = one.host.model_copy(update={"ssh": one.host.ssh.model_copy(update={"port": port})})
        found = asyncio.run(desk.start())
    assert all(why == "no answer within 2 s" for why in found.values()), found


def test_a_password_that_cannot_be_read_is_said_for_every_vantage(scene: Scene) -> None:
    (scene.folder / "password").unlink()
    found = asyncio.run(scene.desk().start())
    assert set(found) == {"here", "gone"} and all("password" in why for why in found.values())
