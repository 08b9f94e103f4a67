"""agent: what makes it look again, what it tells, what it keeps."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from accelnet_agent.clock import boot_id, moment
from accelnet_agent.history import decode
from accelnet_agent.state_file import NAME
from accelnet_probes.record import replace
from accelnet_probes.scheduled_events import ScheduledEvent
from children import living, soon
from machines import Machine, Running, running
from metadata_server import metadata_server

INSTANCE, EVENTS = "/metadata/instance", "/metadata/scheduledevents"
BODY = json.dumps({"compute": {"name": "vm7", "vmSize": "Standard_D4s_v5"}}).encode()
# A server's thread, pyroute2's import in another: Python 3.12 warns of a fork beside them.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")


@pytest.fixture(name="machine")
def fixture_machine(tmp_path: Path) -> Machine:
    """A healthy VM."""
    return Machine(tmp_path)


def _run(machine: Machine, scenario: Callable[[Running], Awaitable[None]], **options: Any) -> None:
    async def run() -> None:
        async with running(machine, **options) as agent:
            await scenario(agent)

    asyncio.run(run())


def _verdict(agent: Running) -> str:
    assert agent.observer.last is not None
    return agent.observer.last.report.verdict


def _datapath(agent: Running) -> str:
    assert agent.observer.last is not None
    return agent.observer.last.report.machine.nics[0].datapath.state


# --- what makes it look --------------------------------------------------------------------------


def test_a_message_is_followed_by_a_look(machine: Machine) -> None:
    """Within a second, without anybody asking."""

    async def scenario(agent: Running) -> None:
        started = time.monotonic()
        agent.message(machine.revoke())
        await agent.until(lambda: _datapath(agent) == "no_vf")
        assert time.monotonic() - started < 1
        agent.message(machine.restore())
        await agent.until(lambda: _datapath(agent) == "vf")

    _run(machine, scenario)


def test_many_messages_are_one_look(machine: Machine) -> None:
    """And one after the last of them."""

    async def scenario(agent: Running) -> None:
        asked = machine.asked
        for _ in range(100):
            agent.message(machine.link(running=False))
            agent.message(machine.link(running=True))
        await agent.until(lambda: machine.asked > asked)
        await asyncio.sleep(0.3)
        assert machine.asked <= asked + 3
        assert agent.tracker.tracks["eth0"].totals.to_vf == 100

    _run(machine, scenario)


def test_time_is_looked_at_for_the_last_of_each_kind(machine: Machine) -> None:
    """Of a flood the others make no look of their own when their time is over."""

    async def scenario(agent: Running) -> None:
        for _ in range(200):
            agent.message(machine.link(running=False))
            agent.message(machine.link(running=True))
        now = moment()
        agent.tracker.happenings = [
            replace(told, boot=now.boot - 1.9 + number / 1000)
            for number, told in enumerate(agent.tracker.happenings)
        ]
        agent.agent._set_alarm()
        assert agent.agent._alarm is not None
        left = agent.agent._alarm.when() - asyncio.get_running_loop().time()
        assert 0.7 < left < 1.0

    _run(machine, scenario)


def test_the_end_of_the_grace_is_seen_by_itself(machine: Machine) -> None:
    """Nobody asks, and nothing else happens."""

    async def scenario(agent: Running) -> None:
        agent.message(machine.revoke())
        await agent.until(lambda: _datapath(agent) == "no_vf")
        assert _verdict(agent) == "warn"
        await agent.until(lambda: _verdict(agent) == "fail")

    _run(machine, scenario, expect="on", vf_grace=0.4)


def test_it_looks_by_itself(machine: Machine) -> None:
    """At its interval, which is a third of systemd's patience at most."""

    async def scenario(agent: Running) -> None:
        assert agent.agent._interval == 60
        agent.agent._interval = 0.05
        await agent.observer.observe()
        asked = machine.asked
        await agent.until(lambda: machine.asked >= asked + 3)

    _run(machine, scenario)


def test_a_look_that_fails_is_not_the_last(machine: Machine) -> None:
    """A bug of ours: it is told, and the agent goes on."""

    async def scenario(agent: Running) -> None:
        told: list[str] = []
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: told.append(repr(context.get("exception")))
        )

        def on_look() -> None:
            raise ZeroDivisionError

        agent.agent._interval = 0.05
        agent.observer.on_look = on_look
        agent.agent.stir()
        await agent.until(lambda: len(told) > 2)
        agent.observer.on_look = lambda: None
        last = agent.observer.last
        await agent.until(lambda: agent.observer.last is not last)
        assert set(told) == {"ZeroDivisionError()"}

    _run(machine, scenario)


