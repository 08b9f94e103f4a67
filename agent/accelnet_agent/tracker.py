"""What happened to each NIC's VF while the agent watched: pure, fed by events and observations.

Two sources say what is: link messages as they come (RTM_NEWLINK, RTM_DELLINK), and
observations, which find what messages missed.  Both are compared with what was known,
so a change counts once, whoever tells it first.  A stale message tells nothing new
about a VF that is known by another ifindex by now.

The kernel counts carrier changes for as long as a link lives; where messages were
lost (ENOBUFS), the difference of these counts says how often the path was left.
"""

from __future__ import annotations

from accelnet_probes.record import Record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Literal

    from accelnet_probes.rtnetlink import Link

    Kind = Literal["added", "removed", "up", "down", "renamed", "to-vf", "to-synthetic"]
    Path = Literal["vf", "synthetic"]

RECONCILED = "found by reconciling"
MINUTE, DAY = 60.0, 86_400.0
MAX_HAPPENINGS = 2_000  # the newest; a VF that flaps for a day makes more


class Moment(Record):
    """Now, by two clocks."""

    wall: float  # seconds since the epoch
    boot: float  # seconds since boot, suspension included (CLOCK_BOOTTIME)


class Happening(Record):
    """One thing that happened to a NIC's VF."""

    at: float  # seconds since the epoch
    boot: float | None  # seconds since boot; None: of another boot
    nic: str
    kind: Kind
    vf: str | None = None
    pci_address: str | None = None
    note: str | None = None  # how it is known, or what it belongs to


class Vf(Record):
    """A VF as it was last seen."""

    ifindex: int
    name: str
    pci_address: str | None = None
    running: bool | None = None  # up with a carrier; None: as it was known
    carrier_up: int | None = None
    carrier_down: int | None = None


class NicView(Record):
    """What an observation says of one NIC."""

    name: str
    ifindex: int | None
    vf: Vf | None
    past_vf: bool = False  # packets are sent past a VF that is up
    seen: bool = True  # its pairing could be seen
    hardware: str | None = None  # of its VF, joined or not: "15b3:1016"


class Moved(Record):
    """The VM came to a host with other hardware (F23)."""

    before: str  # "15b3:1016"
    after: str
    at: float  # seconds since the epoch, when it was noticed


class Totals(Record):
    """Of one NIC, since the agent's state began."""

    added: int = 0
    removed: int = 0
    to_vf: int = 0
    to_synthetic: int = 0
    synthetic_seconds: float = 0.0
    last_switch: float | None = None  # seconds since the epoch


