"""Moments, links and views for tests of what happens over time; a NIC that lives and is watched.

nic = Watched()                 # eth0 with a VF that is up, seen once by a tracker
nic.message(nic.down())         # RTM_NEWLINK
nic.observe(None)               # an observation that finds no VF
assert nic.kinds() == ["down", "to-synthetic", "removed"]
"""

from __future__ import annotations

from typing import Any

from accelnet_agent.tracker import Tracker
from accelnet_agent.tracks import Happening, Moment, NicView, Totals, Vf
from accelnet_probes.record import replace
from accelnet_probes.rtnetlink import IFF_LOWER_UP, IFF_UP, Link

WALL, BOOT = 1_700_000_000.0, 5_000.0  # when a test begins, by the two clocks
NIC, VF = 2, 3  # ifindexes
UP = 0x1003 | IFF_UP | IFF_LOWER_UP
DOWN = 0x1002


def at(seconds: float, *, set_by: float = 0.0) -> Moment:
    """So long after the test began; `set_by`: somebody has set the wall clock since."""
    return Moment(wall=WALL + seconds + set_by, boot=BOOT + seconds)


def a_link(**changes: Any) -> Link:
    """A message about eth0's VF, which is up."""
    link = Link(ifindex=VF, name="enP53091s1", flags=UP, master=NIC, carrier_up=1, carrier_down=1)
    return replace(link, **changes)


def a_seen_vf(**changes: Any) -> Vf:
    """The VF as an observation shows it."""
    vf = Vf(
        ifindex=VF,
        name="enP53091s1",
        pci_address="cf63:00:02.0",
        running=True,
        carrier_up=1,
        carrier_down=1,
    )
    return replace(vf, **changes)


def a_view(vf: Vf | None = None, **changes: Any) -> NicView:
    """What an observation says of eth0."""
    return replace(NicView(name="eth0", ifindex=NIC, vf=vf), **changes)


class Watched:
    """A tracker, a clock that a test moves on, and eth0."""

    def __init__(self, vf: Vf | None = None, *, seen: bool = True) -> None:
        self.now = at(0)
        self.tracker = Tracker(self.now.boot)
        if seen:
            self.observe(a_seen_vf() if vf is None else vf)

    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now = Moment(wall=self.now.wall + seconds, boot=self.now.boot + seconds)

    def message(self, link: Link) -> bool:
        """RTM_NEWLINK or RTM_DELLINK comes."""
        return self.tracker.link(link, self.now)

    def observe(self, vf: Vf | None, *others: NicView, **changes: Any) -> None:
        """An observation is made of eth0, and of other NICs."""
        self.tracker.reconcile([a_view(vf, **changes), *others], self.now)

    @property
    def totals(self) -> Totals:
        """Of eth0."""
        self.tracker.advance(self.now)
        return self.tracker.tracks["eth0"].totals

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Added, removed, to the VF, to the synthetic path."""
        found = self.totals
        return found.added, found.removed, found.to_vf, found.to_synthetic

    @property
    def last(self) -> Happening:
        """The newest happening."""
        return self.tracker.happenings[-1]

    def kinds(self, nic: str = "eth0") -> list[str]:
        """What has happened to a NIC, in order."""
        return [told.kind for told in self.tracker.happenings if told.nic == nic]
