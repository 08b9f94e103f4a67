"""vf-datapath: transmit goes by the VF, or why not."""

from __future__ import annotations

from typing import Any

import pytest

from accelnet_agent import datapath
from accelnet_agent.checks.vf_datapath import CHECK, judge
from accelnet_agent.datapath import DataPath, Window
from accelnet_agent.machine import Nic
from accelnet_probes.snapshot import LogEvent, MissingFactsError
from building import REFUSED, a_machine, a_netdev, a_netvsc_device, a_nic, a_vf, an_ethtool_sample

QUEUES = {"tx_queue_0_packets": 10, "tx_queue_1_packets": 5, "rx_queue_0_packets": 3}


def _growing(**growth: int) -> tuple[Any, Any]:
    """Two samples of hv_netvsc whose counters grow by `growth`."""
    before = {"vf_tx_packets": 100, "vf_rx_packets": 90, **QUEUES}
    after = {name: value + growth.get(name, 0) for name, value in before.items()}
    return an_ethtool_sample(statistics=before), an_ethtool_sample(statistics=after)


def _nic(vf: Any = None, events: tuple[LogEvent, ...] = (), **changes: Any) -> Nic:
    """A NIC with its data path derived as on a machine."""
    netdev = a_netdev(**changes)
    vf = a_vf() if vf is None else vf
    window = datapath.window_of(netdev, 1.0 if len(netdev.samples) > 1 else None)
    path = datapath.judge(netdev, vf, (), window, events, pci_readable=True)
    return a_nic(netdev=netdev, vf=vf, window=window, datapath=path, events=events)


def _line(kind: str, text: str = "", age: float | None = None) -> LogEvent:
    return LogEvent(kind=kind, line=f"eth0: {text}", nic="eth0", age=age)


def test_growth_of_the_vf_proves_it() -> None:
    """A packet handed to the VF in the window is proof."""
    judgement = judge(a_machine(), _nic(samples=_growing(vf_tx_packets=7)))
    assert judgement.status == "pass"
    assert judgement.summary == "enP53091s1 sent 7 packets in the window"


def test_packets_sent_past_an_up_vf_fail() -> None:
    """The VF is up, and what was sent went over VMBus."""
    judgement = judge(a_machine(), _nic(samples=_growing(tx_queue_0_packets=4)))
    assert judgement.status == "fail"
    assert judgement.evidence["datapath"] == "synthetic"
    assert judgement.evidence["window"] == {
        "seconds": 1.0,
        "vf_rx_packets": 0,
        "vf_rx_bytes": None,
        "vf_tx_packets": 0,
        "vf_tx_bytes": None,
        "vf_tx_dropped": None,
        "synthetic_rx_packets": 0,
        "synthetic_rx_bytes": None,
        "synthetic_tx_packets": 4,
        "synthetic_tx_bytes": None,
    }


def test_receive_by_the_synthetic_path_is_no_fault() -> None:
    """SYN and broadcast always come that way."""
    judgement = judge(a_machine(), _nic(samples=_growing(rx_queue_0_packets=50)))
    assert judgement.status == "pass"


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param(_growing(), id="idle"),
        pytest.param((an_ethtool_sample(),), id="one-sample"),
        pytest.param((), id="no-sample"),
    ],
)
def test_idle_is_not_failure(samples: tuple[Any, ...]) -> None:
    """Joined and up without traffic passes, and says that nothing proves it."""
    judgement = judge(a_machine(), _nic(samples=samples))
    assert judgement.status == "pass"
    assert judgement.evidence["datapath"] == "vf"
    assert judgement.evidence["proof"] == "not proven by traffic"


def test_the_next_witnesses_are_in_the_evidence() -> None:
    """Lifetime vf_tx_packets and the last switch stand in for traffic."""
    event = _line("switched-to", "Data path switched to VF: enP53091s1")
    judgement = judge(a_machine(), _nic(events=(event,)))
    assert judgement.evidence["vf_tx_packets_since_boot"] == 2656684
    assert judgement.evidence["last_switch"] == event.line


def test_the_last_word_from_the_vf_warns() -> None:
    """Up and idle, and the kernel's last word is that the data path left the VF."""
    event = _line("switched-from", "Data path switched from VF: enP53091s1")
    judgement = judge(a_machine(), _nic(events=(event,)))
    assert judgement.status == "warn"


def test_traffic_outranks_the_last_word() -> None:
    """The log's last line is old news where the VF's counter grows."""
    event = _line("switched-from", "Data path switched from VF: enP53091s1")
    nic = _nic(events=(event,), samples=_growing(vf_tx_packets=1))
    assert judge(a_machine(), nic).status == "pass"


def test_a_failed_switch_fails() -> None:
    """The kernel itself says that it could not switch."""
    event = _line("switch-to-failed", "Data path failed to switch to VF: enP53091s1, err: -5")
    judgement = judge(a_machine(), _nic(events=(event,)))
    assert judgement.status == "fail"
    assert judgement.evidence["datapath"] == "synthetic"


def test_zeros_while_the_device_is_made_anew_are_not_idleness() -> None:
    """hv_netvsc answers with zeros then; the window is dropped."""
    zeros = an_ethtool_sample(statistics=dict.fromkeys(QUEUES, 0))
    nic = _nic(samples=(an_ethtool_sample(statistics=QUEUES), zeros))
    assert nic.window is None


