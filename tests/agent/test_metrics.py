"""Metric families from a report: what has a series, and what number it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelnet_agent import render_text
from accelnet_agent.checks import CHECKS
from accelnet_agent.datapath import DIRECT, DataPath
from accelnet_agent.engine import judge
from accelnet_agent.findings import Finding
from accelnet_agent.machine import Machine, build
from accelnet_agent.metrics import STATES, Family, families
from accelnet_agent.report import Report
from accelnet_agent.version import VERSION
from accelnet_probes.bundle import BundleHost
from accelnet_probes.observe import observe
from accelnet_probes.record import replace
from accelnet_probes.snapshot import EthtoolSample, OsRelease
from building import (
    REFUSED,
    a_finding,
    a_function,
    a_machine,
    a_netdev,
    a_nic,
    a_pci_function,
    a_vf,
    an_ethtool_sample,
    two_samples,
)

FIXTURES = Path(__file__).parent.parent / "fixtures"
MANA_ADDRESS = "7870:00:00.0"


def _report(machine: Machine, *findings: Finding) -> Report:
    return Report(machine=machine, verdict="pass", findings=findings)


def _all(machine: Machine, *findings: Finding) -> dict[str, Family]:
    return {family.name: family for family in families(_report(machine, *findings))}


def _samples(machine: Machine, name: str) -> dict[tuple[str, ...], float]:
    """The samples of one family, none where it is left out."""
    found = _all(machine).get(f"accelnet_{name}")
    return dict(found.samples) if found is not None else {}


def _counting(**statistics: int) -> tuple[EthtoolSample, ...]:
    return (an_ethtool_sample(statistics=statistics),)


def _a_mana(name: str, **statistics: int) -> Machine:
    """A VM whose one NIC is a MANA port without a synthetic partner."""
    function = a_function(
        pci=a_pci_function(address=MANA_ADDRESS, netdevs=(name,), driver="mana"),
        family="MANA",
        driver="mana",
    )
    netdev = a_vf(
        name=name,
        driver="mana",
        device=MANA_ADDRESS,
        master=None,
        upper=(),
        flags=0x1003,
        samples=_counting(**statistics),
    )
    nic = a_nic(netdev=netdev, vf=None, direct=True, datapath=DIRECT)
    return a_machine(nics=(nic,), functions=(function,))


def test_a_whole_machine_has_these_families() -> None:
    """In the order of the contract, each with its type and labels."""
    machine = build(observe(BundleHost(str(FIXTURES / "two-nics"))))
    found = [(f.name, f.type, f.labels) for f in families(judge(machine, CHECKS))]
    device = ("device",)
    assert found == [
        ("accelnet_build_info", "gauge", ("version",)),
        ("accelnet_host_info", "gauge", ("kernel", "distro", "distro_version", "vm_size")),
        (
            "accelnet_nic_info",
            "gauge",
            ("device", "driver", "vf", "vf_driver", "pci_address", "family"),
        ),
        ("accelnet_nic_datapath", "gauge", ("device", "state")),
        ("accelnet_verdict", "gauge", ()),
        ("accelnet_check_status", "gauge", ("check", "device")),
        ("accelnet_vf_receive_packets", "counter", device),
        ("accelnet_vf_receive_bytes", "counter", device),
        ("accelnet_vf_transmit_packets", "counter", device),
        ("accelnet_vf_transmit_bytes", "counter", device),
        ("accelnet_vf_transmit_dropped", "counter", device),
        ("accelnet_synthetic_receive_packets", "counter", device),
        ("accelnet_synthetic_receive_bytes", "counter", device),
        ("accelnet_synthetic_transmit_packets", "counter", device),
        ("accelnet_synthetic_transmit_bytes", "counter", device),
        ("accelnet_synthetic_errors", "counter", ("device", "reason")),
        ("accelnet_vf_driver_errors", "counter", ("device", "reason")),
    ]


def test_the_build_is_this_one() -> None:
    """The version is a label, the value 1."""
    assert _samples(a_machine(), "build_info") == {(VERSION,): 1}


def test_the_host_is_told_by_labels() -> None:
    """Kernel release, os-release's ID and VERSION_ID, the VM size."""
    labels = ("6.8.0-1029-azure", "ubuntu", "24.04", "Standard_D4s_v5")
    assert _samples(a_machine(), "host_info") == {labels: 1}


def test_what_is_not_known_of_the_host_is_an_empty_label() -> None:
    """Refused, absent and unknown are the same to Prometheus: no label."""
    machine = a_machine(kernel_release=REFUSED, os_release=None, instance=REFUSED)
    assert _samples(machine, "host_info") == {("", "", "", ""): 1}


def test_a_pair_is_told_by_labels() -> None:
    """The synthetic NIC's name and driver, and its VF's."""
    labels = ("eth0", "hv_netvsc", "enP53091s1", "mlx5_core", "cf63:00:02.0", "ConnectX-4 Lx")
    assert _samples(a_machine(), "nic_info") == {labels: 1}


