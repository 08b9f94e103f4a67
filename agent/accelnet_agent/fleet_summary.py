"""A fleet at a glance: verdicts, what fails where, groups, what to be wary of.  Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from accelnet_agent import fleet_groups
from accelnet_agent.fleet_facts import DATAPATHS
from accelnet_agent.fleet_groups import CAUSES, DIMENSIONS
from accelnet_agent.fleet_names import names
from accelnet_agent.fleet_report import VERDICTS
from accelnet_agent.summary import WORST_FIRST
from accelnet_probes.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from accelnet_agent.findings import Status
    from accelnet_agent.fleet import Fleet, Listed, Vm
    from accelnet_agent.fleet_groups import Alike, Cause, Group
    from accelnet_agent.fleet_report import Said
    from accelnet_agent.report import Verdict

AHEAD = timedelta(hours=1)  # a clock may be wrong by that


class Finding(Record):
    """What one check says on several VMs, where something is not well."""

    check: str
    status: Status
    vms: Sequence[str]  # their names
    example: str | None  # the VM by which it is told, and how it is told there
    said: Said | None
    counts: Mapping[str, Mapping[str | None, int]]  # VMs by each of CAUSES
    causes: Sequence[Cause]

    @property
    def decides(self) -> bool:
        """A recommended check that could not be made decides nothing."""
        return self.status != "unknown" or self.said is None or self.said.level == "required"


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
    checks: Mapping[str, Mapping[str, int]]  # VMs by the worst that a check says there
    findings: Sequence[Finding]  # worst first
    nics: Mapping[str, int]
    groups: Mapping[str, Sequence[Group]]
    unreadable: Listed
    passed_over: Listed
    superseded: Listed


def summarize(fleet: Fleet, *, stale_after: int, now: datetime) -> Summary:
    """What the reports say together; there is at least one."""
    found = fleet.vms()
    called = names([vm.place for vm in found])
    vms = sorted(zip(called, found, strict=True), key=lambda pair: pair[0])
    kinds = fleet_groups.alike(found)
    whole = fleet_groups.whole(kinds)
    groups = {key: fleet_groups.groups_by(key, kinds) for key in DIMENSIONS}
    moments = sorted((vm.observed_at[:-1], name) for name, vm in vms)
    ahead = [(name, f"{at}Z") for at, name in moments if _moment(at) > now + AHEAD]
    present = moments[: len(moments) - len(ahead)]
    stale = _stale(present, stale_after)
    doubts = bool(fleet.unreadable.count), bool(stale or ahead)
    return Summary(
        verdict=_verdict(whole.verdicts, *doubts),
        reports=fleet.reports,
        vms=vms,
        whole=whole,
        oldest=f"{moments[0][0]}Z",
        newest=f"{moments[-1][0]}Z",
        stale_after=stale_after,
        stale=stale,
        ahead=ahead,
        checks=_checks(kinds),
        findings=_findings(fleet, vms, kinds, groups),
        nics=_nics(kinds),
        groups=groups,
        unreadable=fleet.unreadable,
        passed_over=fleet.passed_over,
        superseded=fleet.left_out(),
    )


def _verdict(verdicts: Mapping[str, int], unread: bool, old: bool) -> Verdict:  # noqa: FBT001
    """The worst; what could not be read may be anything, what is old may have changed."""
    found = {verdict for verdict, count in verdicts.items() if count}
    found |= {"unknown"} if unread else set()
    found |= {"warn"} if old else set()
    return next(verdict for verdict in VERDICTS if verdict in found)


def _stale(moments: Sequence[tuple[str, str]], days: int) -> list[tuple[str, str]]:
    """Those that are older than the newest by more; the clock of here has no say in it."""
    if not moments:
        return []
    newest, most = _moment(moments[-1][0]), timedelta(days=days)
    return [(name, f"{at}Z") for at, name in moments if newest - _moment(at) > most]


def _moment(at: str) -> datetime:
    return datetime.fromisoformat(at[:19])


def _checks(kinds: Iterable[Alike]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for kind in kinds:
        for check, status in kind.state.checks:
            statuses = found.setdefault(check, dict.fromkeys(WORST_FIRST, 0))
            statuses[status] += kind.vms
    return dict(sorted(found.items(), key=lambda one: (*(-n for n in one[1].values()), one[0])))


def _findings(
    fleet: Fleet,
    vms: Sequence[tuple[str, Vm]],
    kinds: Sequence[Alike],
    groups: Mapping[str, Sequence[Group]],
) -> list[Finding]:
    where: dict[tuple[str, Status], list[str]] = {}
    for name, vm in vms:
        for pair in vm.state.loud:
            where.setdefault(pair, []).append(name)
    called = {id(vm): name for name, vm in vms}
    told = fleet.told(frozenset(called))
    counts = fleet_groups.counts_by_cause(kinds)
    found: list[Finding] = []
    for (check, status), some in where.items():
        by, say = counts[check, status], told.get((check, status))
        causes = [fleet_groups.cause(key, by[key], groups[key], len(vms)) for key in CAUSES]
        found.append(
            Finding(
                check=check,
                status=status,
                vms=some,
                example=None if say is None else called[id(say.vm)],
                said=None if say is None else say.said,
                counts=by,
                causes=[cause for cause in causes if cause is not None],
            )
        )
    return sorted(found, key=_weight)


def _weight(finding: Finding) -> tuple[object, ...]:
    """Worst first, then what most VMs have; what decides nothing last."""
    rank = WORST_FIRST.index(finding.status)
    return not finding.decides, rank, -len(finding.vms), finding.check


def _nics(kinds: Iterable[Alike]) -> dict[str, int]:
    found: dict[str, int] = dict.fromkeys(DATAPATHS, 0)
    for kind in kinds:
        for state, count in kind.state.nics:
            found[state] += count * kind.vms
    return found
