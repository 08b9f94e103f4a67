"""What happened to each NIC's VF while the agent watched: pure, fed by events and observations.

Two sources say what is: link messages as they come (RTM_NEWLINK, RTM_DELLINK), and
observations, which find what messages missed.  Both are compared with what was known,
so a change counts once, whoever tells it first.  Messages may be older than the last
observation, never newer: one about a VF that it has found gone brings nobody back.

The kernel counts carrier changes for as long as a link lives; where messages were
lost (ENOBUFS, a restart of the agent), the difference of these counts says how often
the path was left.
"""

from __future__ import annotations

from accelnet_agent.tracks import Happening, Moved, Track, Vf
from accelnet_probes.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from accelnet_agent.tracks import Kind, Moment, NicView, Path
    from accelnet_probes.rtnetlink import Link

RECONCILED, MISSED = "found by reconciling", "while accelnet-agent was not running"
MINUTE, DAY = 60.0, 86_400.0
MAX_HAPPENINGS = 2_000  # the newest; a VF that flaps for a day makes more
KEPT = MAX_HAPPENINGS * 3 // 4  # of those, where room is made


class Tracker:
    """All NICs, and the happenings of the last day."""

    def __init__(self, began: float) -> None:
        """`began`: since when they are watched, by the boot clock."""
        self.began = began
        self.tracks: dict[str, Track] = {}
        self.happenings: list[Happening] = []
        self.changes = 0  # grows with every happening
        self.messages = 0  # grows with every message about a VF
        self.deaf = False  # no message is heard
        self.circumstance: str | None = None  # what departures are put down to, for the time being

    @property
    def vf_changes(self) -> int:
        """Grows with every VF that comes or leaves."""
        return sum(track.totals.added + track.totals.removed for track in self.tracks.values())

    def pending(self, now: Moment, limits: Iterable[float]) -> dict[tuple[str, str, float], float]:
        """What time alone will change: seconds until the last of each kind is so old, by NIC."""
        limits = tuple(limits)
        ages: dict[tuple[str, str], float] = {}
        for happening in reversed(self.happenings):
            age = happening.age(now)
            if age >= max(limits):
                break
            ages.setdefault((happening.nic, happening.kind), age)
        return {
            (*key, limit): limit - age
            for key, age in ages.items()
            for limit in limits
            if age < limit
        }

    # --- what tells of changes

    def link(self, link: Link, now: Moment) -> bool:
        """Take a link message; whether it concerns a NIC or its VF, so that a look is worth it."""
        for track in self.tracks.values():
            if link.ifindex == track.ifindex:
                return True
            if track.vf is not None and track.vf.ifindex == link.ifindex:
                self.messages += 1
                self._vf_link(track, track.vf, link, now, None)
                return True
        if link.gone:
            return False
        for track in self.tracks.values():
            if link.master is not None and link.master == track.ifindex:
                self._new_link(track, link, now)
                return True
        return not link.is_virtual

    def overflow(self, *, deaf: bool = False) -> None:
        """Messages were lost: what is counted next is counted with the kernel's own counts.

        `deaf`: and they are lost from now on, until this is called again.
        """
        self.deaf = deaf
        for track in self.tracks.values():
            track.lossy = True

    def links(self, links: Iterable[Link], now: Moment) -> None:
        """Take links that were asked for, before they are judged."""
        for link in links:
            for track in self.tracks.values():
                if track.vf is not None and track.vf.ifindex == link.ifindex:
                    self._vf_link(track, track.vf, link, now, _reconciled(track))

    def reconcile(
        self, views: Sequence[NicView], now: Moment, unseen: Collection[str] = ()
    ) -> None:
        """Take what an observation shows; find what no message told.

        `unseen`: interfaces of which it could not see whether they are NICs.
        """
        self._rename(views)
        shown = {*unseen, *(view.name for view in views)}
        for view in views:
            track = self.tracks.setdefault(view.name, Track(view.name))
            if view.ifindex is not None:
                track.ifindex = view.ifindex
            if view.seen:
                self._view(track, view, now)
            track.met = True
        for track in self.tracks.values():
            if track.name not in shown:
                self._vanish(track, now)

    def put_down_to(self, circumstance: str | None, now: Moment) -> None:
        """Departures belong to this from now on, and those of the last minute did already."""
        self.circumstance = circumstance
        if circumstance is None:
            return
        for index, happening in enumerate(self.happenings):
            if happening.kind == "removed" and happening.age(now) < MINUTE:
                note = _with(happening.note, circumstance)
                self.happenings[index] = replace(happening, note=note)

    def advance(self, now: Moment) -> None:
        """Account for the time until now."""
        for track in self.tracks.values():
            _account(track, now)

    # --- one NIC

    def _rename(self, views: Sequence[NicView]) -> None:
        """A track goes on under the name that its NIC has now; two may have changed places."""
        names = {view.ifindex: view.name for view in views if view.ifindex is not None}
        renamed = [
            track
            for track in self.tracks.values()
            if track.ifindex is not None and names.get(track.ifindex, track.name) != track.name
        ]
        for track in renamed:
            del self.tracks[track.name]
        for track in renamed:
            # Under a name of a time before: that NIC's own track goes on.
            if track.ifindex is not None and names[track.ifindex] not in self.tracks:
                track.name = names[track.ifindex]
            self.tracks[track.name] = track

    def _view(self, track: Track, view: NicView, now: Moment) -> None:
        note = _reconciled(track)
        known, seen = track.vf, view.vf
        first = not track.met and not track.restored
        if known is not None and (seen is None or seen.ifindex != known.ifindex):
            self._leave(track, now, note)
            track.gone = max(track.gone, known.ifindex)
        if seen is not None and track.vf is None and not first:
            self._arrive(track, seen, now, note)
        elif seen is not None:
            before = seen if track.vf is None else track.vf
            track.vf = _updated(before, seen)
            if track.vf.name != before.name:
                self._tell(track, "renamed", now, f"it was {before.name}, {note}")
        if view.hardware is not None:
            if track.hardware not in (None, view.hardware):
                track.moved = Moved(before=track.hardware or "", after=view.hardware, at=now.wall)
            track.hardware = view.hardware
        if view.past_vf is not None:
            track.past_vf = view.past_vf
        self._set_path(track, now, note if track.met or track.restored else None, silent=first)

    def _vanish(self, track: Track, now: Moment) -> None:
        """The NIC itself is not there: it has no data path to switch."""
        _account(track, now)
        track.path = None
        if track.vf is not None and track.met:
            track.gone = max(track.gone, track.vf.ifindex)
            self._leave(track, now, f"{track.name} itself is gone")
        track.ifindex, track.path, track.since = None, None, None

    def _new_link(self, track: Track, link: Link, now: Moment) -> None:
        """A message about a netdev that is joined to the NIC, and that was not known."""
        self.messages += 1
        known = track.vf.ifindex if track.vf is not None else 0
        # An ifindex is given once: a lower one is of a time before.  Where a netdev did come
        # back, an observation tells.
        if link.ifindex > max(track.gone, known):
            self._arrive(track, _vf_of(link), now, None)

    def _vf_link(self, track: Track, vf: Vf, link: Link, now: Moment, note: str | None) -> None:
        """What the kernel says of the VF that is known."""
        if link.gone:
            self._leave(track, now, note)
            return
        lost = _lost(vf, link) if track.lossy or self.deaf else 0
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
        _account(track, now)
        track.totals = replace(
            track.totals,
            to_vf=track.totals.to_vf + times,
            to_synthetic=track.totals.to_synthetic + times,
            last_switch=now.wall,
        )
        ways: tuple[Kind, Kind] = ("to-synthetic", "to-vf")
        note = f"{times} times, by the kernel's own count"
        for kind in ways if track.path == "vf" else ways[::-1]:
            self._tell(track, kind, now, note, times=times)

    def _arrive(self, track: Track, vf: Vf, now: Moment, note: str | None) -> None:
        if track.vf is not None:
            self._leave(track, now, note or RECONCILED)
        track.vf, track.past_vf = vf, False
        track.lossy = False  # its counts are of now
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
        _account(track, now)
        before, track.path = track.path, path
        if before is None or before == path or silent:
            return
        field = "to_vf" if path == "vf" else "to_synthetic"
        count = getattr(track.totals, field) + 1
        track.totals = replace(track.totals, **{field: count, "last_switch": now.wall})
        self._tell(track, "to-vf" if path == "vf" else "to-synthetic", now, note, vf)

    def _tell(
        self,
        track: Track,
        kind: Kind,
        now: Moment,
        note: str | None,
        vf: Vf | None = None,
        times: int = 1,
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
                times=times,
            )
        )
        if len(self.happenings) > MAX_HAPPENINGS:
            del self.happenings[:-KEPT]
        if self.happenings[0].age(now) > DAY:
            self.happenings = [told for told in self.happenings if told.age(now) <= DAY]


def _account(track: Track, now: Moment) -> None:
    """Time on the synthetic path, until now."""
    if track.path == "synthetic" and track.since is not None:
        seconds = track.totals.synthetic_seconds + max(0.0, now.boot - track.since)
        track.totals = replace(track.totals, synthetic_seconds=seconds)
    track.since = now.boot


def _reconciled(track: Track) -> str:
    return MISSED if track.restored and not track.met else RECONCILED


def _updated(before: Vf, seen: Vf) -> Vf:
    """The VF as it is seen; what is not seen as it was."""
    counted = seen if seen.carrier_down is not None else before
    return replace(
        seen,
        pci_address=before.pci_address if seen.pci_address is None else seen.pci_address,
        running=before.running if seen.running is None else seen.running,
        carrier_up=counted.carrier_up,
        carrier_down=counted.carrier_down,
    )


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
