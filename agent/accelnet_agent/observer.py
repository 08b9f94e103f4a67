"""One observation at a time, shared by all who ask while it is under way.

observe -> reconcile -> judge, as accelnet-check does it, with what the agent has
watched as one more witness.  Nothing here waits for anything but the kernel's
answers, and for these no longer than their deadline.
"""

from __future__ import annotations

import asyncio

from accelnet_agent.checks import CHECKS
from accelnet_agent.clock import moment
from accelnet_agent.datapath import link_of
from accelnet_agent.engine import judge
from accelnet_agent.history import watch_of
from accelnet_agent.machine import SERVICING_SECONDS, SETTLING, build
from accelnet_agent.tracks import NicView, Vf
from accelnet_probes.observe import observe
from accelnet_probes.record import Record, replace
from accelnet_probes.snapshot import Gap, known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from accelnet_agent.expectation import Expect
    from accelnet_agent.kernel import Kernel
    from accelnet_agent.machine import Machine, Nic
    from accelnet_agent.report import Report
    from accelnet_agent.tracker import Tracker
    from accelnet_agent.tracks import Moment
    from accelnet_probes.asker import Answers
    from accelnet_probes.resident import ResidentHost
    from accelnet_probes.rtnetlink import Link
    from accelnet_probes.snapshot import Netdev, Snapshot

ASKED = ("ethtool", "addresses")  # the probes that wait for the kernel
_TRIES = 3  # interfaces may come while others are asked about


class Observation(Record):
    """A report, and how it came about."""

    report: Report
    durations: dict[str, float]  # seconds by probe
    at: float  # the event loop's clock
    stamp: object = None  # the same where nothing but counters can have changed


class Observer:
    """Makes observations; the last one is `last`."""

    def __init__(
        self,
        host: ResidentHost,
        kernel: Kernel,
        tracker: Tracker,
        *,
        expect: Expect = "auto",
        grace: float = SERVICING_SECONDS,
    ) -> None:
        self.last: Observation | None = None
        # Called before the kernel is asked and after: takes the link messages that wait.
        self.on_look: Callable[[], None] = _nothing
        # Called with the one before, and the new one.
        self.on_observation: Callable[[Observation | None, Observation], None] = _nobody
        self._host, self._kernel, self._tracker = host, kernel, tracker
        self._expect: Expect = expect
        self._grace = grace
        self._flight: asyncio.Task[Observation] | None = None

    async def observe(self) -> Observation:
        """The observation that is under way, or a new one."""
        if self._flight is None:
            self._flight = asyncio.get_running_loop().create_task(self._observe())
            self._flight.add_done_callback(self._landed)
        return await asyncio.shield(self._flight)

    async def recent(self, age: float, deadline: float) -> Observation | None:
        """One that is less than `age` seconds old; by `deadline` (loop clock) the last there is."""
        now = asyncio.get_running_loop().time()
        if self.last is not None and now - self.last.at < age:
            return self.last
        try:
            return await asyncio.wait_for(self.observe(), max(0.0, deadline - now))
        except asyncio.TimeoutError:
            return self.last

    def _landed(self, flight: asyncio.Task[Observation]) -> None:
        self._flight = None
        if not flight.cancelled() and flight.exception() is None:
            before, self.last = self.last, flight.result()
            self.on_observation(before, self.last)

    async def _observe(self) -> Observation:
        loop, host, tracker = asyncio.get_running_loop(), self._host, self._tracker
        durations: dict[str, float] = {}
        tries, whole = 0, False
        while True:
            tries += 1
            self.on_look()
            asked, messages = loop.time(), tracker.messages
            whole = whole or host.moment_is_over(asked)
            answers = await self._kernel.ask(host.wanted, whole=whole)
            took = loop.time() - asked
            self.on_look()
            links = self._tell_links(answers) if messages == tracker.messages else None
            if not host.supply(answers, asked) and tries < _TRIES:
                whole = True
                continue
            snapshot, vfs = observe(host, durations), tracker.vf_changes
            self.on_look()
            if messages != tracker.messages:
                links = None  # what messages told meanwhile is newer
            outdated = tracker.vf_changes != vfs  # and so are the VFs that they tell of
            if not (outdated or host.unasked) or tries == _TRIES:
                break
        durations.update(dict.fromkeys(ASKED, took))
        limits = (*SETTLING.values(), self._grace)
        pending = frozenset(tracker.pending(moment(), limits))
        machine = self._reconciled(snapshot, links, outdated=outdated)
        stamp = (host.moment, tracker.changes, pending)
        same = self.last is not None and self.last.stamp == stamp
        earlier = self.last.report if same and self.last is not None else None
        report = judge(machine, CHECKS, earlier=earlier)
        return Observation(report=report, durations=durations, at=loop.time(), stamp=stamp)

    def _tell_links(self, answers: Answers) -> dict[int, Link] | None:
        """What the kernel said of the links, which the tracker has been told."""
        changes, links = self._tracker.changes, links_of(answers, self._host.wanted)
        self._tracker.links((links or {}).values(), moment())
        if self._tracker.changes != changes:
            self._host.forget()
        return links

    def _reconciled(
        self, snapshot: Snapshot, links: Mapping[int, Link] | None, *, outdated: bool
    ) -> Machine:
        """The machine; without a window where a VF had changed unnoticed."""
        changes, now = self._tracker.changes, moment()
        machine = self._machine(snapshot, now)
        found = views(machine, links)
        if found is not None and not outdated:
            self._tracker.reconcile(found, now, [netdev.name for netdev in machine.unseen])
        if self._tracker.changes == changes:
            return machine
        self._host.forget()
        return self._machine(replace(snapshot, window_seconds=None), now)

    def _machine(self, snapshot: Snapshot, now: Moment) -> Machine:
        snapshot = replace(snapshot, watch=watch_of(self._tracker, now))
        return build(snapshot, self._expect, grace=self._grace)


