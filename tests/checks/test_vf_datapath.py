"""vf-datapath: transmit goes by the VF, or why not."""

from __future__ import annotations

from typing import Any

import pytest

from accelnet_agent import datapath, proof
from accelnet_agent.checks.vf_datapath import CHECK, judge
from accelnet_agent.datapath import DataPath, Window
from accelnet_agent.machine import Nic
from accelnet_probes.snapshot import Gap, LogEvent, MissingFactsError, Sent
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


def test_a_vf_that_the_kernel_does_not_know_proves_nothing() -> None:
    """In a container with the host's /sys and a network of its own it is another's number."""
    gone = Gap(asked=True, why="ethtool statistics: ENODEV")
    vf = a_vf(samples=(an_ethtool_sample(statistics=gone),))
    judgement = judge(a_machine(), _nic(vf=vf))
    assert judgement.status == "unknown"
    assert "another network namespace" in judgement.summary
    assert judge(a_machine(), _nic(vf=vf, samples=_growing(vf_tx_packets=1))).status == "pass"


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


# --- packets that were sent to prove it ---

EIGHT = Sent(packets=8, family="ipv6")
REFUSALS = Sent(packets=0, refused={"ipv6": "EADDRNOTAVAIL", "ipv4": "EPERM"})


def _proving(sent: Any, **growth: int) -> Nic:
    """A NIC that was given packets to send, and whose counters grew by `growth`."""
    nic = _nic(samples=_growing(**growth))
    path = nic.datapath
    if isinstance(sent, Sent):
        path = proof.demanded(path, nic.name, nic.vf, nic.window, sent)
    return a_nic(netdev=nic.netdev, vf=nic.vf, window=nic.window, datapath=path, sent=sent)


def test_growth_by_what_was_sent_is_proof() -> None:
    """An idle VF passes by it, and the evidence says what was sent, and how."""
    judgement = judge(a_machine(), _proving(EIGHT, vf_tx_packets=8))
    assert judgement.status == "pass"
    assert judgement.summary == "enP53091s1 sent 8 packets in the window"
    assert judgement.evidence["active_proof"] == {"packets": 8, "by": "ipv6"}


def test_what_was_sent_past_the_vf_fails() -> None:
    """As any other traffic that goes past it."""
    judgement = judge(a_machine(), _proving(EIGHT, tx_queue_0_packets=8))
    assert judgement.status == "fail"
    assert judgement.evidence["active_proof"] == {"packets": 8, "by": "ipv6"}


@pytest.mark.parametrize(
    ("growth", "told"),
    [
        pytest.param({}, "and neither path counted any", id="neither"),
        pytest.param(
            {"vf_tx_packets": 3, "tx_queue_1_packets": 5},
            "enP53091s1 sent 3, and 5 went past it",
            id="switched-meanwhile",
        ),
        pytest.param({"vf_tx_packets": 7}, "enP53091s1 sent 7, and 0 went past it", id="one-lost"),
    ],
)
def test_packets_that_are_not_all_counted_prove_nothing(growth: dict[str, int], told: str) -> None:
    """They may wait in a queue, or the path was switched: it is not idle, and not known."""
    judgement = judge(a_machine(), _proving(EIGHT, **growth))
    assert judgement.status == "unknown"
    assert "eth0 was given 8 packets to send" in judgement.summary
    assert told in judgement.summary
    assert "--active-proof --window 5" in (judgement.remedy or "")


def test_packets_that_the_vf_refused_are_told() -> None:
    """vf_tx_dropped says where they went."""
    before = {"vf_tx_packets": 1, "vf_tx_dropped": 0, **QUEUES}
    after = {**before, "vf_tx_dropped": 8}
    samples = (an_ethtool_sample(statistics=before), an_ethtool_sample(statistics=after))
    nic = _nic(samples=samples)
    path = proof.demanded(nic.datapath, nic.name, nic.vf, nic.window, EIGHT)
    assert path.why.endswith("; enP53091s1 refused 8 (vf_tx_dropped)")


