"""observer and kernel: one observation at a time, shared, and never held up for long."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from accelnet_agent.datapath import DataPath
from accelnet_agent.kernel import DEADLINE, Kernel
from accelnet_agent.observer import ASKED, links_of, unanswered, views
from accelnet_agent.tracks import NicView, Vf
from accelnet_probes.asker import Answers, Asker
from accelnet_probes.record import replace
from accelnet_probes.rtnetlink import Link
from building import (
    NEVER_ASKED,
    REFUSED,
    a_function,
    a_machine,
    a_netdev,
    a_nic,
    a_pci_function,
    a_vf,
)
from children import living, soon
from machines import Machine, Running, running
from scrapes import report_of


@pytest.fixture(name="machine")
def fixture_machine(tmp_path: Path) -> Machine:
    """A healthy VM."""
    return Machine(tmp_path)


def _run(machine: Machine, scenario: Callable[[Running], Awaitable[None]], **options: Any) -> None:
    async def run() -> None:
        async with running(machine, **options) as agent:
            await scenario(agent)

    asyncio.run(run())


def _statuses(agent: Running) -> dict[str, str]:
    assert agent.observer.last is not None
    return {finding.check: finding.status for finding in agent.observer.last.report.findings}


# --- one observation -----------------------------------------------------------------------------


def test_the_first_observation_sees_everything(machine: Machine) -> None:
    """Files, statistics, addresses and links, and how long each probe took."""

    async def scenario(agent: Running) -> None:
        last = agent.observer.last
        assert last is not None
        assert last.report.verdict == "pass"
        (nic,) = last.report.machine.nics
        assert nic.netdev.addresses == ("10.0.0.4/24",)
        assert set(ASKED) <= set(last.durations)
        assert agent.tracker.tracks["eth0"].path == "vf"
        assert agent.tracker.happenings == []

    _run(machine, scenario)


def test_two_observations_a_second_apart_are_a_window(machine: Machine) -> None:
    """What grew between them is judged."""

    async def scenario(agent: Running) -> None:
        machine.count(vf_tx_packets=1500)
        await asyncio.sleep(1.05)
        observation = await agent.observer.observe()
        (nic,) = observation.report.machine.nics
        assert nic.window is not None
        assert nic.window.growth["vf_tx_packets"] == 500
        assert nic.datapath.proven

    _run(machine, scenario)


def test_those_who_ask_meanwhile_share_one(machine: Machine) -> None:
    """And each who asks later has a new one."""

    async def scenario(agent: Running) -> None:
        before = machine.asked
        found = await asyncio.gather(*(agent.observer.observe() for _ in range(50)))
        assert len({id(observation) for observation in found}) == 1
        assert machine.asked == before + 1
        assert await agent.observer.observe() is not found[0]

    _run(machine, scenario)


def test_who_gives_up_takes_it_from_nobody(machine: Machine) -> None:
    """The observation goes on for the others."""

    async def scenario(agent: Running) -> None:
        first = asyncio.ensure_future(agent.observer.observe())
        second = asyncio.ensure_future(agent.observer.observe())
        await asyncio.sleep(0)
        first.cancel()
        observation = await second
        assert agent.observer.last is observation

    _run(machine, scenario)


@pytest.mark.parametrize(("age", "again"), [(60.0, False), (0.0, True)])
def test_a_recent_one_may_do(machine: Machine, age: float, *, again: bool) -> None:
    """For whoever says how old it may be."""

    async def scenario(agent: Running) -> None:
        before = agent.observer.last
        found = await agent.observer.recent(age, time.monotonic() + 10)
        assert (found is not before) is again

    _run(machine, scenario)


# --- a kernel that hangs -------------------------------------------------------------------------


def test_a_kernel_that_hangs_is_told_and_never_asked_again(machine: Machine) -> None:
    """After its deadline everything else is judged; while it hangs, at once; then it is well."""

    async def scenario(agent: Running) -> None:
        children = living()
        machine.hang()
        started, asked = time.monotonic(), machine.asked
        await agent.observer.observe()
        assert time.monotonic() - started >= DEADLINE - 0.1
        assert _statuses(agent)["probes-answered"] == "fail"
        assert _statuses(agent)["kernel-minimum"] == "pass"
        started = time.monotonic()
        for _ in range(5):
            await agent.observer.observe()
        assert time.monotonic() - started < DEADLINE
        assert machine.asked == asked + 1
        assert living() == children
        last = agent.observer.last
        machine.recover()
        await agent.until(lambda: agent.observer.last is not last)
        await agent.until(lambda: _statuses(agent)["probes-answered"] == "pass")

    _run(machine, scenario)


def test_a_kernel_that_hangs_is_no_happening(machine: Machine) -> None:
    """That nothing could be asked says nothing of a VF."""

    async def scenario(agent: Running) -> None:
        machine.hang()
        await agent.observer.observe()
        await agent.observer.observe()
        machine.recover()
        await agent.until(lambda: not agent.kernel._asker.busy)  # type: ignore[union-attr]
        await agent.observer.observe()
        assert agent.tracker.happenings == []

    _run(machine, scenario, deadline=0.3)


def test_who_can_not_wait_gets_the_last_one(machine: Machine) -> None:
    """Before its own deadline; the observation goes on."""

    async def scenario(agent: Running) -> None:
        before = agent.observer.last
        machine.hang()
        started = time.monotonic()
        found = await agent.observer.recent(0.0, started + 0.2)
        assert found is before
        assert time.monotonic() - started < DEADLINE
        machine.recover()
        await agent.until(lambda: agent.observer.last is not before)

    _run(machine, scenario)


def test_a_child_that_was_killed_is_replaced(machine: Machine) -> None:
    """By the next question, which has its answer from the real kernel then."""

    async def scenario(agent: Running) -> None:
        asker = agent.kernel._asker
        assert asker is not None
        children = len(living())
        os.kill(asker.pid, signal.SIGKILL)
        await agent.until(lambda: agent.kernel._asker is not asker)
        await agent.observer.observe()
        assert _statuses(agent)["probes-answered"] == "pass"
        assert soon(lambda: len(living()) == children)

    _run(machine, scenario)


def test_a_child_that_is_killed_while_it_is_asked_is_replaced(machine: Machine) -> None:
    """The question is asked once more."""

    async def scenario(agent: Running) -> None:
        machine.hang()
        flight = asyncio.ensure_future(agent.observer.observe())
        asked = machine.asked
        await agent.until(lambda: machine.asked > asked or flight.done())
        asker = agent.kernel._asker
        assert asker is not None
        os.kill(asker.pid, signal.SIGKILL)
        await flight
        assert _statuses(agent)["probes-answered"] == "pass"

    _run(machine, scenario)


def test_a_child_that_died_between_two_questions_is_replaced(machine: Machine) -> None:
    """Before anybody took note of it: the pipe says so."""

    async def scenario(agent: Running) -> None:
        asker = agent.kernel._asker
        assert asker is not None
        os.kill(asker.pid, signal.SIGKILL)
        assert soon(lambda: asker.pid not in living())  # the event loop does not come to see it
        answers = await agent.kernel.ask({"lo": 1})
        assert answers.complete
        assert agent.kernel._asker is not asker

    _run(machine, scenario)


def test_where_no_process_can_be_had_nothing_is_known() -> None:
    """Of the kernel; everything else is observed."""

    async def scenario() -> None:
        kernel = Kernel(None, lambda: None)
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (1, before[1]))
        try:
            assert await kernel.ask({"lo": 1}) == Answers(ethtool={})
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        assert (await kernel.ask({"lo": 1})).complete
        kernel.close()

    asyncio.run(scenario())


def test_without_a_child_nothing_of_the_kernel_is_known() -> None:
    """No process could be had at the start; one is made when it is needed."""

    async def scenario() -> None:
        kernel = Kernel(None, lambda: None)
        assert (await kernel.ask({})).complete
        answers = await kernel.ask({"lo": 1})
        assert answers.complete
        assert "lo" in answers.ethtool
        kernel.close()

    asyncio.run(scenario())


def test_it_can_be_closed_at_any_time() -> None:
    """Before anything was asked, and twice."""

    async def scenario() -> None:
        kernel = Kernel(Asker(), lambda: None)
        kernel.close()
        kernel.close()

    asyncio.run(scenario())


# --- changes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("told", [True, False])
def test_a_revocation_counts_once(machine: Machine, *, told: bool) -> None:
    """By its messages, or by looking alone."""

    async def scenario(agent: Running) -> None:
        gone = machine.revoke()
        if told:
            agent.message(gone)
        agent.host.forget()  # a link has changed: the moment is over
        observation = await agent.observer.observe()
        agent.message(gone)
        totals = agent.tracker.tracks["eth0"].totals
        assert (totals.added, totals.removed, totals.to_synthetic) == (0, 1, 1)
        assert [nic.datapath.state for nic in observation.report.machine.nics] == ["no_vf"]
        assert _statuses(agent)["vf-missing"] == "warn"
        restored = machine.restore()
        if told:
            agent.message(restored)
        agent.host.forget()
        observation = await agent.observer.observe()
        totals = agent.tracker.tracks["eth0"].totals
        assert (totals.added, totals.removed, totals.to_vf) == (1, 1, 1)
        assert [nic.datapath.state for nic in observation.report.machine.nics] == ["vf"]

    _run(machine, scenario)


def test_what_a_message_told_meanwhile_is_newer(machine: Machine) -> None:
    """The VF was up when the kernel was asked, and the message that it is down was quicker."""

    async def scenario(agent: Running) -> None:
        down = replace(machine.link(running=False), carrier_down=2)
        looks: list[int] = []

        def on_look() -> None:
            looks.append(len(looks))
            if len(looks) == 2:  # the answer is here, and so is the message
                agent.message(down)

        agent.observer.on_look = on_look
        await agent.observer.observe()
        totals = agent.tracker.tracks["eth0"].totals
        assert (totals.to_vf, totals.to_synthetic) == (0, 1)

    _run(machine, scenario)


def test_files_that_are_older_than_a_message_are_read_again(machine: Machine) -> None:
    """The VF left while they were read: it has not come back, and is looked for anew."""

    async def scenario(agent: Running) -> None:
        looks: list[int] = []

        def on_look() -> None:
            looks.append(len(looks))
            if len(looks) == 3:  # the files are read, the message waits
                agent.message(machine.revoke())

        agent.observer.on_look = on_look
        observation = await agent.observer.observe()
        totals = agent.tracker.tracks["eth0"].totals
        assert (totals.added, totals.removed) == (0, 1)
        assert [nic.datapath.state for nic in observation.report.machine.nics] == ["no_vf"]
        assert len(looks) == 6

    _run(machine, scenario)


def test_where_vfs_come_and_go_all_the_time_messages_alone_count(machine: Machine) -> None:
    """It gives up after a few tries: what was seen is reported, and nothing is counted of it."""

    async def scenario(agent: Running) -> None:
        looks: list[int] = []

        def on_look() -> None:
            looks.append(len(looks))
            if len(looks) % 3 == 0:
                agent.message(machine.revoke())
                agent.message(machine.restore())

        agent.observer.on_look = on_look
        await agent.observer.observe()
        totals = agent.tracker.tracks["eth0"].totals
        rounds = len(looks) // 3
        assert 1 < rounds < 6
        assert (totals.added, totals.removed) == (rounds, rounds)

    _run(machine, scenario)


def test_a_vf_that_changed_unnoticed_ends_the_window(machine: Machine) -> None:
    """What grew before and after it says nothing of the VF that is there."""

    async def scenario(agent: Running) -> None:
        await asyncio.sleep(1.05)
        machine.revoke()
        machine.restore()
        machine.count(vf_tx_packets=9999)
        observation = await agent.observer.observe()
        (nic,) = observation.report.machine.nics
        assert nic.window is None
        assert agent.tracker.tracks["eth0"].totals.added == 1

    _run(machine, scenario)


def test_a_listing_that_is_refused_is_no_departure(machine: Machine) -> None:
    """No descriptor was left for a moment."""

    async def scenario(agent: Running) -> None:
        net = machine.root / "sys/class/net"
        net.rename(net.with_name("away"))
        net.symlink_to(net)  # ELOOP
        agent.host.forget()
        await agent.observer.observe()
        net.unlink()
        net.with_name("away").rename(net)
        agent.host.forget()
        await agent.observer.observe()
        assert agent.tracker.happenings == []

    _run(machine, scenario)


# --- what the tracker is told --------------------------------------------------------------------

LINK = Link(ifindex=3, name="enP53091s1", flags=0x11803, carrier_up=5, carrier_down=6)
SEEN = Vf(
    ifindex=3,
    name="enP53091s1",
    pci_address="cf63:00:02.0",
    running=True,
    carrier_up=5,
    carrier_down=6,
)


def _view(machine: Any, links: Any = None) -> NicView:
    found = views(machine, {3: LINK} if links is None else links)
    assert found is not None
    (view,) = found
    return view


def test_a_view_of_a_pair() -> None:
    """From the files, and from its link."""
    assert _view(a_machine()) == NicView(
        name="eth0", ifindex=2, vf=SEEN, past_vf=None, hardware="15b3:1016"
    )


@pytest.mark.parametrize(
    ("state", "proven", "past_vf"),
    [
        pytest.param("vf", True, False, id="proven"),
        pytest.param("vf", False, None, id="not-proven"),
        pytest.param("synthetic", True, True, id="past-it"),
        pytest.param("unknown", False, None, id="unknown"),
        pytest.param("switching", False, None, id="switching"),
    ],
)
def test_packets_past_a_vf(state: Any, *, proven: bool, past_vf: bool | None) -> None:
    """Only traffic says."""
    nic = a_nic(datapath=DataPath(state=state, why="", proven=proven))
    assert _view(a_machine(nics=(nic,))).past_vf is past_vf


def test_a_vf_that_is_down_is_passed_for_that() -> None:
    """Its link says it."""
    nic = a_nic(
        vf=a_vf(flags=0x1802, operstate="down"), datapath=DataPath(state="synthetic", why="")
    )
    assert _view(a_machine(nics=(nic,))).past_vf is False


@pytest.mark.parametrize(
    ("links", "running"),
    [
        pytest.param({3: replace(LINK, flags=0x1802)}, False, id="its-link"),
        pytest.param({}, True, id="the-files"),
    ],
)
def test_whether_it_runs(links: Any, *, running: bool) -> None:
    """By its link; by the files where the kernel does not tell of links."""
    vf = _view(a_machine(), links).vf
    assert vf is not None
    assert vf.running is running


def test_without_an_answer_it_is_not_known_whether_it_runs() -> None:
    """What was known stands."""
    found = views(a_machine(), None)
    assert found is not None
    view = found[0]
    assert view.vf is not None
    assert (view.vf.running, view.vf.carrier_down) == (None, None)


@pytest.mark.parametrize(
    ("nic", "seen", "hardware"),
    [
        pytest.param(a_nic(vf=None), True, None, id="no-vf"),
        pytest.param(a_nic(vf=REFUSED), False, None, id="pairing-refused"),
        pytest.param(a_nic(vf=a_vf(ifindex=REFUSED)), False, None, id="index-refused"),
        pytest.param(a_nic(vf=None, orphans=("cf63:00:02.0",)), True, "15b3:1016", id="function"),
        pytest.param(a_nic(vf=None, orphans=("enP53091s1",)), True, "15b3:1016", id="netdev"),
        pytest.param(a_nic(vf=None, orphans=("elsewhere",)), True, None, id="unknown"),
    ],
)
def test_a_view_without_a_vf(nic: Any, *, seen: bool, hardware: str | None) -> None:
    """There is none, or it was not seen; its hardware may be there."""
    view = _view(a_machine(nics=(nic,)))
    assert (view.vf, view.seen, view.hardware) == (None, seen, hardware)


@pytest.mark.parametrize(
    "changes", [{"vendor_id": REFUSED}, {"device_id": None}, {"netdevs": REFUSED, "address": "x"}]
)
def test_hardware_that_was_not_seen(changes: dict[str, Any]) -> None:
    """Is none."""
    function = a_function(pci=a_pci_function(**changes))
    assert _view(a_machine(functions=(function,))).hardware is None


@pytest.mark.parametrize("netdevs", [REFUSED, NEVER_ASKED])
def test_where_no_netdevs_were_seen_nothing_is_told(netdevs: Any) -> None:
    """Not even that no NIC is there."""
    assert views(a_machine(netdevs=netdevs, nics=()), {}) is None


def test_a_direct_nic_is_nobodys_pair() -> None:
    """It has no data path to switch."""
    direct = a_nic(netdev=a_netdev(driver="mana"), vf=None, direct=True)
    assert views(a_machine(nics=(direct,)), {}) == []


@pytest.mark.parametrize(
    ("links", "found"),
    [
        pytest.param(None, None, id="no-answer"),
        pytest.param("ENOBUFS", {}, id="refused"),
        pytest.param((LINK,), {3: LINK}, id="links"),
        pytest.param((replace(LINK, name="eth1"),), {}, id="renamed-a-moment-ago"),
        pytest.param((replace(LINK, ifindex=4),), {}, id="another-of-that-name"),
    ],
)
def test_links_that_were_asked_for(links: Any, found: Any) -> None:
    """By ifindex; only those that the files tell of."""
    assert links_of(Answers(ethtool={}, links=links), {"enP53091s1": 3}) == found


def test_a_report_while_the_kernel_does_not_answer() -> None:
    """The same machine, but the calls are late: the check says so, and the verdict follows."""
    report = report_of("two-nics")
    late = unanswered(report, "no answer in time for this scrape")
    assert (report.verdict, late.verdict) == ("pass", "fail")
    changed = {
        finding.check: finding.summary
        for finding, before in zip(late.findings, report.findings, strict=True)
        if finding != before
    }
    assert list(changed) == ["probes-answered"]