def unanswered(report: Report, why: str) -> Report:
    """The report as it stands while the kernel does not answer."""
    machine = report.machine
    probes = tuple(
        replace(run, why=why, late=True) if run.name in ASKED else run
        for run in machine.snapshot.probes
    )
    snapshot = replace(machine.snapshot, probes=probes)
    return judge(replace(machine, snapshot=snapshot), CHECKS)


def _nothing() -> None:
    """Nothing waits."""


def _nobody(_before: Observation | None, _after: Observation) -> None:
    """Nobody wants to know."""


def links_of(answers: Answers, wanted: Mapping[str, int | None]) -> dict[int, Link] | None:
    """By ifindex; None where the kernel has not answered.

    A link of another name is not what files tell of: it was renamed a moment ago, which will be
    told, or the files are another machine's than the network namespace.
    """
    links = answers.links
    if links is None:
        return None
    if isinstance(links, str):
        return {}
    return {link.ifindex: link for link in links if wanted.get(link.name) == link.ifindex}


def views(machine: Machine, links: Mapping[int, Link] | None) -> list[NicView] | None:
    """What the tracker is told of each synthetic NIC; None where none could be seen.

    `links` by ifindex as the kernel gave them; None where it has not answered, or where
    messages have told newer things.
    """
    if isinstance(machine.snapshot.netdevs, Gap):
        return None
    return [_view(nic, machine, links) for nic in machine.nics if not nic.direct]


def _view(nic: Nic, machine: Machine, links: Mapping[int, Link] | None) -> NicView:
    vf = known(nic.vf)
    ifindex = known(vf.ifindex) if vf is not None else None
    if vf is None or ifindex is None:
        return NicView(
            name=nic.name,
            ifindex=known(nic.netdev.ifindex),
            vf=None,
            seen=nic.vf is None,
            hardware=_hardware(machine, nic.orphans[0]) if nic.orphans else None,
        )
    link = links.get(ifindex) if links is not None else None
    running: bool | None = None
    if links is not None:
        running = link.is_running if link is not None else link_of(vf) == "up"
    address = known(vf.device)
    return NicView(
        name=nic.name,
        ifindex=known(nic.netdev.ifindex),
        vf=Vf(
            ifindex=ifindex,
            name=vf.name,
            pci_address=address,
            running=running,
            carrier_up=link.carrier_up if link is not None else None,
            carrier_down=link.carrier_down if link is not None else None,
        ),
        past_vf=_past_vf(nic, vf),
        hardware=_hardware(machine, address) if address is not None else None,
    )


def _past_vf(nic: Nic, vf: Netdev) -> bool | None:
    """Whether packets go past a VF that is up; None where none went anywhere."""
    if nic.datapath.state == "synthetic":
        return link_of(vf) == "up"  # that it is down is told by the link itself
    return False if nic.datapath.proven else None


def _hardware(machine: Machine, subject: str) -> str | None:
    """ "15b3:1016" of the function at this address, or above this netdev."""
    for function in machine.functions:
        pci = function.pci
        if pci.address == subject or subject in (known(pci.netdevs) or ()):
            vendor, device = known(pci.vendor_id), known(pci.device_id)
            return f"{vendor}:{device}" if vendor and device else None
    return None
