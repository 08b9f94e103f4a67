"""machine.build: NICs with their VFs, derived from the facts."""

from __future__ import annotations

from typing import Any

import pytest

from accelnet_agent.machine import Machine, build, is_azure
from accelnet_probes.record import replace
from accelnet_probes.snapshot import Dmi, Gap, Netdev, PciFunction
from building import (
    MAC,
    NETVSC_GUID,
    NEVER_ASKED,
    REFUSED,
    a_log,
    a_netdev,
    a_netvsc_device,
    a_nic,
    a_pass_through_device,
    a_pci_function,
    a_snapshot,
    a_vf,
    a_watch,
    an_event,
    an_instance,
    two_samples,
)

MAC2 = "00:0d:3a:44:55:66"
GUID2 = "000d3a44-5566-000d-3a44-5566000d3a44"
LONELY = a_vf(master=None, upper=())  # a VF that nothing is joined to
UNPAIRED = a_netdev(lower=())


def _eth1(**changes: Any) -> Netdev:
    values = {"name": "eth1", "mac": MAC2, "device": GUID2, "lower": ("enP6757s2",)}
    return a_netdev(**{**values, **changes})


def _vf1(**changes: Any) -> Netdev:
    values = {"name": "enP6757s2", "mac": MAC2, "device": "1a65:00:02.0", "master": "eth1"}
    return a_vf(**{**values, "upper": ("eth1",), **changes})


def _pci1(**changes: Any) -> PciFunction:
    return a_pci_function(**{"address": "1a65:00:02.0", "netdevs": ("enP6757s2",), **changes})


def _build(*netdevs: Netdev, **changes: Any) -> Machine:
    return build(a_snapshot(netdevs=netdevs, **changes))


def _vf_of(machine: Machine, at: int = 0) -> str | None:
    vf = machine.nics[at].vf
    assert not isinstance(vf, Gap)
    return vf.name if vf is not None else None


# --- pairing ---


@pytest.mark.parametrize(
    ("nic", "vf"),
    [
        pytest.param(a_netdev(), LONELY, id="lower-link"),
        pytest.param(UNPAIRED, a_vf(upper=()), id="master-link"),
        pytest.param(UNPAIRED, a_vf(master=None), id="upper-link"),
        pytest.param(a_netdev(lower=REFUSED), a_vf(upper=REFUSED), id="lower-refused"),
        pytest.param(a_netdev(lower=REFUSED), a_vf(master=REFUSED), id="master-refused"),
        pytest.param(a_netdev(), a_vf(master=REFUSED, upper=REFUSED), id="both-refused"),
    ],
)
def test_any_link_pairs_them(nic: Netdev, vf: Netdev) -> None:
    """The kernel makes all three; one that could be read is enough."""
    assert _vf_of(_build(nic, vf)) == "enP53091s1"


def test_a_link_pairs_whatever_the_device_is() -> None:
    """A VF whose PCI function could not be seen is a VF all the same."""
    assert _vf_of(_build(a_netdev(), a_vf(device=None, driver=None), pci=())) == "enP53091s1"


def test_no_link_is_no_pair() -> None:
    """Names and MACs pair nothing."""
    assert _vf_of(_build(UNPAIRED, LONELY)) is None


@pytest.mark.parametrize(
    "netdevs",
    [
        pytest.param((a_netdev(lower=REFUSED),), id="no-vf-in-sight"),
        pytest.param(
            (a_netdev(lower=REFUSED), a_vf(master=REFUSED, upper=REFUSED)), id="no-link-readable"
        ),
    ],
)
def test_a_pairing_that_could_not_be_read_is_a_gap(netdevs: tuple[Netdev, ...]) -> None:
    """Refused is not unpaired."""
    nic = _build(*netdevs).nics[0]
    assert nic.vf == REFUSED
    assert nic.datapath.state == "unknown"


def test_the_vfs_own_links_can_say_no() -> None:
    """The NIC's were refused; the only VF has no master."""
    assert _vf_of(_build(a_netdev(lower=REFUSED), LONELY)) is None