class Track:
    """What is known of one NIC.  Mutable; the tracker's own."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ifindex: int | None = None
        self.totals = Totals()
        self.vf: Vf | None = None
        self.hardware: str | None = None
        self.moved: Moved | None = None
        self.past_vf = False  # an observation saw that packets are sent past a running VF
        self.path: Path | None = None  # None: not known
        self.since: float | None = None  # boot clock: accounted for until then
        self.met = False  # an observation has shown it to this tracker
        self.restored = False  # what is known of its VF is of an earlier run, of this boot
        self.lossy = False  # messages about it may have been lost


class Tracker:
    """All NICs, and the happenings of the last day."""

    def __init__(self, began: float) -> None:
        """`began`: since when it is watched, seconds since the epoch."""
        self.began = began
        self.tracks: dict[str, Track] = {}
        self.happenings: list[Happening] = []
        self.changes = 0  # grows with every happening
        self.messages = 0  # grows with every message about a NIC or its VF
        self.circumstance: str | None = None  # what departures are put down to, for the time being

    # --- what tells of changes

    def link(self, link: Link, now: Moment) -> bool:
        """Take a link message; whether it concerns a NIC or its VF, so that a look is worth it."""
        for track in self.tracks.values():
            if link.ifindex == track.ifindex:
                return True
            if track.vf is not None and track.vf.ifindex == link.ifindex:
                self.messages += 1
                self._vf_link(track, track.vf, link, now)
                return True
        if link.gone:
            return False
        for track in self.tracks.values():
            if link.master is not None and link.master == track.ifindex:
                self.messages += 1
                self._arrive(track, _vf_of(link), now, None)
                return True
        return not link.is_virtual

    def overflow(self) -> None:
        """Messages were lost: what is counted next is counted with the kernel's own counts."""
        for track in self.tracks.values():
            track.lossy = True

    def links(self, links: Iterable[Link], now: Moment) -> None:
        """Take links that were asked for, before they are judged."""
        for link in links:
            for track in self.tracks.values():
                if track.vf is not None and track.vf.ifindex == link.ifindex:
                    self._vf_link(track, track.vf, link, now, RECONCILED)

    def reconcile(self, views: Sequence[NicView], now: Moment) -> None:
        """Take what an observation shows, all NICs that there are; find what no message told."""
        self._rename(views)
        for view in views:
            track = self.tracks.setdefault(view.name, Track(view.name))
            track.ifindex = view.ifindex
            if view.seen:
                self._view(track, view, now)
            track.met = True
        shown = {view.name for view in views}
        for name in [name for name in self.tracks if name not in shown]:
            track = self.tracks[name]
            if track.vf is not None and track.met:
                self._leave(track, now, f"{name} itself is gone")
            self._account(track, now)
            track.ifindex, track.path, track.since = None, None, None

    def _rename(self, views: Sequence[NicView]) -> None:
        """A NIC of another name with a known ifindex is the same one."""
        shown = {view.name for view in views}
        for view in views:
            for name, track in list(self.tracks.items()):
                if view.name in self.tracks or name in shown or view.ifindex is None:
                    continue
                if track.ifindex == view.ifindex:
                    self.tracks[view.name] = self.tracks.pop(name)
                    track.name = view.name

    def put_down_to(self, circumstance: str | None, now: Moment) -> None:
        """Departures belong to this from now on, and those of the last minute did already."""
        self.circumstance = circumstance
        if circumstance is None:
            return
        for index, happening in enumerate(self.happenings):
            if happening.kind == "removed" and now.wall - happening.at < MINUTE:
                note = _with(happening.note, circumstance)
                self.happenings[index] = replace(happening, note=note)

    def advance(self, now: Moment) -> None:
        """Account for the time until now."""
        for track in self.tracks.values():
            self._account(track, now)

    # --- one NIC

    def _view(self, track: Track, view: NicView, now: Moment) -> None:
        note = RECONCILED if track.met else "while accelnet-agent was not running"
        known, seen = track.vf, view.vf
        first = not track.met and not track.restored
        if known is not None and (seen is None or seen.ifindex != known.ifindex):
            self._leave(track, now, note)
        if seen is not None and (track.vf is None) and not first:
            self._arrive(track, seen, now, note)
        elif seen is not None:
            before = seen if track.vf is None else track.vf
            track.vf = replace(
                seen,
                running=before.running if seen.running is None else seen.running,
                carrier_up=before.carrier_up if seen.carrier_up is None else seen.carrier_up,
                carrier_down=before.carrier_down
                if seen.carrier_down is None
                else seen.carrier_down,
            )
            if track.vf.name != before.name:
                self._tell(track, "renamed", now, note)
        if view.hardware is not None:
            if track.hardware not in (None, view.hardware):
                track.moved = Moved(before=track.hardware or "", after=view.hardware, at=now.wall)
            track.hardware = view.hardware
        track.past_vf = view.past_vf
        self._set_path(track, now, note if track.met else None, silent=first)

    def _vf_link(
        self, track: Track, vf: Vf, link: Link, now: Moment, note: str | None = None
    ) -> None:
        """A message about the VF that is known."""
        if link.gone:
            self._leave(track, now, note)
            return
        lost = _lost(vf, link) if track.lossy else 0
        track.lossy = False
        if lost:
            self._switched(track, now, lost)
        running = link.is_running
        track.vf = replace(
            vf,
            name=link.name or vf.name,
            running=running,
            carrier_up=link.carrier_up,
            carrier_down=link.carrier_down,
        )
        if link.name and link.name != vf.name:
            self._tell(track, "renamed", now, f"it was {vf.name}")
        if vf.running not in (None, running):
            track.past_vf = False
            self._tell(track, "up" if running else "down", now, note)
        self._set_path(track, now, note)

    def _switched(self, track: Track, now: Moment, times: int) -> None:
        """There and back again, so many times, unseen."""
        self._account(track, now)
        track.totals = replace(
            track.totals,
            to_vf=track.totals.to_vf + times,
            to_synthetic=track.totals.to_synthetic + times,
            last_switch=now.wall,
        )
        self._tell(track, "down", now, f"{times} times down and up, by the kernel's own count")

    def _arrive(self, track: Track, vf: Vf, now: Moment, note: str | None) -> None:
        if track.vf is not None and track.vf.ifindex != vf.ifindex:
            self._leave(track, now, note or RECONCILED)
        track.vf, track.past_vf = vf, False
        track.totals = replace(track.totals, added=track.totals.added + 1)
        self._tell(track, "added", now, note)
        self._set_path(track, now, note)

    def _leave(self, track: Track, now: Moment, note: str | None) -> None:
        track.totals = replace(track.totals, removed=track.totals.removed + 1)
        self._tell(track, "removed", now, note)
        vf, track.vf, track.past_vf = track.vf, None, False
        self._set_path(track, now, note, vf=vf)

    def _set_path(
        self,
        track: Track,
        now: Moment,
        note: str | None,
        *,
        silent: bool = False,
        vf: Vf | None = None,
    ) -> None:
        """Where packets go now; a change of that is a switch."""
        if track.vf is not None and track.vf.running is None:
            return  # not seen yet
        uses_vf = track.vf is not None and not track.past_vf and track.vf.running
        path: Path = "vf" if uses_vf else "synthetic"
        self._account(track, now)
        before, track.path = track.path, path
        if before is None or before == path or silent:
            return
        field = "to_vf" if path == "vf" else "to_synthetic"
        count = getattr(track.totals, field) + 1
        track.totals = replace(track.totals, **{field: count, "last_switch": now.wall})
        self._tell(track, "to-vf" if path == "vf" else "to-synthetic", now, note, vf)

    def _account(self, track: Track, now: Moment) -> None:
        if track.path == "synthetic" and track.since is not None:
            seconds = track.totals.synthetic_seconds + max(0.0, now.boot - track.since)
            track.totals = replace(track.totals, synthetic_seconds=seconds)
        track.since = now.boot

    def _tell(
        self, track: Track, kind: Kind, now: Moment, note: str | None, vf: Vf | None = None
    ) -> None:
        vf = vf or track.vf
        if kind == "removed":
            note = _with(note, self.circumstance)
        self.changes += 1
        self.happenings.append(
            Happening(
                at=now.wall,
                boot=now.boot,
                nic=track.name,
                kind=kind,
                vf=vf.name if vf is not None else None,
                pci_address=vf.pci_address if vf is not None else None,
                note=note,
            )
        )
        if len(self.happenings) > MAX_HAPPENINGS or self.happenings[0].at < now.wall - DAY:
            oldest = now.wall - DAY
            self.happenings = [
                happening
                for happening in self.happenings[-MAX_HAPPENINGS:]
                if happening.at >= oldest
            ]


def _with(note: str | None, circumstance: str | None) -> str | None:
    if circumstance is None or (note is not None and circumstance in note):
        return note
    return circumstance if note is None else f"{note}, {circumstance}"


def _vf_of(link: Link) -> Vf:
    return Vf(
        ifindex=link.ifindex,
        name=link.name,
        running=link.is_running,
        carrier_up=link.carrier_up,
        carrier_down=link.carrier_down,
    )


def _lost(vf: Vf, link: Link) -> int:
    """How often it went down and came up again between two sights of it."""
    if vf.carrier_down is None or link.carrier_down is None:
        return 0
    downs = link.carrier_down - vf.carrier_down
    return max(0, downs - (1 if vf.running and not link.is_running else 0))