@pytest.mark.parametrize(
    "vf", [pytest.param(None, id="none"), pytest.param(REFUSED, id="not-observed")]
)
def test_without_a_vf_its_labels_are_empty(vf: None) -> None:
    """No VF's name stays behind."""
    machine = a_machine(nics=(a_nic(vf=vf),))
    assert _samples(machine, "nic_info") == {("eth0", "hv_netvsc", "", "", "", ""): 1}


def test_a_vf_of_no_known_function_still_says_where_it_hangs() -> None:
    """The PCI list could not be read: the netdev's own device link names the address."""
    machine = a_machine(functions=())
    [labels] = _samples(machine, "nic_info")
    assert labels[4:] == ("cf63:00:02.0", "unknown")


def test_a_direct_nic_has_its_own_function_and_no_vf() -> None:
    """It is the VF itself: `vf` names a partner, and it has none."""
    assert _samples(_a_mana("eth0"), "nic_info") == {
        ("eth0", "mana", "", "", MANA_ADDRESS, "MANA"): 1
    }


def test_the_data_path_is_a_state_set() -> None:
    """All seven states, one of them 1."""
    nic = a_nic(datapath=DataPath(state="switching", why=""))
    found = _samples(a_machine(nics=(nic,)), "nic_datapath")
    assert [labels for labels in found if found[labels]] == [("eth0", "switching")]
    assert {labels[1] for labels in found} == set(STATES)


def test_the_states_are_all_that_there_are() -> None:
    """What the text report has words for."""
    assert set(STATES) == set(render_text.STATES)


def test_a_check_has_a_series_for_each_subject() -> None:
    """A skipped one has none; of two findings on one subject the worst counts."""
    found = _all(
        a_machine(),
        a_finding(check="vf-up", subject="eth0", status="pass"),
        a_finding(check="vf-up", subject="eth1", status="warn"),
        a_finding(check="vf-mtu", subject="eth0", status="skip"),
        a_finding(check="vf-driver", subject="host", status="unknown"),
        a_finding(check="vf-driver", subject="host", status="fail"),
        a_finding(check="vf-driver", subject="host", status="pass"),
    )["accelnet_check_status"]
    assert dict(found.samples) == {
        ("vf-up", "eth0"): 0,
        ("vf-up", "eth1"): 1,
        ("vf-driver", "host"): 2,
    }


def test_a_family_without_samples_is_left_out() -> None:
    """A machine without NICs has no family of theirs."""
    assert list(_all(a_machine(nics=()))) == [
        "accelnet_build_info",
        "accelnet_host_info",
        "accelnet_verdict",
    ]


def test_traffic_by_the_vf_is_what_hv_netvsc_counted() -> None:
    """The five counters, exactly."""
    names = ("receive_packets", "receive_bytes", "transmit_packets", "transmit_bytes")
    machine = a_machine()
    found = [_samples(machine, f"vf_{name}")[("eth0",)] for name in (*names, "transmit_dropped")]
    assert found == [992956, 2749784180, 2656684, 1099443970, 0]


def test_a_counter_is_exact_to_the_last_bit() -> None:
    """64 bits, which no float holds."""
    nic = a_nic(netdev=a_netdev(samples=_counting(vf_tx_bytes=2**64 - 1)))
    assert _samples(a_machine(nics=(nic,)), "vf_transmit_bytes") == {("eth0",): 2**64 - 1}


def test_traffic_past_the_vf_is_the_sum_of_the_queues() -> None:
    """Exact names only: XDP's, and those of each CPU, are other counters."""
    samples = _counting(
        tx_queue_0_packets=3,
        tx_queue_11_packets=4,
        tx_queue_0_bytes=300,
        tx_queue_0_xdp_xmit=7,
        cpu0_tx_packets=90,
        rx_queue_x_packets=1,
    )
    machine = a_machine(nics=(a_nic(netdev=a_netdev(samples=samples)),))
    assert _samples(machine, "synthetic_transmit_packets") == {("eth0",): 7}
    assert _samples(machine, "synthetic_transmit_bytes") == {("eth0",): 300}
    assert _samples(machine, "synthetic_receive_packets") == {}


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param((), id="no-sample"),
        pytest.param((an_ethtool_sample(statistics=REFUSED),), id="refused"),
        pytest.param((an_ethtool_sample(statistics=None),), id="none"),
        pytest.param(two_samples({"vf_tx_packets": 5}, {"vf_tx_packets": 0}), id="made-anew"),
    ],
)
def test_what_was_not_observed_has_no_series(samples: tuple[EthtoolSample, ...]) -> None:
    """Never 0 for unknown."""
    nic = a_nic(netdev=a_netdev(samples=samples), vf=None)
    counters = [f.name for f in families(_report(a_machine(nics=(nic,)))) if f.type == "counter"]
    assert counters == []


def test_a_nic_that_never_sent_counts_zero() -> None:
    """Observed, and nothing there yet."""
    nic = a_nic(netdev=a_netdev(samples=two_samples({"vf_tx_packets": 0}, {"vf_tx_packets": 0})))
    assert _samples(a_machine(nics=(nic,)), "vf_transmit_packets") == {("eth0",): 0}


