"""VMs that have something in common, and what a check has to do with that.  Pure."""

from __future__ import annotations

from accelnet_agent.fleet_facts import NO_DRIVER, NO_VF
from accelnet_agent.fleet_report import VERDICTS
from accelnet_probes.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from accelnet_agent.findings import Status
    from accelnet_agent.fleet import Vm
    from accelnet_agent.fleet_report import Host, State

# By what VMs can be grouped, and what that is called.
DIMENSIONS = {
    "size": "VM size",
    "kernel": "kernel",
    "driver": "driver of the VF",
    "family": "hardware of the VF",
    "distro": "distribution",
    "image": "image",
    "datapath": "data path of the NICs",
    "version": "version of accelnet",
}
CAUSES = ("size", "kernel", "driver")  # what a failure is held against
_OF_HOST = ("size", "kernel", "distro", "image", "version")
_NO_CAUSE = (None, NO_DRIVER, NO_VF)


class Alike:
    """VMs of the same host and state: there are few such kinds, however many VMs."""

    def __init__(self, host: Host, state: State) -> None:
        self.host, self.state, self.vms = host, state, 0
        self.sent: tuple[int, int] | None = None

    def value(self, key: str) -> str | None:
        """By one of DIMENSIONS."""
        found: str | None = getattr(self.host if key in _OF_HOST else self.state, key)
        return found


class Group(Record):
    """VMs that have something in common."""

    name: str | None  # None: it is not known
    verdicts: Mapping[str, int]
    sent: tuple[int, int] | None  # packets in the windows: by the VF, past it

    @property
    def vms(self) -> int:
        """How many."""
        return sum(self.verdicts.values())


class Cause(Record):
    """What most VMs with a finding have in common, and others rarely have."""

    key: str
    name: str
    found: int  # VMs with the finding that have it
    vms: int  # that have it


def alike(vms: Iterable[Vm]) -> list[Alike]:
    """The kinds of VMs."""
    found: dict[tuple[int, int], Alike] = {}
    for vm in vms:
        key = id(vm.host), id(vm.state)  # one object for all that are equal
        kind = found.get(key)
        if kind is None:
            kind = found[key] = Alike(vm.host, vm.state)
        kind.vms += 1
        kind.sent = _sum(kind.sent, vm.sent)
    return list(found.values())


def _sum(one: tuple[int, int] | None, other: tuple[int, int] | None) -> tuple[int, int] | None:
    if one is None or other is None:
        return one or other
    return one[0] + other[0], one[1] + other[1]


def whole(kinds: Iterable[Alike]) -> Group:
    """All of them."""
    verdicts: dict[str, int] = dict.fromkeys(VERDICTS, 0)
    sent: tuple[int, int] | None = None
    for kind in kinds:
        verdicts[kind.state.verdict] += kind.vms
        sent = _sum(sent, kind.sent)
    return Group(name=None, verdicts=verdicts, sent=sent)


def groups_by(key: str, kinds: Sequence[Alike]) -> list[Group]:
    """The VMs by one of DIMENSIONS, worst first."""
    members: dict[str | None, list[Alike]] = {}
    for kind in kinds:
        members.setdefault(kind.value(key), []).append(kind)
    groups = [
        Group(name=name, verdicts=group.verdicts, sent=group.sent)
        for name, some in members.items()
        for group in (whole(some),)
    ]
    return sorted(groups, key=_weight)


def _weight(group: Group) -> tuple[object, ...]:
    worst = [-group.verdicts[verdict] for verdict in VERDICTS]
    return *worst, group.name is None, group.name or ""


def counts_by_cause(
    kinds: Iterable[Alike],
) -> dict[tuple[str, Status], dict[str, dict[str | None, int]]]:
    """On how many VMs each check says what, by each of CAUSES, most first."""
    found: dict[tuple[str, Status], dict[str, dict[str | None, int]]] = {}
    for kind in kinds:
        for pair in kind.state.loud:
            counts = found.setdefault(pair, {key: {} for key in CAUSES})
            for key in CAUSES:
                name = kind.value(key)
                counts[key][name] = counts[key].get(name, 0) + kind.vms
    return {
        pair: {key: dict(sorted(count.items(), key=_most)) for key, count in counts.items()}
        for pair, counts in found.items()
    }


def _most(pair: tuple[str | None, int]) -> tuple[int, bool, str]:
    name, count = pair
    return -count, name is None, name or ""


def cause(
    key: str, counts: Mapping[str | None, int], groups: Iterable[Group], vms: int
) -> Cause | None:
    """What at least half of the VMs with a finding have, and of all VMs not half as many."""
    (name, most), total = next(iter(counts.items())), sum(counts.values())
    having = next(group.vms for group in groups if group.name == name)
    if name is None or name in _NO_CAUSE or most < 2:
        return None
    if 2 * most < total or 2 * having * total > most * vms:
        return None
    return Cause(key=key, name=name, found=most, vms=having)
