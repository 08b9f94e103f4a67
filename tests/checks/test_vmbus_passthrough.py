"""vmbus-passthrough: a pass-through device has become a PCI device."""

from __future__ import annotations

from typing import Any

import pytest

from accelnet_agent.checks.vmbus_passthrough import CHECK, judge
from accelnet_agent.machine import Machine
from accelnet_probes.snapshot import MissingFactsError, ModuleTree
from building import (
    PASS_THROUGH_GUID,
    REFUSED,
    a_function,
    a_kernel,
    a_log,
    a_machine,
    a_module,
    a_netvsc_device,
    a_next_host,
    a_nic,
    a_pass_through_device,
    a_pci_function,
    an_event,
)

OTHER_GUID = "11112222-abcd-4cde-9d43-51be1a9f1fcc"
UNBOUND = a_pass_through_device(driver=None)


def _machine(**changes: Any) -> Machine:
    return a_machine(**{"vmbus": (a_netvsc_device(), a_pass_through_device()), **changes})


def _without_vf(*events: Any, **changes: Any) -> Machine:
    nic = a_nic(vf=None, events=events)
    return _machine(**{"nics": (nic,), "functions": (), "pci": (), "vmbus": (), **changes})


def test_a_device_that_became_a_pci_device_passes() -> None:
    """The function's path holds the GUID."""
    assert judge(_machine()).status == "pass"


def test_who_drives_it_does_not_matter_where_the_function_is_there() -> None:
    """A PCI device came of it: that is the question."""
    assert judge(_machine(vmbus=(a_pass_through_device(driver=REFUSED),))).status == "pass"


def test_no_offer_is_no_question() -> None:
    """A VM without a VF, disk or GPU passed through."""
    assert judge(_machine(vmbus=(a_netvsc_device(),))).status == "skip"


@pytest.mark.parametrize(
    "vmbus",
    [
        pytest.param(REFUSED, id="bus"),
        pytest.param((a_pass_through_device(driver=REFUSED),), id="driver"),
        pytest.param((a_pass_through_device(class_id=REFUSED),), id="class"),
    ],
)
def test_what_was_refused_on_vmbus_is_asked_for(vmbus: Any) -> None:
    """The engine makes it unknown: an offer may be there that was not seen."""
    machine = _machine(vmbus=vmbus, pci=(), functions=(), nics=(a_nic(vf=None),))
    with pytest.raises(MissingFactsError):
        judge(machine)


def test_a_pci_list_that_was_refused_is_asked_for() -> None:
    """Whether a function came of it could not be seen."""
    with pytest.raises(MissingFactsError):
        judge(_machine(pci=REFUSED))


def _tree(**changes: Any) -> ModuleTree:
    return ModuleTree(modules=(a_module(name="pci_hyperv", **changes),), by_alias={})


@pytest.mark.parametrize(
    ("modules", "said"),
    [
        pytest.param(REFUSED, "pci_hyperv should", id="modules-not-seen"),
        pytest.param(ModuleTree(modules=(), by_alias={}), "pci_hyperv should", id="not-asked"),
        pytest.param(_tree(loaded=False, file=None), "has no pci_hyperv", id="no-module"),
        pytest.param(_tree(loaded=False), "is not loaded", id="module-waits"),
        pytest.param(_tree(), "has not taken it", id="loaded"),
        pytest.param(_tree(builtin=True, file=None), "has not taken it", id="built-in"),
    ],
)
def test_an_offer_that_nothing_drives_fails(modules: Any, said: str) -> None:
    """pci_hyperv is missing: lspci is empty, and only VMBus tells."""
    machine = _without_vf(vmbus=(UNBOUND,), modules=modules)
    judgement = judge(machine)
    assert judgement.status == "fail"
    assert said in judgement.summary
    assert judgement.evidence == {"unbound": [PASS_THROUGH_GUID]}


def test_an_offer_that_nothing_drives_fails_without_a_nic_as_well() -> None:
    """No NIC shows that it is not a VF."""
    assert judge(_without_vf(vmbus=(UNBOUND,), nics=())).status == "fail"


def test_an_undriven_offer_warns_where_each_nic_has_its_vf() -> None:
    """It is a disk or a GPU."""
    other = a_pass_through_device(guid=OTHER_GUID, driver=None)
    assert judge(_machine(vmbus=(a_pass_through_device(), other))).status == "warn"


def test_an_undriven_offer_fails_where_a_nics_vf_was_not_seen() -> None:
    """It may be that NIC's VF."""
    machine = _machine(vmbus=(UNBOUND,), pci=(), functions=(), nics=(a_nic(vf=REFUSED),))
    assert judge(machine).status == "fail"


def test_a_driven_offer_without_a_pci_device_fails() -> None:
    """pci_hyperv took it, and made no bus of it."""
    judgement = judge(_machine(pci=(), functions=(), nics=(a_nic(vf=None),)))
    assert judgement.status == "fail"
    assert judgement.evidence == {"without_pci_device": [PASS_THROUGH_GUID]}


