"""vf-expected: what the operator says against what is there."""

from __future__ import annotations

from typing import Any

import pytest

from accelnet_agent.checks.vf_expected import CHECK, departure, judge, judge_rest
from accelnet_agent.data import remedies
from accelnet_agent.expectation import NOBODY, OPTION, TAG, Expectation, expected
from accelnet_probes.snapshot import Gap, MissingFactsError
from building import (
    REFUSED,
    a_function,
    a_log,
    a_machine,
    a_netdev,
    a_netvsc_device,
    a_nic,
    a_pass_through_device,
    a_pci_function,
    a_snapshot,
    an_ethtool_sample,
    an_event,
    an_instance,
)

WITHOUT = a_nic(vf=None)
DIRECT = a_nic(vf=None, direct=True)


@pytest.mark.parametrize(
    ("expect", "status"),
    [
        pytest.param("on", "pass", id="on"),
        pytest.param("auto", "pass", id="auto"),
        pytest.param("off", "warn", id="off"),
    ],
)
@pytest.mark.parametrize(
    "nic", [pytest.param(a_nic(), id="paired"), pytest.param(DIRECT, id="direct")]
)
def test_a_vf_against_the_expectation(nic: Any, expect: str, status: str) -> None:
    """A VF is what is expected, but where none is."""
    assert judge(a_machine(expect=expect), nic).status == status


@pytest.mark.parametrize(
    ("expect", "status"),
    [
        pytest.param("on", "fail", id="on"),
        pytest.param("auto", "warn", id="auto"),
        pytest.param("off", "pass", id="off"),
    ],
)
def test_no_vf_against_the_expectation(expect: str, status: str) -> None:
    """Only the operator can say that its absence is a fault."""
    assert judge(a_machine(expect=expect), WITHOUT).status == status


@pytest.mark.parametrize(
    "instance",
    [
        pytest.param(None, id="no-metadata"),
        pytest.param(REFUSED, id="refused"),
        pytest.param(an_instance(vm_size=None), id="no-size"),
        pytest.param(an_instance(vm_size=""), id="empty-size"),
        pytest.param(an_instance(vm_size="Standard_X4s_v7"), id="size-not-known"),
        pytest.param(an_instance(vm_size="Standard_D12_v2"), id="sources-disagree"),
    ],
)
def test_a_size_that_is_not_known_does_not_excuse_it(instance: Any) -> None:
    """`auto` warns also where the size is unknown."""
    assert judge(a_machine(instance=instance), WITHOUT).status == "warn"


def test_another_nics_vf_does_not_excuse_it() -> None:
    """Each NIC has its own switch."""
    assert judge(a_machine(nics=(a_nic(), WITHOUT)), WITHOUT).status == "warn"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"instance": an_instance(vm_size="Standard_B1s")}, id="size"),
        pytest.param({"instance": an_instance(security_type="ConfidentialVM")}, id="confidential"),
        pytest.param({"kernel_log": a_log(an_event("isolated"))}, id="isolated-by-the-log"),
    ],
)
def test_by_design_there_is_none(changes: dict[str, Any]) -> None:
    """A Confidential VM or a size known not to support it: skip, or fail where expected."""
    assert judge(a_machine(**changes), WITHOUT).status == "skip"
    judgement = judge(a_machine(**changes, expect="on"), WITHOUT)
    assert judgement.status == "fail"
    assert "(" in judgement.summary


@pytest.mark.parametrize("expect", ["on", "auto"])
def test_a_vf_that_left_just_now_is_being_serviced(expect: str) -> None:
    """Host servicing gives it back within minutes."""
    event = an_event("slot-removed", age=299.0)
    judgement = judge(a_machine(expect=expect), a_nic(vf=None, events=(event,)))
    assert judgement.status == "warn"
    assert judgement.evidence["line"] == event.line


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(an_event("slot-removed", age=300.0), id="five-minutes"),
        pytest.param(an_event("unregistering"), id="no-date"),
    ],
)
def test_a_vf_that_left_long_ago_fails_where_it_is_expected(event: Any) -> None:
    """Servicing does not take that long."""
    assert judge(a_machine(expect="on"), a_nic(vf=None, events=(event,))).status == "fail"


def test_an_orphan_is_named() -> None:
    """What keeps it from being used is another finding."""
    nic = a_nic(vf=None, orphans=("enP1s1",))
    judgement = judge(a_machine(), nic)
    assert judgement.status == "warn"
    assert "enP1s1" in judgement.summary
    assert judgement.remedy != remedies.ENABLE


def test_the_remedy_enables_it() -> None:
    """The VM is deallocated first, and started last."""
    remedy = judge(a_machine(), WITHOUT).remedy or ""
    steps = ["az vm deallocate", "--accelerated-networking true", "az vm start"]
    assert sorted(steps, key=remedy.index) == steps