def test_a_link_to_a_netdev_that_vanished_is_a_gap() -> None:
    """It was revoked between two reads: neither paired nor unpaired."""
    vf = _build(a_netdev()).nics[0].vf
    assert isinstance(vf, Gap)
    assert vf.asked
    assert "went away" in vf.why


def test_two_pairs_keep_to_themselves() -> None:
    """Each VF belongs to the NIC that it is linked to."""
    pci = (_pci1(), a_pci_function())
    machine = _build(a_netdev(), a_vf(), _eth1(), _vf1(), pci=pci)
    assert [_vf_of(machine, at) for at in (0, 1)] == ["enP53091s1", "enP6757s2"]
    assert [nic.orphans for nic in machine.nics] == [(), ()]


def test_mana_has_two_vfs_on_one_function() -> None:
    """A netdev for each vNIC below 7870:00:00.0."""
    ports = {"device": "7870:00:00.0", "driver": "mana"}
    machine = _build(
        a_netdev(),
        a_vf(**ports),
        _eth1(),
        _vf1(**ports),
        pci=(
            a_pci_function(
                address="7870:00:00.0",
                vendor_id="1414",
                device_id="00ba",
                netdevs=("enP53091s1", "enP6757s2"),
            ),
        ),
    )
    assert [_vf_of(machine, at) for at in (0, 1)] == ["enP53091s1", "enP6757s2"]
    assert len(machine.functions) == 1
    assert len(machine.nics) == 2


def test_infiniband_beside_ethernet_is_left_out() -> None:
    """An HPC size: the InfiniBand VF is neither a NIC's nor a NIC."""
    ib0 = a_vf(name="ib0", type=32, mac=MAC2, device="0101:00:00.0", master=None, upper=())
    ib = a_pci_function(address="0101:00:00.0", class_id="020700", netdevs=("ib0",))
    machine = _build(a_netdev(), a_vf(), ib0, pci=(ib, a_pci_function()))
    assert [nic.name for nic in machine.nics] == ["eth0"]
    assert [function.pci.address for function in machine.functions] == ["cf63:00:02.0"]


@pytest.mark.parametrize(
    ("class_id", "names"),
    [
        pytest.param("f8615163-df3e-46c5-913f-f2d2f965ed0e", ["eth0"], id="netvsc"),
        pytest.param(None, ["eth0"], id="class-not-there"),
        pytest.param("44c4f61d-4444-4400-9d52-802e27ede19f", [], id="another-class"),
    ],
)
def test_a_driver_that_was_refused_is_told_by_the_bus(class_id: Any, names: list[str]) -> None:
    """Only hv_netvsc makes netdevs on a VMBus device of its class."""
    device = a_netvsc_device(class_id=class_id)
    machine = _build(a_netdev(driver=REFUSED, lower=()), vmbus=(device,), pci=())
    assert [nic.name for nic in machine.nics] == names


@pytest.mark.parametrize("device", [None, REFUSED, "0000:00:03.0"])
def test_what_is_not_on_vmbus_is_not_told_by_it(device: Any) -> None:
    """A netdev without a known VMBus device stays what it is."""
    netdev = a_netdev(driver=REFUSED, device=device, lower=())
    machine = _build(netdev, vmbus=(a_netvsc_device(),))
    assert machine.nics == ()


# --- orphans ---


def test_an_unjoined_vf_of_its_mac_is_an_orphan() -> None:
    """There, and not joined."""
    nic = _build(UNPAIRED, LONELY).nics[0]
    assert nic.orphans == ("enP53091s1",)
    assert nic.datapath.state == "orphan_vf"


