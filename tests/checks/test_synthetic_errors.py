"""synthetic-errors: the synthetic NIC drops nothing and no queue of it is stuck."""

from __future__ import annotations

from typing import Any

import pytest

from accelnet_agent.checks.synthetic_errors import CHECK, judge
from accelnet_probes.snapshot import MissingFactsError
from building import REFUSED, a_machine, a_netdev, a_nic, an_event, two_samples

BEFORE = {
    "tx_no_memory": 500,
    "tx_no_space": 500,
    "tx_too_big": 500,
    "rx_no_memory": 500,
    "vlan_error": 500,
    "tx_busy": 500,
    "stop_queue": 7,
    "wake_queue": 6,
}
WINDOW = a_machine(window_seconds=1.0)


def _nic(before: Any = BEFORE, **growth: int) -> Any:
    after = {name: value + growth.get(name, 0) for name, value in BEFORE.items()}
    return a_nic(netdev=a_netdev(samples=two_samples(before, after)))


def test_lifetime_values_mean_nothing() -> None:
    """Nor does a queue that was stopped once and stands still since."""
    assert judge(WINDOW, _nic()).status == "pass"


@pytest.mark.parametrize(
    "counter", ["tx_no_memory", "tx_no_space", "tx_too_big", "rx_no_memory", "vlan_error"]
)
def test_growth_warns(counter: str) -> None:
    """A packet was dropped in the window."""
    judgement = judge(WINDOW, _nic(**{counter: 3}))
    assert judgement.status == "warn"
    assert judgement.evidence == {counter: 3}
    assert f"ethtool -S eth0 | grep {counter}" in (judgement.remedy or "")


def test_what_costs_only_speed_is_no_error() -> None:
    """tx_busy packets are sent again."""
    assert judge(WINDOW, _nic(tx_busy=100)).status == "pass"


@pytest.mark.parametrize(
    ("growth", "status"),
    [
        pytest.param({"stop_queue": 1}, "warn", id="stopped"),
        pytest.param({"stop_queue": 4, "wake_queue": 4}, "pass", id="stopped-and-woken"),
        pytest.param({"wake_queue": 1}, "pass", id="woken"),
    ],
)
def test_a_queue_that_was_stopped_and_not_woken_warns(growth: dict[str, int], status: str) -> None:
    """Ring flow control stops and wakes in turn."""
    assert judge(WINDOW, _nic(**growth)).status == status


def test_a_driver_without_statistics_has_no_clean_bill() -> None:
    """None never becomes 0."""
    nic = a_nic(netdev=a_netdev(samples=two_samples(None, None)))
    assert judge(WINDOW, nic).status == "skip"


def test_one_sample_is_skipped() -> None:
    """It shows no growth."""
    assert judge(a_machine(window_seconds=None), _nic(tx_no_memory=1)).status == "skip"


def test_a_direct_nic_has_no_synthetic_partner() -> None:
    """vf-drops judges its counters."""
    assert judge(WINDOW, a_nic(vf=None, direct=True)).status == "skip"


def test_a_nic_without_a_vf_is_judged_as_well() -> None:
    """All its traffic goes that way."""
    nic = a_nic(netdev=_nic(tx_no_space=2).netdev, vf=None)
    assert judge(WINDOW, nic).status == "warn"


def test_what_was_refused_is_asked_for() -> None:
    """The engine makes it unknown."""
    with pytest.raises(MissingFactsError):
        judge(WINDOW, a_nic(netdev=a_netdev(samples=two_samples(BEFORE, REFUSED))))


def test_it_is_advice() -> None:
    """The check never fails a machine."""
    assert CHECK.level == "recommended"


def test_a_storm_of_refused_packets() -> None:
    """By the log, with one sample too; a few lines are no storm."""
    lines = [an_event("packet-error", age=5.0 + at) for at in range(20)]
    storm = judge(a_machine(), a_nic(events=tuple(lines)))
    assert storm.status == "warn"
    assert "20 lines in a minute" in storm.summary
    assert judge(WINDOW, a_nic(netdev=_nic().netdev, events=tuple(lines[:5]))).status == "pass"
