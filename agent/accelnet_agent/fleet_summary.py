"""A fleet at a glance: verdicts, what fails where, groups, what to be wary of.  Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from accelnet_agent.fleet_names import names
from accelnet_agent.fleet_report import DATAPATHS, VERDICTS
from accelnet_agent.report import EXIT_STATUS
from accelnet_agent.summary import WORST_FIRST
from accelnet_probes.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from accelnet_agent.findings import Status
    from accelnet_agent.fleet import Fleet, Listed, Vm
    from accelnet_agent.fleet_report import Profile, Said
    from accelnet_agent.report import Verdict

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
AHEAD = timedelta(hours=1)  # a clock may be wrong by that


class Group(Record):
    """VMs that have something in common."""

    name: str
    verdicts: Mapping[str, int]
    sent: tuple[int, int] | None  # packets in the windows: by the VF, past it

    @property
    def vms(self) -> int:
        """How many."""
        return sum(self.verdicts.values())


class CheckCount(Record):
    """On how many VMs a check says what; a VM counts by the worst that it says there."""

    check: str
    statuses: Mapping[Status, int]
    vms: Mapping[Status, Sequence[str]]  # names, where something is not well
    said: Mapping[Status, tuple[str, Said]]  # what most are told, and on which VM


class Summary(Record):
    """All that is rendered."""

    verdict: Verdict
    reports: int
    vms: Sequence[tuple[str, Vm]]  # by name
    whole: Group
    oldest: str
    newest: str
    stale_after: int  # days
    stale: Sequence[tuple[str, str]]  # name, moment; oldest first
    ahead: Sequence[tuple[str, str]]  # of the clock
    checks: Sequence[CheckCount]
    nics: Mapping[str, int]
    groups: Mapping[str, Sequence[Group]]
    unreadable: Listed
    passed_over: Listed
    superseded: Sequence[tuple[str, str]]


def summarize(fleet: Fleet, *, stale_after: int, now: datetime) -> Summary:
    """What the reports say together; there is at least one."""
    found = fleet.vms()
    vms = sorted(
        zip(names([vm.place for vm in found]), found, strict=True), key=lambda pair: pair[0]
    )
    moments = sorted((vm.observed_at[:-1], name) for name, vm in vms)
    ahead = [(name, f"{at}Z") for at, name in moments if _moment(at) > now + AHEAD]
    present = moments[: len(moments) - len(ahead)] or moments
    limit = _moment(present[-1][0]) - timedelta(days=stale_after)
    stale = [(name, f"{at}Z") for at, name in present if _moment(at) < limit]
    whole = _group("", [vm for _, vm in vms])
    doubtful = bool(fleet.unreadable.count), bool(stale or ahead)
    return Summary(
        verdict=_verdict(whole.verdicts, *doubtful),
        reports=fleet.reports,
        vms=vms,
        whole=whole,
        oldest=f"{moments[0][0]}Z",
        newest=f"{moments[-1][0]}Z",
        stale_after=stale_after,
        stale=stale,
        ahead=ahead,
        checks=_checks(fleet, vms),
        nics=_nics(vm.profile for _, vm in vms),
        groups={key: groups_by((key,), vms) for key in DIMENSIONS},
        unreadable=fleet.unreadable,
        passed_over=fleet.passed_over,
        superseded=fleet.superseded(),
    )


def exit_status(summary: Summary) -> int:
    """That of the worst verdict."""
    return EXIT_STATUS[summary.verdict]


def _verdict(verdicts: Mapping[str, int], unread: bool, old: bool) -> Verdict:  # noqa: FBT001
    """The worst; what could not be read may be anything, what is old may have changed."""
    found = {verdict for verdict, count in verdicts.items() if count}
    found |= {"unknown"} if unread else set()
    found |= {"warn"} if old else set()
    return next(verdict for verdict in VERDICTS if verdict in found)


def _moment(at: str) -> datetime:
    return datetime.fromisoformat(at[:19])


def groups_by(keys: Sequence[str], vms: Iterable[tuple[str, Vm]]) -> list[Group]:
    """The VMs by one or several of DIMENSIONS, worst first."""
    members: dict[str, list[Vm]] = {}
    for _, vm in vms:
        name = ", ".join(getattr(vm.profile, key) for key in keys)
        members.setdefault(name, []).append(vm)
    groups = [_group(name, some) for name, some in members.items()]
    return sorted(groups, key=_weight)


def _weight(group: Group) -> tuple[object, ...]:
    return *(-group.verdicts[verdict] for verdict in VERDICTS), group.name


def _group(name: str, vms: list[Vm]) -> Group:
    verdicts: dict[str, int] = dict.fromkeys(VERDICTS, 0)
    sent: tuple[int, int] | None = None
    for vm in vms:
        verdicts[vm.profile.verdict] += 1
        if vm.sent is not None:
            by_vf, past = sent or (0, 0)
            sent = by_vf + vm.sent[0], past + vm.sent[1]
    return Group(name=name, verdicts=verdicts, sent=sent)


def _checks(fleet: Fleet, vms: Sequence[tuple[str, Vm]]) -> list[CheckCount]:
    counts: dict[str, dict[Status, int]] = {}
    where: dict[str, dict[Status, list[str]]] = {}
    for name, vm in vms:
        for check, status in vm.profile.checks:
            statuses = counts.setdefault(check, dict.fromkeys(WORST_FIRST, 0))  # type: ignore[arg-type]
            statuses[status] += 1
            if status not in ("pass", "skip"):
                where.setdefault(check, {}).setdefault(status, []).append(name)
    called = {id(vm): name for name, vm in vms}
    told = fleet.told(frozenset(called))
    found = [
        CheckCount(
            check=check,
            statuses=statuses,
            vms=where.get(check, {}),
            said={
                status: (called[id(told[check, status].vm)], told[check, status].said)
                for status in where.get(check, {})
                if (check, status) in told
            },
        )
        for check, statuses in counts.items()
    ]
    return sorted(found, key=lambda one: (*(-n for n in one.statuses.values()), one.check))


def _nics(profiles: Iterable[Profile]) -> dict[str, int]:
    found: dict[str, int] = dict.fromkeys(DATAPATHS, 0)
    for profile in profiles:
        for state, count in profile.nics:
            found[state] += count
    return found