def test_it_begins_though_the_first_look_fails(machine: Machine) -> None:
    """What is served says unknown, and the next look is made."""

    async def scenario(agent: Running) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        looks: list[int] = []

        def on_look() -> None:
            looks.append(1)
            if len(looks) == 1:
                raise ZeroDivisionError

        agent.observer.on_look = on_look
        agent.observer.last = None
        await agent.agent.begin()
        agent.agent.stir()
        await agent.until(lambda: agent.observer.last is not None)

    _run(machine, scenario)


def test_it_listens_after_the_first_look(machine: Machine) -> None:
    """To the kernel itself; what came before is looked for."""

    async def scenario(agent: Running) -> None:
        await agent.agent.begin()
        await agent.until(lambda: agent.agent._events is not None)
        await agent.until(lambda: agent.tracker.tracks["eth0"].lossy)
        asked = machine.asked
        await agent.until(lambda: machine.asked > asked)
        await agent.until(lambda: not agent.tracker.tracks["eth0"].lossy)
        assert agent.observer.on_look == agent.agent._events.drain  # type: ignore[union-attr]

    _run(machine, scenario)


def test_what_happens_before_it_listens_is_counted(machine: Machine) -> None:
    """And while its socket is broken, whoever looks meanwhile."""

    async def scenario(agent: Running) -> None:
        totals = []
        for listens in (False, True, False):
            for _ in range(3):
                machine.set_running(running=False)
                machine.set_running(running=True)
                await agent.observer.observe()
            totals.append(agent.tracker.tracks["eth0"].totals.to_vf)
            agent.agent._loss("ENOBUFS" if listens else None)
        # While it listens nothing is counted that no message has told.
        assert totals == [3, 4, 7]

    _run(machine, scenario)


def test_after_its_end_it_does_nothing(machine: Machine, tmp_path: Path) -> None:
    """No look, no line, no state."""

    async def scenario(agent: Running) -> None:
        agent.message(machine.revoke())
        flight = asyncio.ensure_future(agent.observer.observe())
        await asyncio.sleep(0)
        agent.agent.end(agent.kernel)
        lines, asked = len(agent.lines), machine.asked
        state = (tmp_path / NAME).stat().st_mtime_ns
        agent.agent.stir()
        await asyncio.sleep(0.2)
        assert (len(agent.lines), machine.asked) == (lines, asked)
        assert (tmp_path / NAME).stat().st_mtime_ns == state
        flight.cancel()

    _run(machine, scenario, state_directory=str(tmp_path))


# --- what it tells -------------------------------------------------------------------------------


def test_each_change_is_a_line(machine: Machine) -> None:
    """And what stays is none, however often it is observed."""

    async def scenario(agent: Running) -> None:
        first = [event for _, event, _ in agent.lines]
        assert first[:2] == ["verdict.changed", "datapath.changed"]
        for _ in range(5):
            await agent.observer.observe()
        assert len(agent.lines) == len(first)
        agent.message(machine.revoke())
        await agent.observer.observe()
        told = [event for _, event, _ in agent.lines[len(first) :]]
        assert told[:4] == ["vf.removed", "vf.to-synthetic", "verdict.changed", "datapath.changed"]
        assert agent.events("vf.removed")[0]["vf"] == machine.pair.vf

    _run(machine, scenario)


def test_a_flood_is_a_line_in_ten_seconds(machine: Machine) -> None:
    """With how many there were; what was held back is told later."""

    async def scenario(agent: Running) -> None:
        for _ in range(3):
            for _ in range(10):
                agent.message(machine.set_running(running=False))
                agent.message(machine.set_running(running=True))
            await agent.observer.observe()
        assert [facts["changes"] for facts in agent.events("vf.flapping")] == [40]
        agent.agent._storm -= 10
        await agent.observer.observe()
        assert [facts["changes"] for facts in agent.events("vf.flapping")] == [40, 80]

    _run(machine, scenario)