def test_errors_of_the_synthetic_nic_are_by_reason() -> None:
    """hv_netvsc's own names; flow control is no error."""
    samples = _counting(tx_no_memory=0, rx_no_memory=4, stop_queue=9, tx_busy=2)
    machine = a_machine(nics=(a_nic(netdev=a_netdev(samples=samples)),))
    assert _samples(machine, "synthetic_errors") == {
        ("eth0", "tx_no_memory"): 0,
        ("eth0", "rx_no_memory"): 4,
    }


@pytest.mark.parametrize(
    ("driver", "statistics", "expected"),
    [
        pytest.param("mlx4_core", {"tx_timeout": 1, "tx_packets": 5}, {"tx_timeout": 1}, id="mlx4"),
        pytest.param("mlx4_en", {"tx_timeout": 2}, {"tx_timeout": 2}, id="mlx4-as-ethtool-says"),
        pytest.param("mlx5_core", {"rx_out_of_buffer": 3}, {"rx_out_of_buffer": 3}, id="mlx5"),
        pytest.param(
            "mana",
            {"tx_0_mana_map_err": 1, "tx_1_mana_map_err": 2, "tx_cq_err": 0},
            {"mana_map_err": 3, "tx_cq_err": 0},
            id="mana",
        ),
        pytest.param("other", {"tx_timeout": 1}, {}, id="no-such-driver"),
    ],
)
def test_errors_of_the_vf_are_by_its_drivers_names(
    driver: str, statistics: dict[str, int], expected: dict[str, int]
) -> None:
    """Under the synthetic NIC's name, which stays when the VF leaves."""
    nic = a_nic(vf=a_vf(driver=driver, samples=_counting(**statistics)))
    found = _samples(a_machine(nics=(nic,)), "vf_driver_errors")
    assert found == {("eth0", reason): value for reason, value in expected.items()}


def test_what_mana_counts_for_the_function_is_told_once() -> None:
    """Two NICs on one function: its hc_* at the first by name, each port's own at both."""
    vf = a_vf(driver="mana", samples=_counting(hc_tx_err_gdma=7, tx_cq_err=1))
    nics = [
        a_nic(netdev=a_netdev(name=name), vf=replace(vf, name=f"vf_{name}"))
        for name in ("eth1", "eth0")
    ]
    assert _samples(a_machine(nics=tuple(nics)), "vf_driver_errors") == {
        ("eth0", "tx_cq_err"): 1,
        ("eth0", "hc_tx_err_gdma"): 7,
        ("eth1", "tx_cq_err"): 1,
    }


def test_the_first_nic_that_has_the_functions_counters_tells_them() -> None:
    """The first by name gave no statistics: the next stands in."""
    nics = [
        a_nic(netdev=a_netdev(name="eth0"), vf=a_vf(driver="mana", samples=())),
        a_nic(
            netdev=a_netdev(name="eth1"),
            vf=a_vf(driver="mana", samples=_counting(hc_tx_err_gdma=7)),
        ),
    ]
    found = _samples(a_machine(nics=tuple(nics)), "vf_driver_errors")
    assert found == {("eth1", "hc_tx_err_gdma"): 7}


def test_a_mana_port_that_is_down_counts_nothing() -> None:
    """Its driver answers zeros while the port is down: no number, not 0."""
    down = a_vf(driver="mana", flags=0x1802, operstate="down", samples=_counting(tx_cq_err=0))
    assert _samples(a_machine(nics=(a_nic(vf=down),)), "vf_driver_errors") == {}


def test_a_direct_mana_counts_by_its_queues() -> None:
    """The port's own, not the whole function's hc_tx_bytes; and it has no synthetic path."""
    machine = _a_mana("eth0", tx_0_packets=2, tx_1_packets=3, tx_0_bytes=9, hc_tx_bytes=99)
    assert _samples(machine, "vf_transmit_packets") == {("eth0",): 5}
    assert _samples(machine, "vf_transmit_bytes") == {("eth0",): 9}
    assert _samples(machine, "vf_receive_packets") == {}
    assert _samples(machine, "synthetic_transmit_packets") == {}


def test_a_direct_mlx5_counts_by_its_totals() -> None:
    """rx_packets and the like of the driver, whose queues are tx0_packets."""
    netdev = a_vf(name="eth0", samples=_counting(tx_packets=8, tx0_packets=8, rx_out_of_buffer=2))
    machine = a_machine(nics=(a_nic(netdev=netdev, vf=None, direct=True, datapath=DIRECT),))
    assert _samples(machine, "vf_transmit_packets") == {("eth0",): 8}
    assert _samples(machine, "vf_driver_errors") == {("eth0", "rx_out_of_buffer"): 2}


def test_a_label_can_always_be_written() -> None:
    """Bytes that are no UTF-8 become visible escapes."""
    machine = a_machine(os_release=OsRelease(id="b\udcffd"))
    [labels] = _samples(machine, "host_info")
    assert labels[1] == "b\\udcffd"
