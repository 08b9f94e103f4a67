"""The reports of a fleet, taken one after the other.  Pure.

Each VM counts once, by its newest report.  A VM is known by the MAC of its first NIC
where the report is of a running machine, else by where the report came from.
"""

from __future__ import annotations

from accelnet_probes.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from accelnet_agent.findings import Status
    from accelnet_agent.fleet_report import Host, Said, Seen, State

MAX_LISTED = 1000  # of what is left out; the rest is counted
MAX_REMEDIES = 64  # different ones that are kept of a check


class Place(Record):
    """Where a report comes from."""

    path: str
    line: int | None = None  # of a stream, where it begins
    nth: int = 1  # of those that begin on that line
    name: str | None = None  # that the stream gives it

    def __str__(self) -> str:
        return f"{self.path}{self.position}"

    @property
    def position(self) -> str:
        """Where in its file: ":12", and ":12.2" for the second that begins there."""
        if self.line is None:
            return ""
        return f":{self.line}" if self.nth == 1 else f":{self.line}.{self.nth}"


class Vm(Record):
    """One VM, by one report."""

    place: Place
    observed_at: str
    host: Host
    state: State
    sent: tuple[int, int] | None


class Listed:
    """Some of many: all are counted, the first are kept."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[tuple[str, str]] = []

    def add(self, what: str, why: str) -> None:
        """Count one more."""
        self.count += 1
        if len(self.first) < MAX_LISTED:
            self.first.append((what, why))


class Told:
    """A remedy: how often a check told it, and what the first VM was told with it."""

    def __init__(self, said: Said, vm: Vm) -> None:
        self.said, self.vm, self.count = said, vm, 0


class Fleet:
    """What is kept of the reports that were taken."""

    def __init__(self) -> None:
        self.reports = 0
        self.unreadable = Listed()
        self.passed_over = Listed()
        self._newest: dict[str, Vm] = {}
        self.superseded = 0
        self._superseded: list[tuple[Place, str]] = []  # the first of them
        self._told: dict[tuple[str, Status], dict[str | None, Told]] = {}

    def add(self, place: Place, seen: Seen) -> None:
        """Take a report; it does not count where a newer one of the same VM is there."""
        self.reports += 1
        vm = Vm(
            place=place,
            observed_at=seen.observed_at,
            host=seen.host,
            state=seen.state,
            sent=seen.sent,
        )
        key = seen.mac or place.name or str(place)
        before = self._newest.setdefault(key, vm)
        if before is not vm:
            older, newer = sorted((before, vm), key=_age)
            self._newest[key] = newer
            self.superseded += 1
            if len(self._superseded) < MAX_LISTED:
                self._superseded.append((older.place, key))
            if newer is before:
                return
        for said in seen.said:
            self._keep(said, vm)

    def _keep(self, said: Said, vm: Vm) -> None:
        told = self._told.setdefault((said.check, said.status), {})
        if said.remedy not in told:
            if len(told) >= MAX_REMEDIES:
                return
            told[said.remedy] = Told(said, vm)
        told[said.remedy].count += 1

    def vms(self) -> list[Vm]:
        """Each VM by its newest report."""
        return list(self._newest.values())

    def left_out(self) -> Listed:
        """The reports that do not count, with the newer one of the same VM."""
        found = Listed()
        for old, key in self._superseded:
            found.add(str(old), str(self._newest[key].place))
        found.first.sort()
        found.count = self.superseded
        return found

    def told(self, current: frozenset[int]) -> dict[tuple[str, Status], Told]:
        """What most VMs with a finding are told, by a VM (`current`: their ids) that counts."""
        found: dict[tuple[str, Status], Told] = {}
        for what, wordings in self._told.items():
            counting = [told for told in wordings.values() if id(told.vm) in current]
            if counting:
                found[what] = max(counting, key=lambda told: told.count)
        return found


def _age(vm: Vm) -> tuple[str, str]:
    """Newest last; of two at the same moment the last by name.  A "Z" would spoil the order."""
    return vm.observed_at[:-1], str(vm.place)