@pytest.mark.parametrize(
    ("nic", "vf"),
    [
        pytest.param(UNPAIRED, a_vf(mac=MAC2, master=None, upper=()), id="another-mac"),
        pytest.param(a_netdev(lower=(), mac=REFUSED, samples=()), LONELY, id="nics-mac-refused"),
        pytest.param(
            a_netdev(lower=(), mac=None), a_vf(mac=None, upper=(), master=None), id="none"
        ),
        pytest.param(
            a_netdev(lower=(), mac=REFUSED), a_vf(mac=REFUSED, upper=(), master=None), id="both"
        ),
    ],
)
def test_without_the_same_mac_it_is_nobodys(nic: Netdev, vf: Netdev) -> None:
    """Two unread MACs are not the same MAC."""
    assert _build(nic, vf).nics[0].orphans == ()


def test_a_paired_vf_is_no_other_nics_orphan() -> None:
    """Two NICs with one MAC: the VF is the one's that it is joined to."""
    machine = _build(a_netdev(), a_vf(), _eth1(mac=MAC, lower=()))
    assert machine.nics[1].orphans == ()


def test_two_unjoined_vfs_of_one_mac_are_both_named() -> None:
    """No table keyed by MAC drops one."""
    netdevs = (UNPAIRED, LONELY, a_vf(name="eth5", master=None, upper=()))
    pci = (a_pci_function(netdevs=("enP53091s1", "eth5")),)
    assert _build(*netdevs, pci=pci).nics[0].orphans == ("enP53091s1", "eth5")


FREE = a_pci_function(netdevs=(), driver=None)


def test_a_function_without_a_netdev_is_the_only_lacking_nics() -> None:
    """It can be nobody else's."""
    nic = _build(UNPAIRED, pci=(FREE,)).nics[0]
    assert nic.orphans == ("cf63:00:02.0",)
    assert nic.datapath.state == "orphan_vf"


@pytest.mark.parametrize(
    "netdevs",
    [
        pytest.param((UNPAIRED, _eth1(lower=())), id="two-lack-one"),
        pytest.param((UNPAIRED, _eth1(lower=REFUSED)), id="the-other-was-not-seen"),
    ],
)
def test_a_function_that_may_be_anothers_is_nobodys(netdevs: tuple[Netdev, ...]) -> None:
    """Only where just one NIC lacks a VF is it that one's."""
    assert _build(*netdevs, pci=(FREE,)).nics[0].orphans == ()


def test_the_nic_that_has_its_vf_does_not_count() -> None:
    """eth1 lacks one, and eth0 does not."""
    machine = _build(a_netdev(), a_vf(), _eth1(lower=()), pci=(a_pci_function(), _pci1(netdevs=())))
    assert [nic.orphans for nic in machine.nics] == [(), ("1a65:00:02.0",)]


def test_a_function_whose_netdevs_were_refused_is_no_orphan() -> None:
    """It may have one."""
    assert _build(UNPAIRED, pci=(a_pci_function(netdevs=REFUSED),)).nics[0].orphans == ()


def test_no_vf_at_all_is_no_orphan() -> None:
    """Nothing is there."""
    assert _build(UNPAIRED, pci=()).nics[0].datapath.state == "no_vf"


def test_a_pci_list_that_was_refused_leaves_the_data_path_unknown() -> None:
    """A VF may be there unseen."""
    assert _build(UNPAIRED, pci=REFUSED).nics[0].datapath.state == "unknown"


# --- direct NICs ---


def test_a_vf_without_a_partner_is_a_direct_nic() -> None:
    """On Azure, PCI-only NICs are NICs."""
    nic = _build(LONELY).nics[0]
    assert nic.direct
    assert (nic.vf, nic.datapath.state) == (None, "direct")


@pytest.mark.parametrize(
    "dmi",
    [
        pytest.param(REFUSED, id="refused"),
        pytest.param(Dmi(chassis_asset_tag="", sys_vendor="QEMU", product_name=None), id="qemu"),
    ],
)
def test_elsewhere_a_vf_is_no_nic(dmi: Any) -> None:
    """A bare-metal host's own ConnectX is none of accelnet's business."""
    assert _build(LONELY, dmi=dmi, instance=NEVER_ASKED).nics == ()


