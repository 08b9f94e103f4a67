"""The report for people: ASCII, at most 100 columns, readable on a serial console."""

from __future__ import annotations

from accelnet_agent.datapath import link_of
from accelnet_agent.functions import of_netdev
from accelnet_agent.summary import WORST_FIRST, percent, reason, share_of
from accelnet_agent.text_lines import clean, command, paint, wrapped
from accelnet_probes.snapshot import Gap, known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from accelnet_agent.findings import Finding
    from accelnet_agent.functions import Function
    from accelnet_agent.machine import Machine, Nic
    from accelnet_agent.report import Report
    from accelnet_agent.summary import Share
    from accelnet_probes.snapshot import Netdev

COLUMNS = 100
STATES = {
    "vf": "VF",
    "synthetic": "synthetic path",
    "switching": "being switched",
    "no_vf": "synthetic path (no VF)",
    "orphan_vf": "synthetic path (VF not joined)",
    "direct": "the NIC itself (no synthetic partner)",
    "unknown": "could not be seen",
}


def render(report: Report, *, colour: bool = False) -> str:
    """The whole report as text with a final newline."""
    lines = [*_headline(report, colour=colour), *_host(report.machine), ""]
    for nic in report.machine.nics:
        lines += [*_drawing(nic, report.machine), ""]
    lines += _unused(report.machine)
    shown = [f for f in report.findings if f.status not in ("pass", "skip")]
    for finding in sorted(shown, key=_weight):
        lines += [*_finding(finding, colour=colour), ""]
    lines += _quiet(report.findings)
    return "\n".join(clipped for line in lines for clipped in _fit(line)) + "\n"


def _weight(finding: Finding) -> tuple[int, bool]:
    """Worst first; what is unknown and only recommended decides nothing, and comes last."""
    if finding.status == "unknown" and finding.level == "recommended":
        return WORST_FIRST.index("pass"), True
    return WORST_FIRST.index(finding.status), finding.level != "required"


def _headline(report: Report, *, colour: bool) -> Iterator[str]:
    """The verdict and why."""
    word = paint(f"{report.verdict.upper()}:", report.verdict, colour=colour)
    yield from wrapped(clean(reason(report)), f"{word} ", len(report.verdict) + 2, COLUMNS)


def _host(machine: Machine) -> Iterator[str]:
    snapshot = machine.snapshot
    release, instance = known(snapshot.os_release), known(snapshot.instance)
    parts = [
        (release and (release.pretty_name or release.id)) or "distribution not known",
        f"kernel {known(snapshot.kernel_release) or 'not known'}",
        {True: "Azure", False: "not Azure", None: "Azure or not: not known"}[machine.azure],
    ]
    if instance is not None and instance.vm_size:
        parts.append(instance.vm_size)
    yield clean("  " + ", ".join(parts))
    yield clean(f"  observed {snapshot.observed_at}, {snapshot.source}")


def _drawing(nic: Nic, machine: Machine) -> Iterator[str]:
    netdev, state = nic.netdev, nic.datapath.state
    yield clean(f"  {netdev.name}  {_about(netdev)}")
    vf = known(nic.vf)
    if nic.direct:
        yield _edge("=", f"{netdev.name} {_function_of(netdev, machine)}", here=True)
    elif vf is not None:
        yield _edge(
            "=", f"VF {vf.name}  {_function_of(vf, machine)}  {_state(vf)}", here=state == "vf"
        )
    elif isinstance(nic.vf, Gap):
        yield _edge("?", f"VF: {nic.vf.why}", here=False)
    else:
        there = f"  ({', '.join(nic.orphans)} is there, not joined)" if nic.orphans else ""
        yield _edge(" ", f"no VF{there}", here=False)
    if not nic.direct:
        used = state in ("synthetic", "no_vf", "orphan_vf")
        yield _edge("-", "synthetic path: hv_netvsc over VMBus", here=used)
    yield clean(f"      data path: {STATES[state]}; {nic.datapath.why}")
    share = share_of(nic)
    if share is not None:
        yield f"      {_sent(share)}"


def _edge(line: str, text: str, *, here: bool) -> str:
    shown = clean(f"    +{line * 2} {text}")
    return f"{shown}  <== data path" if here else shown


def _about(netdev: Netdev) -> str:
    addresses = known(netdev.addresses)
    parts = [
        known(netdev.driver) or "driver not known",
        known(netdev.mac) or "MAC not known",
        f"mtu {known(netdev.mtu) or 'not known'}",
        _state(netdev),
        " ".join(addresses) if addresses else "",
    ]
    return "  ".join(part for part in parts if part)


def _state(netdev: Netdev) -> str:
    link = link_of(netdev)
    return "state not known" if isinstance(link, Gap) else link


def _function_of(netdev: Netdev, machine: Machine) -> str:
    function = of_netdev(netdev, machine.functions)
    driver = known(netdev.driver) or "driver not known"
    if function is None:
        return f"{driver}  {known(netdev.device) or ''}"
    return f"{driver}  {function.family}  {function.pci.address}"


def _sent(share: Share) -> str:
    when = "so far" if share.seconds is None else f"in {share.seconds:g} s"
    part, sent = percent(share.by_vf, share.past), share.by_vf + share.past
    return f"{part} of {sent} packets sent {when} went by the VF"


def _unused(machine: Machine) -> list[str]:
    """Functions that no NIC above stands on."""
    used = {
        function.pci.address
        for nic in machine.nics
        for netdev in (nic.netdev, known(nic.vf))
        if netdev is not None and (function := of_netdev(netdev, machine.functions)) is not None
    }
    lines = [_function(f) for f in machine.functions if f.pci.address not in used]
    return [*lines, ""] if lines else []


def _function(function: Function) -> str:
    driver = function.pci.driver
    bound = "driver not seen" if isinstance(driver, Gap) else driver or "no driver"
    return clean(f"  VF {function.pci.address}  {function.name}  {bound}, used by no NIC")


def _finding(finding: Finding, *, colour: bool) -> Iterator[str]:
    status = paint(f"{finding.status.upper():<7}", finding.status, colour=colour)
    yield from wrapped(
        clean(f"{finding.check}  {finding.subject}: {finding.summary}"), status + " ", 8, COLUMNS
    )
    if finding.remedy is not None:
        for line in finding.remedy.split("\n"):
            text = clean(line)
            if text.startswith("  "):
                yield from command(text.strip(), 10, COLUMNS)
            else:
                yield from wrapped(text, " " * 8, 8, COLUMNS)
    yield f"        more: accelnet-check --explain {finding.check}"


def _quiet(findings: Iterable[Finding]) -> Iterator[str]:
    """What passed in a line; what was skipped in a line for each reason."""
    groups: dict[tuple[str, str], dict[str, None]] = {}
    for finding in findings:
        if finding.status in ("pass", "skip"):
            reason = f": {finding.summary}" if finding.status == "skip" else ""
            groups.setdefault((finding.status, reason), {})[finding.check] = None
    for (status, reason), checks in sorted(groups.items(), key=lambda group: group[0][0]):
        yield from wrapped(clean(", ".join(checks) + reason), f"{status:<7} ", 8, COLUMNS)


def _fit(line: str) -> Iterator[str]:
    """Nothing goes beyond COLUMNS; escape sequences take no room."""
    if len(line) <= COLUMNS or "\x1b" in line:
        yield line
        return
    while len(line) > COLUMNS:
        cut = line.rfind(" ", 20, COLUMNS + 1)
        cut = cut if cut > 0 else COLUMNS
        yield line[:cut].rstrip()
        line = " " * 8 + line[cut:].strip()
    yield line