def test_counters_that_began_anew_prove_nothing() -> None:
    """They stood higher before."""
    before, after = _growing()
    nic = _nic(samples=(an_ethtool_sample(statistics={**QUEUES, "vf_tx_packets": 900}), after))
    path = proof.demanded(nic.datapath, nic.name, nic.vf, nic.window, EIGHT)
    assert (path.state, before is after) == ("unknown", False)
    assert path.why.endswith("vf_tx_packets could not be compared")


def test_what_is_no_vf_path_stays_what_it_is() -> None:
    """Only "idle" is not believed."""
    path = DataPath(state="synthetic", why="enP53091s1 is down")
    assert proof.demanded(path, "eth0", a_vf(), None, EIGHT) is path


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        pytest.param(REFUSALS, "ipv6: EADDRNOTAVAIL, ipv4: EPERM", id="refused"),
        pytest.param(Sent(packets=0), "no reason", id="no-reason"),
        pytest.param(Gap(asked=True, why="it was not seen in time"), "not seen", id="not-seen"),
    ],
)
def test_without_a_packet_nothing_is_proven(sent: Any, why: str) -> None:
    """It was asked for and refused."""
    judgement = judge(a_machine(), _proving(sent))
    assert judgement.status == "unknown"
    assert "nothing could be sent by eth0" in judgement.summary
    assert why in judgement.summary
    assert "active_proof" in judgement.evidence


def test_other_traffic_proves_it_too() -> None:
    """Where nothing could be sent on purpose."""
    assert judge(a_machine(), _proving(REFUSALS, vf_tx_packets=3)).status == "pass"


def _direct(sent: Any, before: Any, after: Any) -> Nic:
    samples = (an_ethtool_sample(statistics=before), an_ethtool_sample(statistics=after))
    netdev = a_netdev(name="enP1s1", driver="mana", samples=samples)
    return a_nic(netdev=netdev, vf=None, direct=True, datapath=datapath.DIRECT, sent=sent)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param({"tx_packets": 5}, {"tx_packets": 13}, id="mlx5"),
        pytest.param(
            {"tx_0_packets": 5, "tx_1_packets": 1},
            {"tx_0_packets": 8, "tx_1_packets": 6},
            id="mana",
        ),
    ],
)
def test_a_direct_nic_proves_it_by_its_own_counter(before: Any, after: Any) -> None:
    """It has no vf_ counters."""
    judgement = judge(a_machine(), _direct(EIGHT, before, after))
    assert judgement.status == "pass"
    assert judgement.summary.endswith("it sent 8 packets in the window")


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        pytest.param({"tx_packets": 5}, {"tx_packets": 7}, "counted 2", id="too-few"),
        pytest.param({"rx": 5}, {"rx": 7}, "none of its counters tells", id="no-counter"),
        pytest.param({"tx_packets": 5}, {"tx_packets": 1}, "none of its", id="anew"),
        pytest.param(None, {"tx_packets": 1}, "none of its", id="no-statistics"),
        pytest.param(
            {"tx_0_packets": 9}, {"tx_0_packets": 1}, "none of its counters", id="queue-anew"
        ),
    ],
)
def test_a_direct_nic_that_did_not_count_them_is_unknown(
    before: Any, after: Any, told: str
) -> None:
    """Proof was asked for."""
    judgement = judge(a_machine(), _direct(EIGHT, before, after))
    assert judgement.status == "unknown"
    assert told in judgement.summary


def test_a_direct_nic_by_which_nothing_was_sent_is_unknown() -> None:
    """It was asked for and refused; one sample has no growth either."""
    nic = _direct(REFUSALS, {"tx_packets": 5}, {"tx_packets": 6})
    assert judge(a_machine(), nic).status == "unknown"
    assert proof.own_growth(a_netdev()) is None


def test_who_was_not_there_in_time_sent_nothing() -> None:
    """A NIC that came after the packets were sent."""
    snapshot = a_machine(sent={"eth0": EIGHT}).snapshot
    assert proof.sent_by(snapshot, "eth0") == EIGHT
    assert proof.sent_by(snapshot, "eth1") == Gap(asked=True, why="it was not seen in time")