@pytest.mark.parametrize(
    "nic",
    [
        pytest.param(UNPAIRED, id="its-mac"),
        pytest.param(a_netdev(lower=(), mac=REFUSED), id="mac-refused"),
        pytest.param(a_netdev(lower=(), mac=None), id="no-mac"),
    ],
)
def test_a_vf_that_may_have_a_partner_is_not_direct(nic: Netdev) -> None:
    """A synthetic NIC has its MAC, or one that was not read."""
    assert [found.name for found in _build(nic, LONELY).nics] == ["eth0"]


def test_a_vf_beside_another_nics_pair_is_direct() -> None:
    """A second, PCI-only NIC."""
    other = _vf1(master=None, upper=())
    machine = _build(a_netdev(), a_vf(), other, pci=(_pci1(), a_pci_function()))
    assert [(nic.name, nic.direct) for nic in machine.nics] == [
        ("eth0", False),
        ("enP6757s2", True),
    ]


@pytest.mark.parametrize("mac", [REFUSED, None])
def test_without_any_synthetic_nic_the_mac_does_not_matter(mac: Any) -> None:
    """No synthetic NIC has it."""
    assert [nic.direct for nic in _build(a_vf(mac=mac, master=None, upper=())).nics] == [True]


def test_a_vf_whose_mac_was_refused_beside_a_nic_is_not_direct() -> None:
    """It may be that NIC's."""
    machine = _build(UNPAIRED, a_vf(mac=REFUSED, master=None, upper=()))
    assert [nic.name for nic in machine.nics] == ["eth0"]


def test_infiniband_is_no_direct_nic() -> None:
    """It carries no Ethernet."""
    assert _build(a_vf(type=32, master=None, upper=())).nics == ()


# --- Azure or not ---

HYPER_V = Dmi(chassis_asset_tag=None, sys_vendor="Microsoft Corporation", product_name="VM")


@pytest.mark.parametrize(
    ("dmi", "instance", "azure"),
    [
        pytest.param(a_snapshot().dmi, NEVER_ASKED, True, id="asset-tag"),
        pytest.param(HYPER_V, NEVER_ASKED, None, id="hyper-v-without-a-tag"),
        pytest.param(HYPER_V, REFUSED, None, id="imds-refused"),
        pytest.param(HYPER_V, an_instance(), True, id="imds-answered"),
        pytest.param(REFUSED, an_instance(), True, id="dmi-refused-imds-answered"),
        pytest.param(REFUSED, NEVER_ASKED, None, id="nothing-seen"),
        pytest.param(
            Dmi(chassis_asset_tag="4711", sys_vendor="Microsoft Corporation", product_name=None),
            NEVER_ASKED,
            False,
            id="another-tag",
        ),
        pytest.param(
            Dmi(chassis_asset_tag=None, sys_vendor="QEMU", product_name=None),
            NEVER_ASKED,
            False,
            id="another-vendor",
        ),
        pytest.param(
            Dmi(chassis_asset_tag=None, sys_vendor=None, product_name=None),
            None,
            None,
            id="no-dmi",
        ),
        pytest.param(
            Dmi(chassis_asset_tag="", sys_vendor="", product_name=""), None, None, id="empty"
        ),
    ],
)
def test_azure_or_not_or_not_known(dmi: Any, instance: Any, azure: bool | None) -> None:
    """The asset tag says yes, another vendor says no, silence says nothing."""
    assert is_azure(a_snapshot(dmi=dmi, instance=instance)) is azure


# --- --interface ---


def _two_nics(interfaces: tuple[str, ...], **pci1: Any) -> Machine:
    netdevs = (a_netdev(), a_vf(), _eth1(), _vf1())
    return build(
        a_snapshot(netdevs=netdevs, pci=(_pci1(**pci1), a_pci_function())), "auto", interfaces
    )


def test_only_the_named_nics_and_their_functions_are_judged() -> None:
    """eth1's VF is no subject then."""
    machine = _two_nics(("eth0",))
    assert [nic.name for nic in machine.nics] == ["eth0"]
    assert [function.pci.address for function in machine.functions] == ["cf63:00:02.0"]


