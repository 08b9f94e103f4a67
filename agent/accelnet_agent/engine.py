"""judge(machine, checks) -> Report: each check on each of its subjects, then the verdict."""

from __future__ import annotations

from accelnet_agent.commands import do, look_again
from accelnet_agent.data import remedies
from accelnet_agent.datapath import link_of
from accelnet_agent.findings import SKIPPED, Finding, Judgement, skipped, unknown
from accelnet_agent.report import Report
from accelnet_probes.record import replace
from accelnet_probes.snapshot import Gap, MissingFactsError, known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from accelnet_agent.findings import Check
    from accelnet_agent.machine import Machine, Nic
    from accelnet_agent.report import Verdict

WORDS = {
    "registering": "a VF came to",
    "unregistering": "a VF left",
    "switched-to": "the VF went up below",
    "switched-from": "the VF went down below",
}
EXPECTATION = "vf-expected"  # the check that speaks for a machine that is not judged


def judge(
    machine: Machine,
    checks: Iterable[Check],
    *,
    only: Collection[str] = (),
    skip: Collection[str] = (),
    earlier: Report | None = None,
) -> Report:
    """Judge the machine by `checks`; those not in `only`, or in `skip`, are skipped.

    `earlier`: the report of a moment ago, where nothing has changed since but counters; what
    other checks found stands.
    """
    nothing = nothing_to_judge(machine)
    findings: list[Finding] = []
    for check in checks:
        if earlier is not None and not check.each_time:
            findings += [finding for finding in earlier.findings if finding.check == check.id]
            continue
        left_out = check.id in skip or bool(only and check.id not in only)
        if nothing is not None and check.id == EXPECTATION and not left_out:
            findings.append(_finding(check, "host", nothing))
            continue
        for subject, run in check.subjects(machine):
            judgement = _ask(run)
            if judgement is None:
                continue
            if _may_settle(check, judgement):
                judgement = _settling(machine, judgement)
            if left_out:
                judgement = skipped(SKIPPED)
            elif nothing is not None:
                judgement = skipped(f"this machine is not judged: {nothing.summary}")
            findings.append(_finding(check, subject, judgement))
    return Report(
        machine=machine, verdict=_verdict(machine, findings, nothing), findings=tuple(findings)
    )


def _ask(run: Callable[[], Judgement | None]) -> Judgement | None:
    try:
        return run()
    except MissingFactsError as missing:
        if not missing.gap.asked:
            return skipped(missing.gap.why)
        return unknown(missing.gap.why, remedy=look_again(missing.gap.why))
    except Exception as error:  # a bug in one check must never silence the others
        return unknown(
            f"a bug in accelnet: {type(error).__name__}: {error}",
            remedy=do("Please report it with a recording:", remedies.SUPPORT),
        )


def _may_settle(check: Check, judgement: Judgement) -> bool:
    """It may be otherwise once a VF has come or gone: wrong, or not to be seen half way."""
    if judgement.status == "unknown":
        return not check.each_time or check.settles
    return check.settles and judgement.status == "fail"


def _settling(machine: Machine, judgement: Judgement) -> Judgement:
    """As it is; a warning while what the agent has just seen a VF do may be half done."""
    event = machine.settling
    if event is None:
        return judgement
    return replace(
        judgement,
        status="warn",
        summary=f"{judgement.summary}; {WORDS[event.kind]} {event.nic} {event.age or 0:.0f} s ago, "
        "so this may pass by itself",
    )


def _finding(check: Check, subject: str, judgement: Judgement) -> Finding:
    return Finding(
        check=check.id,
        subject=subject,
        level=check.level,
        status=judgement.status,
        summary=judgement.summary,
        evidence=judgement.evidence,
        remedy=judgement.remedy,
        runbook=f"docs/runbooks/{check.id}.md",
    )


def nothing_to_judge(machine: Machine) -> Judgement | None:
    """Why this machine is not judged; None where it is."""
    snapshot = machine.snapshot
    if snapshot.source == "root":
        return _no_image(machine)
    release = known(snapshot.kernel_release) or ""
    if "microsoft-standard" in release.lower() or "-microsoft" in release.lower():
        return unknown("this is WSL, whose network has no VF", remedy="Run it inside an Azure VM.")
    if machine.nics:
        return None
    if isinstance(snapshot.netdevs, Gap):
        return unknown(
            f"no network interface could be seen: {snapshot.netdevs.why}",
            remedy=remedies.READ_AGAIN,
        )
    if machine.azure is True:
        return None
    return unknown(
        "this is not known to be an Azure VM, and it has no hv_netvsc NIC: nothing to judge",
        remedy=do(
            "Run it inside an Azure VM, or judge a recording:", "accelnet-check --bundle PATH"
        ),
    )


def _no_image(machine: Machine) -> Judgement | None:
    snapshot = machine.snapshot
    has_release = known(snapshot.os_release) is not None
    has_kernel = known(snapshot.kernel_release) is not None
    if machine.nics or has_release or has_kernel:
        return None
    return unknown(
        "there is no Linux system here: no os-release and no kernel's modules",
        remedy=do(
            "Name the folder where the image's root is mounted:", "accelnet-check --root DIR"
        ),
    )


def _verdict(machine: Machine, findings: Collection[Finding], nothing: Judgement | None) -> Verdict:
    image = machine.snapshot.source == "root"
    if nothing is not None:
        return "unknown"
    if machine.nics and not any(_is_seen(nic) for nic in machine.nics) and not image:
        return "unknown"
    required = {finding.status for finding in findings if finding.level == "required"}
    if "fail" in required:
        return "fail"
    if "unknown" in required:
        return "unknown"
    if any(finding.status == "warn" for finding in findings):
        return "warn"
    in_use = any(nic.datapath.state in ("vf", "direct") for nic in machine.nics)
    return "pass" if in_use or (image and not machine.nics) or machine.expect == "off" else "warn"


def _is_seen(nic: Nic) -> bool:
    """Its pairing was seen, and whether what it is paired with is up."""
    if isinstance(nic.vf, Gap):
        return False
    subject = nic.netdev if nic.direct else nic.vf
    return subject is None or not isinstance(link_of(subject), Gap)
