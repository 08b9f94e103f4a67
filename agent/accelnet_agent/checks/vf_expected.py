"""What is expected of each NIC against what is there.

No attribute in the guest says whether Accelerated Networking is enabled on a
NIC, and the instance metadata does not say it either: the operator does, by
`--expect` or by the VM's tag `accelnet-expect`.  A NIC without a VF may be perfectly right.
"""

from __future__ import annotations

from accelnet_agent.commands import do, look_again
from accelnet_agent.data import remedies, vm_sizes
from accelnet_agent.datapath import counters_of
from accelnet_agent.findings import Check, failed, passed, skipped, unknown, warned
from accelnet_probes.instance import EXPECT_TAG
from accelnet_probes.record import replace
from accelnet_probes.snapshot import Gap, known, need

TYPE_CHECKING = False
if TYPE_CHECKING:
    from accelnet_agent.findings import Json, Judgement
    from accelnet_agent.machine import Machine, Nic
    from accelnet_probes.snapshot import LogEvent

ARRIVALS = ("registering", "joined", "switched-to")  # "slot-added" is a promise
GIVEN = ("slot-added",)
DEPARTURES = ("switched-from", "unregistering", "slot-removed")


def judge(machine: Machine, nic: Nic) -> Judgement:
    return _told(machine, _judge(machine, nic))


def _told(machine: Machine, judgement: Judgement) -> Judgement:
    """With who expects it; a tag that says something else is never passed over."""
    expectation = machine.expectation
    evidence: dict[str, Json] = {
        **judgement.evidence,
        "expect": expectation.value,
        "expected_by": expectation.source,
    }
    if expectation.misread is None:
        return replace(judgement, evidence=evidence)
    evidence["tag_value"] = expectation.misread
    said = f"the tag {EXPECT_TAG} says {expectation.misread[:20]!r}, which is none of on, off, auto"
    return replace(
        judgement,
        status="warn" if judgement.status in ("pass", "skip") else judgement.status,
        summary=f"{judgement.summary}; {said}",
        remedy="\n".join(filter(None, (judgement.remedy, remedies.TAG))),
        evidence=evidence,
    )


def _judge(machine: Machine, nic: Nic) -> Judgement:
    vf = nic.netdev if nic.direct else need(nic.vf)
    if vf is not None:
        if machine.expect == "off":
            return warned(
                f"{nic.name} has a VF, and none is expected", remedy=remedies.DISABLE, vf=vf.name
            )
        return passed(
            f"{nic.name} is a VF itself" if nic.direct else f"{nic.name} has the VF {vf.name}",
            vf=vf.name,
        )
    if machine.expect == "off" and nic.orphans:
        return warned(
            f"{nic.orphans[0]} is there for {nic.name}, and no VF is expected",
            remedy=remedies.DISABLE,
        )
    if machine.expect == "off":
        return passed(f"{nic.name} has no VF, as expected")
    reason = by_design(machine)
    if machine.expect == "auto" and reason is not None:
        return skipped(f"{nic.name} has no VF: {reason}")
    return _without(machine, nic, reason)


def _without(machine: Machine, nic: Nic, reason: str | None) -> Judgement:
    evidence = _evidence(machine, nic)
    if nic.orphans:
        summary = f"no VF is in use by {nic.name}, though {nic.orphans[0]} is there"
        remedy = "See the other findings: what keeps it from being used has its own."
    elif machine.without_function:
        summary = f"{nic.name} has no VF, though VMBus offers a device that nothing drives"
        remedy = "See vmbus-passthrough: what keeps the VF from coming is there."
    elif any(function.pci.netdevs == () for function in machine.functions):
        summary = f"{nic.name} has no VF, though a VF function without a netdev is there"
        remedy = "See vf-driver: what keeps the VF from coming is there."
    else:
        summary, remedy = f"{nic.name} has no VF", _how_to_get_one(machine, nic)
    if is_coming(machine, nic):
        return warned(
            f"the host has just given {nic.name} a VF, and it has not come yet",
            remedy=remedies.WAIT,
            **evidence,
        )
    left = departure(machine, nic)
    if left is not None and machine.is_recent(left):
        return warned(
            f"the VF of {nic.name} left {left.age:.0f} s ago: the host may be in servicing",
            remedy=remedies.WAIT,
            **evidence,
            line=left.line,
        )
    if machine.expect == "on":
        because = f" ({reason})" if reason else ""
        return failed(f"{summary}, and one is expected{because}", remedy=remedy, **evidence)
    return warned(summary, remedy=remedy, **evidence)