def test_restarted_queue_counters_are_no_growth() -> None:
    """After ethtool -L the queue counters start again; a fall is not a number."""
    before = an_ethtool_sample(statistics={"vf_tx_packets": 1, "tx_queue_0_packets": 9})
    after = an_ethtool_sample(statistics={"vf_tx_packets": 1, "tx_queue_0_packets": 2})
    window = _nic(samples=(before, after)).window
    assert isinstance(window, Window)
    assert window.growth["synthetic_tx_packets"] is None


def test_a_driver_without_queue_counters_has_no_synthetic_growth() -> None:
    """None, never 0: nothing was counted."""
    sample = an_ethtool_sample(statistics={"vf_tx_packets": 1})
    window = _nic(samples=(sample, sample)).window
    assert isinstance(window, Window)
    assert window.growth["synthetic_tx_packets"] is None


@pytest.mark.parametrize(
    "statistics",
    [pytest.param(REFUSED, id="refused"), pytest.param(None, id="none-given")],
)
def test_refused_statistics_are_unknown(statistics: Any) -> None:
    """Asked and refused: an honest unknown."""
    nic = _nic(samples=(an_ethtool_sample(statistics=statistics),))
    judgement = judge(a_machine(), nic)
    assert judgement.status == "unknown"
    assert nic.datapath.state == "unknown"


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        pytest.param({"flags": 0x1802, "operstate": "down"}, "synthetic", id="down"),
        pytest.param({"operstate": "down"}, "synthetic", id="no-carrier"),
        pytest.param({"operstate": "lowerlayerdown", "flags": REFUSED}, "synthetic", id="no-flags"),
    ],
)
def test_a_vf_that_is_not_up_is_left_to_vf_up(changes: dict[str, Any], state: str) -> None:
    """One fault, one failing check."""
    nic = _nic(vf=a_vf(**changes))
    assert nic.datapath.state == state
    assert judge(a_machine(), nic).status == "skip"


def test_a_switch_within_the_last_seconds_is_switching() -> None:
    """The VF's state could not be read, and a switch is seconds old."""
    vf = a_vf(operstate=REFUSED)
    event = _line("switched-to", age=2.0)
    nic = _nic(vf=vf, events=(event,), samples=())
    assert nic.datapath.state == "switching"
    assert judge(a_machine(), nic).status == "warn"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"operstate": REFUSED}, id="operstate-refused"),
        pytest.param({"operstate": None}, id="operstate-absent"),
        pytest.param({"operstate": "unknown", "flags": REFUSED}, id="flags-refused"),
        pytest.param({"operstate": None, "flags": REFUSED}, id="both"),
    ],
)
def test_a_vf_whose_state_was_not_seen_is_unknown(changes: dict[str, Any]) -> None:
    """Without traffic and without link state nothing can be said."""
    nic = _nic(vf=a_vf(**changes))
    assert nic.datapath.state == "unknown"
    assert judge(a_machine(), nic).status == "unknown"


def test_a_nic_that_is_set_down_warns() -> None:
    """The operator set it down: nothing can be sent."""
    assert judge(a_machine(), _nic(flags=0x1002)).status == "warn"


def test_without_a_vf_there_is_no_question() -> None:
    """vf-expected says what its absence means."""
    assert judge(a_machine(), a_nic(vf=None)).status == "skip"


def test_a_direct_nic_has_no_other_path() -> None:
    """What it sends goes by the VF, which it is."""
    assert judge(a_machine(), a_nic(vf=None, direct=True)).status == "pass"


def test_pairing_that_was_not_seen_is_asked_for() -> None:
    """The engine makes it unknown."""
    with pytest.raises(MissingFactsError):
        judge(a_machine(), a_nic(vf=REFUSED))


@pytest.mark.parametrize(
    ("vf", "orphans", "readable", "state"),
    [
        pytest.param(REFUSED, (), True, "unknown", id="pairing-refused"),
        pytest.param(None, ("enP1s1",), True, "orphan_vf", id="orphan"),
        pytest.param(None, (), True, "no_vf", id="none"),
        pytest.param(None, (), False, "unknown", id="pci-refused"),
    ],
)
def test_the_rungs_without_a_vf(vf: Any, orphans: Any, readable: bool, state: str) -> None:
    """Unpaired, absent and unseen are three things."""
    path = datapath.judge(a_netdev(), vf, orphans, None, (), pci_readable=readable)
    assert path.state == state


def test_the_check_is_required() -> None:
    """Its failure is the verdict's."""
    assert (CHECK.id, CHECK.level) == ("vf-datapath", "required")
    assert DataPath(state="vf", why="").proven is False


def test_a_vf_that_came_anew_ends_what_was_said_of_the_last() -> None:
    """A failed switch is over once a VF is joined again."""
    failed = _line("switch-to-failed", "Data path failed to switch to VF: enP1s1, err: -5")
    joined = _line("joined", "enP1s1: joined to eth0")
    assert judge(a_machine(), _nic(events=(failed, joined))).status == "pass"


def test_what_dpdk_left_behind_is_not_asked() -> None:
    """The kernel sends nothing by it, up or down."""
    machine = a_machine(vmbus=(a_netvsc_device(driver="uio_hv_generic"),))
    nic = a_nic(netdev=a_vf(flags=0x1002), vf=None, direct=True)
    assert judge(machine, nic).status == "skip"