def test_an_unknown_name_leaves_no_nic() -> None:
    """The command line makes that status 64."""
    assert _two_nics(("eth7",)).nics == ()


def test_a_function_of_both_stays() -> None:
    """MANA: the function is eth0's as well."""
    machine = _two_nics(("eth0",), netdevs=("enP53091s1", "enP6757s2"))
    assert len(machine.functions) == 2


@pytest.mark.parametrize("netdevs", [(), REFUSED])
def test_a_function_that_may_be_a_named_nics_stays(netdevs: Any) -> None:
    """eth0 has no VF, and this one has no netdev to say whose it is."""
    machine = build(
        a_snapshot(netdevs=(UNPAIRED, _eth1(), _vf1()), pci=(a_pci_function(netdevs=netdevs),)),
        "auto",
        ("eth0",),
    )
    assert len(machine.functions) == 1


def test_an_unbound_function_is_not_that_of_a_nic_that_has_its_vf() -> None:
    """eth1's VF is broken, and only eth0 was asked about."""
    machine = build(
        a_snapshot(
            netdevs=(a_netdev(), a_vf(), _eth1(lower=())),
            pci=(_pci1(netdevs=(), driver=None), a_pci_function()),
        ),
        "auto",
        ("eth0",),
    )
    assert [function.pci.address for function in machine.functions] == ["cf63:00:02.0"]


def test_what_others_lack_counts_where_they_are_not_asked_about() -> None:
    """A free function is eth0's alone only where no other NIC lacks one."""
    snapshot = a_snapshot(netdevs=(UNPAIRED, _eth1(lower=())), pci=(FREE,))
    assert build(snapshot, "auto", ("eth0",)).nics[0].orphans == ()


def test_the_expectation_is_the_operators() -> None:
    """It is handed on."""
    assert build(a_snapshot(), "off").expect == "off"
    assert build(a_snapshot()).expect == "auto"


# --- the kernel log ---


@pytest.mark.parametrize(
    ("event", "concerns"),
    [
        pytest.param(an_event("joined"), True, id="by-name"),
        pytest.param(an_event("joined", nic="eth1"), False, id="another-name"),
        pytest.param(an_event("joined", nic="eth9", guid=NETVSC_GUID), True, id="by-guid"),
        pytest.param(an_event("joined", guid=GUID2), False, id="another-guid"),
        pytest.param(an_event("joined", nic=None), False, id="no-name"),
    ],
)
def test_log_lines_find_their_nic(event: Any, concerns: bool) -> None:
    """By the instance GUID where the line has one: names change between lines."""
    machine = _build(a_netdev(), a_vf(), kernel_log=a_log(event))
    assert bool(machine.nics[0].events) is concerns


@pytest.mark.parametrize("device", [REFUSED, None])
def test_the_name_stands_in_where_the_guid_was_not_seen(device: Any) -> None:
    """The line's GUID can not be compared then."""
    machine = _build(
        a_netdev(device=device), a_vf(), kernel_log=a_log(an_event("joined", guid=GUID2))
    )
    assert len(machine.nics[0].events) == 1


def test_a_guid_is_compared_without_regard_to_case() -> None:
    """sysfs has it in lower case, and a tree may not."""
    machine = _build(
        a_netdev(device=NETVSC_GUID.upper()),
        a_vf(),
        kernel_log=a_log(an_event("joined", nic=None, guid=NETVSC_GUID)),
    )
    assert len(machine.nics[0].events) == 1


def test_a_log_that_was_refused_has_no_events() -> None:
    """No log is no evidence."""
    assert _build(a_netdev(), a_vf(), kernel_log=REFUSED).nics[0].events == ()


# --- the agent's watch ---