@pytest.mark.parametrize(
    ("log", "said"),
    [
        pytest.param(a_log(), True, id="from-boot-on"),
        pytest.param(a_log(starts_at_boot=False), False, id="wrapped"),
        pytest.param(a_log(an_event("slot-added", nic="eth1")), False, id="one-was-assigned"),
        pytest.param(REFUSED, False, id="refused"),
    ],
)
def test_a_whole_log_without_a_slot_is_evidence(log: Any, said: bool) -> None:
    """No line proves nothing where the log does not reach back to boot."""
    assert ("kernel_log" in judge(a_machine(kernel_log=log), WITHOUT).evidence) is said


@pytest.mark.parametrize(
    ("statistics", "said"),
    [
        pytest.param({"vf_tx_packets": 0}, True, id="counted"),
        pytest.param({"tx_busy": 0}, False, id="old-driver"),
        pytest.param(REFUSED, False, id="refused"),
        pytest.param(None, False, id="none"),
    ],
)
def test_whether_one_ever_sent_is_evidence(statistics: Any, said: bool) -> None:
    """0 since boot: it was never there."""
    samples = (an_ethtool_sample(statistics=statistics),)
    nic = a_nic(vf=None, netdev=a_netdev(samples=samples))
    assert ("vf_tx_packets_since_boot" in judge(a_machine(), nic).evidence) is said


def test_pairing_that_was_not_seen_is_asked_for() -> None:
    """The engine makes it unknown."""
    with pytest.raises(MissingFactsError):
        judge(a_machine(), a_nic(vf=REFUSED))


@pytest.mark.parametrize(
    ("kinds", "left"),
    [
        pytest.param((), None, id="quiet"),
        pytest.param(("slot-removed",), "slot-removed", id="removed"),
        pytest.param(("unregistering", "slot-removed"), "slot-removed", id="in-order"),
        pytest.param(("slot-removed", "joined"), None, id="came-back"),
        pytest.param(("slot-removed", "slot-added"), "slot-removed", id="promised-again"),
        pytest.param(("switched-from",), "switched-from", id="the-switch-alone"),
        pytest.param(("slot-added", "unregistering"), "unregistering", id="came-and-left"),
        pytest.param(("slot-removed", "mtu-refused"), "slot-removed", id="other-lines"),
    ],
)
def test_the_last_departure_counts(kinds: tuple[str, ...], left: str | None) -> None:
    """What came back did not leave."""
    found = departure(a_machine(), a_nic(vf=None, events=tuple(an_event(k) for k in kinds)))
    assert (found.kind if found is not None else None) == left


def test_a_vf_that_is_there_unjoined_did_not_leave() -> None:
    """It is an orphan."""
    nic = a_nic(vf=None, orphans=("enP1s1",), events=(an_event("slot-removed"),))
    assert departure(a_machine(), nic) is None


def test_a_vf_that_vmbus_still_offers_did_not_leave() -> None:
    """Nothing drives its pass-through device: vmbus-passthrough speaks."""
    nic = a_nic(vf=None, events=(an_event("slot-removed"),))
    assert departure(a_machine(vmbus=(a_pass_through_device(driver=None),), pci=()), nic) is None


def test_an_orphan_where_none_is_expected_warns() -> None:
    """The host gives a VF that nobody wants."""
    nic = a_nic(vf=None, orphans=("enP1s1",))
    assert judge(a_machine(expect="off"), nic).status == "warn"


@pytest.mark.parametrize(
    ("devices", "status"),
    [
        pytest.param((), "warn", id="none-on-vmbus"),
        pytest.param((a_netvsc_device(driver=None),), "warn", id="no-driver"),
        pytest.param((a_netvsc_device(driver="uio_hv_generic"),), "warn", id="dpdk"),
        pytest.param((a_netvsc_device(),), "unknown", id="another-namespace"),
    ],
)
def test_an_azure_vm_without_a_nic(devices: tuple[Any, ...], status: str) -> None:
    """In user space, in another namespace, or without its driver."""
    machine = a_machine(nics=(), netdevs=(), functions=(), pci=(), vmbus=devices)
    judgement = judge_rest(machine)
    assert judgement is not None
    assert judgement.status == status


@pytest.mark.parametrize("field", ["netdevs", "vmbus"])
def test_without_a_nic_what_was_refused_is_asked_for(field: str) -> None:
    """The engine makes it unknown."""
    with pytest.raises(MissingFactsError):
        judge_rest(a_machine(nics=(), **{field: REFUSED}))


def test_a_machine_with_nics_has_no_rest() -> None:
    """Each NIC has its own finding."""
    assert judge_rest(a_machine()) is None


def test_an_image_has_no_nics_to_miss() -> None:
    """A file tree is judged by what it has."""
    assert judge_rest(a_machine(nics=(), netdevs=(), source="root")) is None


def test_an_interface_that_could_not_be_told_is_unknown() -> None:
    """It may be a NIC without a VF."""
    judgement = judge_rest(a_machine(netdevs=(a_netdev(), a_netdev(name="eth1", driver=REFUSED))))
    assert judgement is not None
    assert judgement.status == "unknown"
    assert "eth1" in judgement.summary


