"""Neither the kernel nor a VF's driver is known to break accelerated networking.

By a catalogue with a public source for each entry (data/known_issues.py),
which `--known-issues FILE` extends.  Ranges compare by each distribution's own
ordering.  That no entry fits proves little: the catalogue has a date.
"""

from __future__ import annotations

from accelnet_agent.commands import do
from accelnet_agent.findings import Check, passed, skipped, warned
from accelnet_agent.versions import compare_kernels, compare_rpm, parse_kernel
from accelnet_probes.record import replace
from accelnet_probes.snapshot import known, need

TYPE_CHECKING = False
if TYPE_CHECKING:
    from accelnet_agent.data.known_issues import KnownIssue
    from accelnet_agent.findings import Json, Judgement
    from accelnet_agent.machine import Machine
    from accelnet_agent.versions import Kernel

VERSION_LENGTH = 31  # struct ethtool_drvinfo, `version`, which holds no more of a kernel's release


def judge(machine: Machine) -> Judgement:
    release = need(machine.snapshot.kernel_release)
    if release is None:
        return skipped("the kernel gives no release of its own")
    from accelnet_agent.data import known_issues  # where there is something to judge

    catalogue = (*machine.known_issues, *known_issues.ISSUES)
    evidence: dict[str, Json] = {
        "kernel": release,
        "catalogue": f"{len(catalogue)} entries, {known_issues.DATE}",
    }
    kernel = parse_kernel(release)
    in_range = [issue for issue in catalogue if _in_range(machine, issue, kernel, release)]
    found = [issue for issue in in_range if _concerns(machine, issue)]
    elsewhere = [issue.id for issue in in_range if issue not in found]
    if elsewhere:
        evidence["on_other_hardware"] = elsewhere
    if not found:
        return passed(
            f"the catalogue of {known_issues.DATE} has nothing against kernel {release}", **evidence
        )
    first = found[0]
    evidence["source"] = first.source
    evidence["fixed_in"] = first.fixed_in
    return warned(
        f"{_what(machine, first, release)} is known for this: {first.symptom}",
        remedy=do(f"Fixed in: {first.fixed_in}. Install the distribution's newest and reboot.")
        + "\n"
        + f"Source: {first.source}",
        **evidence,
        issues=[f"{issue.id}: {issue.symptom} ({issue.source})" for issue in found],
    )


def _what(machine: Machine, issue: KnownIssue, release: str) -> str:
    if issue.driver is None:
        return f"kernel {release}"
    return f"{issue.driver} {', '.join(_driver_versions(machine, issue.driver))}"


def _in_range(machine: Machine, issue: KnownIssue, kernel: Kernel | None, release: str) -> bool:
    if issue.driver is not None:
        versions = _driver_versions(machine, issue.driver)
        return any(_version_in_range(version, issue) for version in versions)
    if kernel is None or kernel.family not in issue.families:
        return False
    if issue.flavour is not None and kernel.flavour.partition("-")[0] != issue.flavour:
        return False
    if issue.contains is not None and issue.contains not in release:
        return False
    since, fixed = _limit(issue.since, kernel), _limit(issue.fixed, kernel)
    if since is not None and compare_kernels(kernel, since) not in (0, 1):
        return False
    return fixed is None or compare_kernels(kernel, fixed) == -1


def _limit(release: str | None, kernel: Kernel) -> Kernel | None:
    """A limit of the range, as a kernel of the same distribution and flavour as ours."""
    limit = parse_kernel(release) if release is not None else None
    return None if limit is None else replace(limit, family=kernel.family, flavour=kernel.flavour)


def _driver_versions(machine: Machine, driver: str) -> list[str]:
    """Versions of a driver that is not the kernel's own, which is numbered as the kernel is."""
    kernel = (known(machine.snapshot.kernel_release) or "")[:VERSION_LENGTH]
    found: list[str] = []
    for netdev in known(machine.snapshot.netdevs) or ():
        info = known(netdev.samples[-1].driver_info) if netdev.samples else None
        if info is not None and info.driver == driver and info.version not in ("", kernel):
            found.append(info.version)
    return list(dict.fromkeys(found))


def _version_in_range(version: str, issue: KnownIssue) -> bool:
    since, fixed = issue.since, issue.fixed
    return (since is None or compare_rpm(version, since) >= 0) and (
        fixed is None or compare_rpm(version, fixed) < 0
    )


def _concerns(machine: Machine, issue: KnownIssue) -> bool:
    """This machine has what the issue needs; an image may land on any hardware."""
    if issue.more_cpus_than is not None:
        count = known(machine.snapshot.cpu_count)
        if count is None or count <= issue.more_cpus_than:
            return False
    if not issue.hardware:
        return True
    if machine.snapshot.source == "root":
        return not issue.unbound
    return any(
        function.family in issue.hardware and (not issue.unbound or function.pci.driver is None)
        for function in machine.functions
    )


CHECK = Check(
    id="kernel-known-issue",
    title="Neither the kernel nor a driver is known to break accelerated networking",
    level="recommended",
    judge_host=judge,
)