def _watched(log: Any, *events: Any, seconds: float = 100.0) -> Any:
    """The events of eth0 where an agent has watched for so long, and a log can be read."""
    machine = _build(a_netdev(), a_vf(), kernel_log=log, watch=a_watch(*events, seconds=seconds))
    return [(event.kind, event.line) for event in machine.nics[0].events]


def _told(kind: str, age: float, line: str = "log") -> Any:
    return an_event(kind, age=age, uptime=1000.0 - age, line=line)


def test_what_the_agent_saw_is_told_once() -> None:
    """Of what it watches for, the log's lines since it began are left out."""
    log = a_log(_told("switched-from", 150), _told("unregistering", 50), _told("switched-to", 20))
    seen = [_told("unregistering", 49.9, "agent"), _told("switched-to", 19.9, "agent")]
    assert _watched(log, *seen) == [
        ("switched-from", "log"),
        ("unregistering", "agent"),
        ("switched-to", "agent"),
    ]


@pytest.mark.parametrize("kind", ["slot-added", "slot-removed", "switch-to-failed", "joined"])
def test_what_only_the_log_tells_is_told_in_its_place(kind: str) -> None:
    """The host's offers and the kernel's failures make no link message."""
    seen = [_told("unregistering", 60, "agent"), _told("registering", 10, "agent")]
    assert _watched(a_log(_told(kind, 30)), *seen) == [
        ("unregistering", "agent"),
        (kind, "log"),
        ("registering", "agent"),
    ]


def test_what_the_agent_remembers_of_another_boot_comes_first() -> None:
    """Whatever the wall clock says of its age."""
    seen = [an_event("unregistering", age=0.0, line="before"), _told("registering", 5, "agent")]
    assert _watched(a_log(_told("slot-added", 900)), *seen) == [
        ("unregistering", "before"),
        ("slot-added", "log"),
        ("registering", "agent"),
    ]


def test_a_line_without_a_clock_is_kept() -> None:
    """Whether it is older than the watch is not known."""
    assert _watched(a_log(an_event("unregistering", line="log"))) == [("unregistering", "log")]


def test_the_watch_tells_of_each_nic_by_its_name() -> None:
    """It knows no GUID."""
    other = replace(_told("unregistering", 5), nic="eth1")
    assert _watched(REFUSED, other) == []


@pytest.mark.parametrize(
    ("changes", "witness"),
    [
        pytest.param({"watch": a_watch()}, a_watch(), id="the-watch"),
        pytest.param({"watch": a_watch(), "kernel_log": REFUSED}, a_watch(), id="no-log-is-needed"),
        pytest.param({}, a_log(), id="else-the-log"),
        pytest.param({"kernel_log": REFUSED}, REFUSED, id="neither"),
    ],
)
def test_the_witness_of_the_past(changes: dict[str, Any], witness: Any) -> None:
    """An agent that watches needs no privilege."""
    assert build(a_snapshot(**changes)).witness == witness


@pytest.mark.parametrize(
    ("grace", "age", "recent"),
    [
        pytest.param(300.0, 299.0, True, id="within"),
        pytest.param(300.0, 300.0, False, id="after"),
        pytest.param(10.0, 20.0, False, id="short"),
        pytest.param(3600.0, 600.0, True, id="long"),
        pytest.param(0.0, 0.0, False, id="none"),
        pytest.param(300.0, None, False, id="age-unknown"),
    ],
)
def test_the_grace_says_what_is_recent(grace: float, age: float | None, *, recent: bool) -> None:
    """How long a VF may be away before its absence counts."""
    machine = build(a_snapshot(), grace=grace)
    assert machine.is_recent(an_event("unregistering", age=age)) is recent


@pytest.mark.parametrize(
    ("kind", "age", "settles"),
    [
        pytest.param("registering", 9.9, True, id="came"),
        pytest.param("registering", 10.0, False, id="came-long-ago"),
        pytest.param("unregistering", 9.9, True, id="left"),
        pytest.param("switched-to", 1.9, True, id="up"),
        pytest.param("switched-to", 2.0, False, id="up-for-a-while"),
        pytest.param("switched-from", 1.9, True, id="down"),
        pytest.param("registering", None, False, id="age-unknown"),
    ],
)
def test_what_was_just_seen_is_settling(kind: str, age: float | None, *, settles: bool) -> None:
    """A driver's probe takes seconds, a link less."""
    event = an_event(kind, age=age)
    assert build(a_snapshot(watch=a_watch(event))).settling == (event if settles else None)