def test_the_check_is_required() -> None:
    """Its failure is the verdict's."""
    assert (CHECK.id, CHECK.level) == ("vf-expected", "required")


def test_a_nic_that_its_bus_told_was_told() -> None:
    """Its driver link was refused, and VMBus says that it is a NIC: it has its own finding."""
    machine = a_machine(netdevs=(a_netdev(driver=REFUSED),), vmbus=(a_netvsc_device(),))
    assert judge_rest(machine) is None


def test_a_function_without_a_netdev_refers_to_its_own_finding() -> None:
    """Two NICs lack a VF and two functions wait: enabling what is enabled helps nobody."""
    functions = (a_function(pci=a_pci_function(driver=None, netdevs=())),)
    judgement = judge(a_machine(functions=functions), a_nic(vf=None))
    assert "vf-driver" in (judgement.remedy or "")


def test_an_offered_device_refers_to_its_own_finding() -> None:
    """The host has given a VF already."""
    machine = a_machine(vmbus=(a_pass_through_device(driver=None),), pci=(), functions=())
    assert "vmbus-passthrough" in (judge(machine, a_nic(vf=None)).remedy or "")


def test_a_slot_of_which_nothing_came_refers_to_its_own_finding() -> None:
    """The host has given a VF already."""
    nic = a_nic(vf=None, events=(an_event("slot-added", age=4000.0),))
    assert "vmbus-passthrough" in (judge(a_machine(), nic).remedy or "")


def test_a_vf_that_left_for_good_is_not_enabled_but_fetched() -> None:
    """Another host has one."""
    nic = a_nic(vf=None, events=(an_event("slot-removed", age=4000.0),))
    assert judge(a_machine(), nic).remedy == remedies.REDEPLOY


def test_on_a_hyper_v_of_ones_own_there_is_no_az() -> None:
    """Not Azure: the operator has the host."""
    assert judge(a_machine(azure=False), a_nic(vf=None)).remedy == remedies.ENABLE_ON_HYPER_V


def test_a_confidential_size_is_one_whatever_its_page_says() -> None:
    """Its page does not say; that its VMs are confidential is enough."""
    machine = a_machine(instance=an_instance(vm_size="Standard_DC4as_v6"))
    assert judge(machine, a_nic(vf=None)).status == "skip"


def test_a_vf_that_was_promised_just_now_is_waited_for() -> None:
    """It takes a while at provisioning, and nothing has failed."""
    nic = a_nic(vf=None, events=(an_event("slot-added", age=10.0),))
    judgement = judge(a_machine(expect="on"), nic)
    assert (judgement.status, judgement.remedy) == ("warn", remedies.WAIT)


# --- who expects it ---


@pytest.mark.parametrize("tag", ["off", "OFF", "Off "])
def test_the_tag_says_what_is_expected(tag: str) -> None:
    """Where the command line leaves it open, in any case."""
    found = expected("auto", a_snapshot(instance=an_instance(expect=tag)))
    assert found == Expectation(value="off", source=TAG)


def test_the_command_line_outranks_the_tag() -> None:
    """It is nearer to who looks."""
    found = expected("on", a_snapshot(instance=an_instance(expect="off")))
    assert found == Expectation(value="on", source=OPTION)


def test_without_a_tag_nobody_expects_anything() -> None:
    """Nor where IMDS was never asked; where it was refused, that is said."""
    assert expected("auto", a_snapshot()) == Expectation(value="auto", source=NOBODY)
    never = Gap(asked=False, why="IMDS was not asked")
    assert expected("auto", a_snapshot(instance=never)).source == NOBODY
    refused = Gap(asked=True, why="IMDS: ETIMEDOUT")
    assert "IMDS: ETIMEDOUT" in expected("auto", a_snapshot(instance=refused)).source


def test_who_expects_it_is_evidence() -> None:
    """Of a pass as of a failure."""
    machine = a_machine(expectation=Expectation(value="on", source=TAG))
    for nic, status in ((a_nic(), "pass"), (WITHOUT, "fail")):
        judgement = judge(machine, nic)
        assert judgement.status == status
        assert judgement.evidence["expect"] == "on"
        assert judgement.evidence["expected_by"] == "the VM's tag accelnet-expect"


@pytest.mark.parametrize(
    ("nic", "expectation"),
    [pytest.param(a_nic(), "pass", id="with-vf"), pytest.param(WITHOUT, "warn", id="without")],
)
def test_a_tag_that_says_something_else_is_told(nic: Any, expectation: str) -> None:
    """Nothing is expected by it, and it is never passed over."""
    plain = judge(a_machine(), nic)
    machine = a_machine(expectation=expected("auto", a_snapshot(instance=an_instance(expect="y"))))
    judgement = judge(machine, nic)
    assert (plain.status, judgement.status) == (expectation, "warn")
    assert judgement.summary == (
        f"{plain.summary}; the tag accelnet-expect says 'y', which is none of on, off, auto"
    )
    assert judgement.evidence["tag_value"] == "y"
    assert "tags.accelnet-expect=on" in (judgement.remedy or "")