def test_emulated_devices_are_no_pass_through_ones() -> None:
    """A generation 1 VM has its own functions in domain 0000."""
    emulated = a_pci_function(address="0000:00:07.1", path="sys/devices/pci0000:00/0000:00:07.1")
    assert judge(_machine(pci=(emulated,), functions=())).status == "fail"


def test_one_function_does_not_answer_for_two_devices() -> None:
    """Two devices were offered and driven; a PCI device came of one."""
    second = a_pass_through_device(guid=OTHER_GUID)
    machine = _machine(vmbus=(a_pass_through_device(), second), nics=(a_nic(), a_nic(vf=None)))
    judgement = judge(machine)
    assert judgement.status == "fail"
    assert judgement.evidence["without_pci_device"] == [OTHER_GUID]


def test_a_function_in_a_domain_of_its_own_making_is_no_fault() -> None:
    """On a collision the domain is any free number, and a bundle may lack the path."""
    function = a_pci_function(address="0001:00:02.0", path=None)
    assert judge(_machine(pci=(function,))).status == "pass"


def test_a_promised_vf_that_never_came_fails() -> None:
    """The host gave a slot, and no PCI device or VF came of it."""
    event = an_event("slot-added", detail="1", age=9000.0)
    judgement = judge(_without_vf(event))
    assert judgement.status == "fail"
    assert judgement.evidence == {"line": event.line}


def test_a_promise_without_a_date_fails() -> None:
    """A log without a clock says that it was, not when."""
    assert judge(_without_vf(an_event("slot-added"))).status == "fail"


def test_a_fresh_promise_warns() -> None:
    """A VF takes a while to come."""
    assert judge(_without_vf(an_event("slot-added", age=20.0))).status == "warn"


def test_a_promise_counts_where_vmbus_was_refused() -> None:
    """The kernel log is a witness of its own."""
    assert judge(_without_vf(an_event("slot-added"), vmbus=REFUSED)).status == "fail"


@pytest.mark.parametrize(
    "kind", ["registering", "joined", "switched-to", "unregistering", "slot-removed"]
)
def test_a_promise_that_was_kept_or_taken_back_is_none(kind: str) -> None:
    """What came of the slot is another check's question."""
    assert judge(_without_vf(an_event("slot-added"), an_event(kind))).status == "skip"


def test_a_promise_after_a_removal_is_one() -> None:
    """The slot came back, the VF did not."""
    events = (an_event("slot-removed"), an_event("switched-from"), an_event("slot-added"))
    assert judge(_without_vf(*events)).status == "fail"


@pytest.mark.parametrize(
    "nic",
    [
        pytest.param(a_nic(events=(an_event("slot-added"),)), id="paired"),
        pytest.param(a_nic(vf=REFUSED, events=(an_event("slot-added"),)), id="not-seen"),
        pytest.param(a_nic(vf=None, direct=True, events=(an_event("slot-added"),)), id="direct"),
        pytest.param(
            a_nic(vf=None, orphans=("enP1s1",), events=(an_event("slot-added"),)), id="orphan"
        ),
    ],
)
def test_a_vf_that_is_there_keeps_the_promise(nic: Any) -> None:
    """Whether it is joined is vf-paired's question."""
    assert judge(_machine(nics=(nic,))).status == "pass"


def test_a_function_without_a_netdev_keeps_the_promise() -> None:
    """It became a PCI device: vf-driver says what is wrong with it."""
    nic = a_nic(vf=None, events=(an_event("slot-added"),))
    function = a_function(pci=a_pci_function(netdevs=(), driver=None))
    assert judge(_machine(nics=(nic,), functions=(function,))).status == "pass"


def test_the_check_is_required() -> None:
    """Its failure is the verdict's."""
    assert (CHECK.id, CHECK.level) == ("vmbus-passthrough", "required")


def test_what_pci_hyperv_said_is_told() -> None:
    """It is there and failed; its line says why."""
    log = a_log(
        an_event(
            "pass-through-failed",
            guid=a_pass_through_device().guid,
            line="hv_pci x: PCI Pass-through VSP failed D0 Entry with status c0370048",
        )
    )
    machine = a_machine(
        vmbus=(a_netvsc_device(), a_pass_through_device(driver=None)),
        pci=(),
        nics=(a_nic(vf=None),),
        modules=ModuleTree(modules=(a_module(name="pci_hyperv"),), by_alias={}),
        kernel_log=log,
    )
    found = judge(machine)
    assert found.status == "fail"
    assert "pci_hyperv failed: hv_pci x: PCI Pass-through VSP failed D0 Entry" in found.summary


def test_a_blacklisted_pci_hyperv() -> None:
    """The line, which the remedy takes out."""
    module = a_module(name="pci_hyperv", loaded=False)
    machine = a_machine(
        vmbus=(a_netvsc_device(), a_pass_through_device(driver=None)),
        pci=(),
        nics=(a_nic(vf=None),),
        modules=ModuleTree(modules=(module,), by_alias={}),
        next_host=a_next_host(a_kernel(blocked={"pci_hyperv": '"blacklist pci_hyperv" in /x'})),
    )
    found = judge(machine)
    assert 'pci_hyperv is blacklisted by "blacklist pci_hyperv" in /x' in found.summary