def test_the_newest_is_what_settles() -> None:
    """It came, and went up."""
    events = [an_event("registering", age=5.0), an_event("switched-to", age=1.0)]
    assert build(a_snapshot(watch=a_watch(*events))).settling == events[1]


def test_nothing_settles_for_longer_than_the_grace() -> None:
    """--vf-grace 0: nothing is put up with."""
    snapshot = a_snapshot(watch=a_watch(an_event("registering", age=0.0)))
    assert build(snapshot, grace=0.0).settling is None
    assert build(snapshot, grace=1.0).settling is not None


def test_without_an_agent_nothing_settles() -> None:
    """What the log says does not count: accelnet-check judges what is."""
    snapshot = a_snapshot(kernel_log=a_log(an_event("registering", age=0.0)))
    assert build(snapshot).settling is None


# --- the window ---


def test_growth_proves_the_data_path() -> None:
    """Two samples and a window between them."""
    samples = two_samples({"vf_tx_packets": 1}, {"vf_tx_packets": 4})
    nic = _build(a_netdev(samples=samples), a_vf(), window_seconds=1.0).nics[0]
    assert nic.window is not None
    assert nic.window.growth["vf_tx_packets"] == 3
    assert nic.datapath.proven


# --- nothing there ---


@pytest.mark.parametrize("netdevs", [(), REFUSED, NEVER_ASKED])
def test_a_machine_without_netdevs_has_no_nics(netdevs: Any) -> None:
    """And its functions are listed all the same."""
    machine = build(a_snapshot(netdevs=netdevs))
    assert machine.nics == ()
    assert len(machine.functions) == 1


@pytest.mark.parametrize(
    ("vmbus", "names", "user_space", "unused"),
    [
        pytest.param(REFUSED, 0, False, 0, id="refused"),
        pytest.param((a_netvsc_device(),), 1, False, 0, id="netvsc"),
        pytest.param((a_netvsc_device(driver="uio_hv_generic"),), 1, True, 0, id="dpdk"),
        pytest.param((a_pass_through_device(),), 0, False, 0, id="pass-through"),
        pytest.param((a_pass_through_device(driver=None),), 0, False, 1, id="undriven"),
    ],
)
def test_what_vmbus_tells(vmbus: Any, names: int, user_space: bool, unused: int) -> None:
    """Synthetic NICs by their class, whatever drives them."""
    machine = build(a_snapshot(vmbus=vmbus, pci=()))
    assert len(machine.netvsc_devices) == names
    assert machine.given_to_user_space is user_space
    assert len(machine.unused_devices) == unused


def test_a_nic_is_named_after_its_netdev() -> None:
    """That is the subject of its findings."""
    assert a_nic(netdev=a_netdev(name="e2")).name == "e2"


def test_a_link_left_behind_does_not_hide_the_one_that_is_there() -> None:
    """Of two lower links the one whose netdev is present is the VF."""
    netdev = a_netdev(lower=("enP1s1", "enP53091s1"))
    assert _build(netdev, a_vf()).nics[0].vf == a_vf()


def test_where_the_pci_bus_was_not_seen_no_device_is_without_its_function() -> None:
    """Nothing can be said of either."""
    assert build(a_snapshot(vmbus=(a_pass_through_device(),), pci=REFUSED)).without_function == ()


def test_the_vms_tag_is_taken_where_nobody_says_otherwise() -> None:
    """By both commands, of a recording too: it is derived from the facts alone."""
    snapshot = a_snapshot(instance=an_instance(expect="on"))
    assert (build(snapshot).expect, build(snapshot, "off").expect) == ("on", "off")