def test_messages_that_were_lost_are_told(machine: Machine) -> None:
    """And looked for; that there is no socket is told too."""

    async def scenario(agent: Running) -> None:
        asked = machine.asked
        agent.agent._loss("ENOBUFS")
        agent.agent._no_events(OSError("no socket"))
        assert agent.events("links.lost") == [{"why": "ENOBUFS"}]
        assert agent.events("links.unavailable") == [{"error": "no socket"}]
        assert agent.tracker.tracks["eth0"].lossy
        await agent.until(lambda: machine.asked > asked)

    _run(machine, scenario)


def test_systemd_is_told_after_each_observation(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a kernel that hangs too: the agent itself works."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "30000000")
        monkeypatch.delenv("WATCHDOG_PID", raising=False)

        async def scenario(agent: Running) -> None:
            assert agent.agent._interval == 10
            assert listener.recv(100) == b"WATCHDOG=1"
            machine.hang()
            await agent.observer.observe()
            assert listener.recv(100) == b"WATCHDOG=1"

        _run(machine, scenario, deadline=0.3)


# --- what it keeps -------------------------------------------------------------------------------


def _kept(folder: Path) -> Any:
    text = (folder / NAME).read_text()
    return decode(text, boot_id(), moment()).tracks["eth0"]


def test_the_first_observation_is_kept(machine: Machine, tmp_path: Path) -> None:
    """A VF that is exchanged after the agent was killed is found by it."""

    async def scenario(agent: Running) -> None:
        assert agent.observer.last is not None
        assert _kept(tmp_path).vf.ifindex == machine.vf_index

    _run(machine, scenario, state_directory=str(tmp_path))


def test_a_change_is_kept_within_a_second(machine: Machine, tmp_path: Path) -> None:
    """Many as one."""

    async def scenario(agent: Running) -> None:
        written = (tmp_path / NAME).stat().st_mtime_ns
        agent.message(machine.revoke())
        await agent.observer.observe()
        assert (tmp_path / NAME).stat().st_mtime_ns == written
        agent.message(machine.restore())
        await agent.observer.observe()
        await agent.until(lambda: (tmp_path / NAME).stat().st_mtime_ns != written)
        assert _kept(tmp_path).totals.added == 1

    _run(machine, scenario, state_directory=str(tmp_path))


def test_at_its_end_everything_is_kept(machine: Machine, tmp_path: Path) -> None:
    """What nobody had observed yet, and time until now."""

    async def scenario(agent: Running) -> None:
        agent.message(machine.set_running(running=False))
        await asyncio.sleep(0.05)

    _run(machine, scenario, state_directory=str(tmp_path))
    totals = _kept(tmp_path).totals
    assert totals.to_synthetic == 1
    assert totals.synthetic_seconds >= 0.05


def test_a_state_that_can_not_be_written_is_told(machine: Machine, tmp_path: Path) -> None:
    """And ends nothing."""

    async def scenario(agent: Running) -> None:
        assert len(agent.events("state.unwritable")) == 1
        assert _verdict(agent) == "pass"

    _run(machine, scenario, state_directory=str(tmp_path / "missing"))


# --- instance metadata ---------------------------------------------------------------------------


def _size(agent: Running) -> str | None:
    assert agent.observer.last is not None
    instance: Any = agent.observer.last.report.machine.snapshot.instance
    return getattr(instance, "vm_size", None)


def test_the_instance_is_in_the_report(machine: Machine) -> None:
    """As soon as it is answered; it is not waited for."""

    async def scenario(agent: Running) -> None:
        await agent.until(lambda: _size(agent) == "Standard_D4s_v5")
        samples = await agent.samples()
        assert [name for name in samples if 'vm_size="Standard_D4s_v5"' in name]

    with metadata_server({INSTANCE: (200, BODY)}) as service:
        _run(machine, scenario, imds_endpoint=service.endpoint)
        assert service.asked(INSTANCE) == 1
        assert service.asked(EVENTS) == 0


def test_a_service_that_hangs_delays_nothing(machine: Machine) -> None:
    """Scrapes go on as ever."""

    async def scenario(agent: Running) -> None:
        started = time.monotonic()
        for _ in range(20):
            assert (await agent.samples())["verdict"] == 0
        assert time.monotonic() - started < 4

    with metadata_server({}) as service:
        _run(machine, scenario, imds_endpoint=service.endpoint)
        assert service.asked(INSTANCE) == 1


def test_what_was_answered_once_stands(machine: Machine) -> None:
    """A service that answers no more takes nothing back; it is told once."""

    async def scenario(agent: Running) -> None:
        agent.agent._instance(BODY)
        await agent.observer.observe()
        agent.agent._instance("ETIMEDOUT")
        await agent.observer.observe()
        assert _size(agent) == "Standard_D4s_v5"
        assert agent.events("imds.refused") == [{"why": "ETIMEDOUT"}]
        agent.agent._instance(BODY.replace(b"D4s", b"D8s"))
        await agent.observer.observe()
        assert _size(agent) == "Standard_D8s_v5"

    _run(machine, scenario)


def test_off_is_off(machine: Machine) -> None:
    """Though this is an Azure VM, and Scheduled Events are asked for."""

    async def scenario(agent: Running) -> None:
        await agent.observer.observe()
        assert not agent.agent._asks_metadata
        assert agent.host.metadata is None

    _run(machine, scenario, imds_endpoint="off", scheduled_events=True)


def test_on_no_azure_vm_nobody_is_asked(machine: Machine) -> None:
    """The link-local address may be anybody's elsewhere."""
    dmi = machine.root / "sys/devices/virtual/dmi/id"
    (dmi / "chassis_asset_tag").write_text("No Asset Tag\n")

    async def scenario(agent: Running) -> None:
        await agent.observer.observe()
        assert not agent.agent._asks_metadata

    _run(machine, scenario, imds_endpoint=None)


# --- Scheduled Events ----------------------------------------------------------------------------

FREEZE = ScheduledEvent(id="A1", type="Freeze", status="Started", resources=("vm7",))
DOCUMENT = json.dumps(
    {
        "DocumentIncarnation": 1,
        "Events": [
            {
                "EventId": "A1",
                "EventType": "Freeze",
                "EventStatus": "Started",
                "Resources": ["vm7"],
            }
        ],
    }
).encode()


def test_scheduled_events_are_asked_for_where_they_are_wanted(machine: Machine) -> None:
    """Read only; a departure is put down to them."""

    async def scenario(agent: Running) -> None:
        await agent.until(lambda: agent.tracker.circumstance is not None)
        agent.message(machine.revoke())
        await agent.observer.observe()
        note = "during scheduled event Freeze (Started, A1)"
        assert agent.events("vf.removed")[0]["note"] == note
        assert agent.events("scheduled-events.changed") == [{"now": note}]
        status, report = await agent.json("/report")
        findings = {finding["check"]: finding for finding in report["findings"]}
        events = [event.line for event in agent.observer.last.report.machine.nics[0].events]  # type: ignore[union-attr]
        assert status == 200
        assert findings["vf-missing"]["status"] == "warn"
        assert any(note in line for line in events)

    with metadata_server({INSTANCE: (200, BODY), EVENTS: (200, DOCUMENT)}) as service:
        _run(machine, scenario, imds_endpoint=service.endpoint, scheduled_events=True)
        assert {method for method, _, _ in service.requests} == {"GET"}
        assert service.asked(EVENTS) == 1


def test_when_an_event_is_over_departures_are_nobodys(machine: Machine) -> None:
    """A question that fails changes nothing; it is told."""

    async def scenario(agent: Running) -> None:
        agent.host.metadata = BODY
        agent.agent._scheduled((FREEZE,))
        agent.agent._scheduled("ETIMEDOUT")
        circumstances = [agent.tracker.circumstance]
        agent.agent._scheduled((replace(FREEZE, resources=("vm8",)),))
        circumstances.append(agent.tracker.circumstance)
        assert circumstances == ["during scheduled event Freeze (Started, A1)", None]
        assert [facts["now"] for facts in agent.events("scheduled-events.changed")] == [
            "during scheduled event Freeze (Started, A1)",
            "none",
        ]
        assert agent.events("scheduled-events.refused") == [{"why": "ETIMEDOUT"}]

    _run(machine, scenario)


def test_nothing_stays_when_it_ends(machine: Machine) -> None:
    """No child, no descriptor, though questions are open."""

    async def scenario(agent: Running) -> None:
        await agent.observer.observe()
        await asyncio.sleep(0.1)

    with metadata_server({}) as service:
        options = {"imds_endpoint": service.endpoint, "scheduled_events": True}
        _run(machine, scenario, **options)
        before, children = psutil.Process().num_fds(), living()
        _run(machine, scenario, **options)
        assert psutil.Process().num_fds() <= before + 2  # the service's own
        assert soon(lambda: living() <= children)