def _how_to_get_one(machine: Machine, nic: Nic) -> str:
    if departure(machine, nic) is not None:
        return remedies.REDEPLOY
    if any(event.kind == "slot-added" for event in nic.events):
        return "See vmbus-passthrough: the host has given it a VF."
    return remedies.ENABLE_ON_HYPER_V if machine.azure is False else remedies.ENABLE


def is_coming(machine: Machine, nic: Nic) -> bool:
    """The kernel log's last word is that the host gave it a VF, a few minutes ago at most."""
    kinds = ("slot-added", *ARRIVALS, *DEPARTURES)
    last = next((event for event in reversed(nic.events) if event.kind in kinds), None)
    return last is not None and last.kind == "slot-added" and machine.is_recent(last)


def _evidence(machine: Machine, nic: Nic) -> dict[str, Json]:
    log = known(machine.snapshot.kernel_log)
    evidence: dict[str, Json] = {}
    if (
        log is not None
        and log.starts_at_boot
        and not any(event.kind in (*GIVEN, *ARRIVALS, *DEPARTURES) for event in log.events)
    ):
        evidence["kernel_log"] = "since boot the host has assigned no VF to any NIC"
    counters = counters_of(nic.netdev)
    if "vf_tx_packets" in counters:
        evidence["vf_tx_packets_since_boot"] = counters["vf_tx_packets"]
    return evidence


def by_design(machine: Machine) -> str | None:
    """Why this VM can have no VF; None where it can, or where that is not known."""
    instance = known(machine.snapshot.instance)
    if any(event.kind == "isolated" for event in machine.events):
        return "this is a Confidential VM, whose host gives none"
    if instance is not None and instance.security_type == "ConfidentialVM":
        return "this is a Confidential VM, whose host gives none"
    if instance is None or instance.vm_size is None:
        return None
    fact = vm_sizes.supports(instance.vm_size)
    if fact is not None and fact.confidential:
        return f"size {instance.vm_size} is a Confidential VM's"
    if fact is not None and fact.supported is False:
        return f"size {instance.vm_size} does not support it"
    return None


def departure(machine: Machine, nic: Nic) -> LogEvent | None:
    """The line that says that the VF left, if nothing says or shows that it came back."""
    last: LogEvent | None = None
    if nic.orphans or machine.unused_devices:
        return None
    for event in nic.events:
        if event.kind in DEPARTURES:
            last = event
        elif event.kind in ARRIVALS:
            last = None
    return last


def judge_rest(machine: Machine) -> Judgement | None:
    """What stands for no NIC: interfaces that could not be told, and a VM without any."""
    need(machine.snapshot.netdevs)
    for netdev in machine.unseen:
        why = netdev.driver.why if isinstance(netdev.driver, Gap) else ""
        return unknown(
            f"whether {netdev.name} is a NIC could not be seen: {why}", remedy=look_again(why)
        )
    if machine.nics or machine.snapshot.source == "root":
        return None
    need(machine.snapshot.vmbus)
    if machine.given_to_user_space:
        return warned(
            "the synthetic NICs are given to user space (uio_hv_generic): DPDK has them",
            remedy=do(
                "Nothing, if that is meant; else give the device back:",
                "sudo driverctl -b vmbus unset-override DEVICE",
            ),
        )
    if machine.netvsc_elsewhere:
        return unknown(
            "the synthetic NICs are in another network namespace",
            remedy=remedies.ON_THE_VM,
        )
    return warned(
        "this Azure VM has no synthetic NIC and no direct NIC",
        remedy=do("Load the driver of the synthetic NIC:", "sudo modprobe hv_netvsc"),
    )


CHECK = Check(
    id="vf-expected",
    title="Each NIC has a VF, where one is expected",
    level="required",
    judge_nic=judge,
    judge_rest=judge_rest,
)
