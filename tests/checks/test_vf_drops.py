"""vf-drops: the VF drops nothing, by growth."""

from __future__ import annotations

from typing import Any

import pytest

from accelnet_agent.checks.vf_drops import CHECK, growth_of, judge
from accelnet_probes.snapshot import MissingFactsError
from building import (
    REFUSED,
    a_log,
    a_machine,
    a_netdev,
    a_nic,
    a_vf,
    an_ethtool_sample,
    an_event,
    two_samples,
)

QUIET = {"vf_tx_packets": 9, "vf_tx_dropped": 500}
VF_QUIET = {"tx_packets": 9, "rx_out_of_buffer": 500}


def _nic(after: Any = None, vf_after: Any = None, **vf: Any) -> Any:
    return a_nic(
        netdev=a_netdev(samples=two_samples(QUIET, {**QUIET, **(after or {})})),
        vf=a_vf(samples=two_samples(VF_QUIET, {**VF_QUIET, **(vf_after or {})}), **vf),
    )


WINDOW = a_machine(window_seconds=1.0)


def test_lifetime_values_mean_nothing() -> None:
    """500 drops long ago are no drops now."""
    assert judge(WINDOW, _nic()).status == "pass"


def test_growth_of_vf_tx_dropped_warns() -> None:
    """hv_netvsc counts it, so the command that watches it asks eth0."""
    judgement = judge(WINDOW, _nic(after={"vf_tx_dropped": 507}))
    assert judgement.status == "warn"
    assert judgement.evidence == {"vf_tx_dropped": 7}
    assert "ethtool -S eth0 | grep vf_tx_dropped" in (judgement.remedy or "")


def test_growth_of_the_vfs_own_counter_warns() -> None:
    """The command that watches it asks the VF."""
    judgement = judge(WINDOW, _nic(vf_after={"rx_out_of_buffer": 503}))
    assert judgement.status == "warn"
    assert judgement.evidence == {"rx_out_of_buffer": 3}
    assert "ethtool -S enP53091s1 | grep rx_out_of_buffer" in (judgement.remedy or "")


def test_the_largest_growth_leads() -> None:
    """All that grew is evidence."""
    nic = _nic(after={"vf_tx_dropped": 501}, vf_after={"rx_out_of_buffer": 509})
    judgement = judge(WINDOW, nic)
    assert "rx_out_of_buffer grew by 9" in judgement.summary
    assert judgement.evidence == {"vf_tx_dropped": 1, "rx_out_of_buffer": 9}


@pytest.mark.parametrize(
    ("driver", "counter"),
    [
        pytest.param("mlx4_core", "tx_timeout", id="mlx4"),
        pytest.param("mlx4_en", "tx_timeout", id="mlx4-as-ethtool-names-it"),
        pytest.param("mlx5_core", "tx_queue_dropped", id="mlx5"),
        pytest.param("mana", "hc_rx_discards_no_wqe", id="mana"),
        pytest.param("mana", "tx_11_mana_map_err", id="mana-by-queue"),
    ],
)
def test_each_driver_has_its_own_counters(driver: str, counter: str) -> None:
    """By exact name."""
    vf = a_vf(driver=driver, samples=two_samples({counter: 1}, {counter: 2}))
    assert judge(WINDOW, a_nic(vf=vf)).evidence == {counter: 1}


@pytest.mark.parametrize(
    ("driver", "counter"),
    [
        pytest.param("mlx5_core", "tx_timeout", id="another-drivers"),
        pytest.param("mlx5_core", "rx0_out_of_buffer", id="not-the-exact-name"),
        pytest.param("newnic", "tx_queue_dropped", id="unknown-driver"),
        pytest.param(REFUSED, "tx_queue_dropped", id="driver-refused"),
    ],
)
def test_other_counters_are_not_judged(driver: Any, counter: str) -> None:
    """A name means what its own driver says."""
    vf = a_vf(driver=driver, samples=two_samples({counter: 1}, {counter: 2}))
    nic = a_nic(netdev=a_netdev(samples=two_samples(QUIET, QUIET)), vf=vf)
    assert judge(WINDOW, nic).status == "pass"


def test_a_restarted_counter_is_no_growth() -> None:
    """A VF that came back counts from 0."""
    assert judge(WINDOW, _nic(vf_after={"rx_out_of_buffer": 2})).status == "pass"


def test_one_sample_is_skipped() -> None:
    """It shows no growth."""
    assert judge(a_machine(window_seconds=None), _nic()).status == "skip"


def test_a_driver_without_statistics_has_no_clean_bill() -> None:
    """None never becomes 0: nothing was counted on either side."""
    nic = a_nic(
        netdev=a_netdev(samples=two_samples(None, None)), vf=a_vf(samples=two_samples(None, None))
    )
    assert judge(WINDOW, nic).status == "skip"


@pytest.mark.parametrize(
    "nic",
    [
        pytest.param(a_nic(vf=REFUSED), id="pairing"),
        pytest.param(a_nic(netdev=a_netdev(samples=two_samples(QUIET, REFUSED))), id="nic"),
        pytest.param(a_nic(netdev=a_netdev(samples=two_samples(REFUSED, QUIET))), id="before"),
        pytest.param(a_nic(vf=a_vf(samples=two_samples(VF_QUIET, REFUSED))), id="vf"),
    ],
)
def test_what_was_refused_is_asked_for(nic: Any) -> None:
    """The engine makes it unknown."""
    with pytest.raises(MissingFactsError):
        judge(WINDOW, nic)


def test_without_a_vf_there_is_no_question() -> None:
    """Nothing can drop."""
    assert judge(WINDOW, a_nic(vf=None)).status == "skip"


def test_a_direct_nic_is_judged_by_its_own_counters() -> None:
    """It is the VF."""
    netdev = a_vf(driver="mana", samples=two_samples({"tx_cq_err": 0}, {"tx_cq_err": 4}))
    judgement = judge(WINDOW, a_nic(netdev=netdev, vf=None, direct=True))
    assert judgement.evidence == {"tx_cq_err": 4}


def test_growth_needs_two_samples() -> None:
    """And names that both have."""
    assert growth_of(a_netdev(samples=(an_ethtool_sample(),)), ("vf_tx_packets",)) == {}
    assert growth_of(a_netdev(samples=two_samples(None, {"a": 1})), ("a",)) == {}
    netdev = a_netdev(samples=two_samples({"a": 1, "b": 1, "c": 5}, {"a": 2, "c": 5}))
    assert growth_of(netdev, ("a", "b", "c", "d")) == {"a": 1}


def test_it_is_advice() -> None:
    """The check never fails a machine."""
    assert CHECK.level == "recommended"


@pytest.mark.parametrize(
    ("event", "status"),
    [
        pytest.param({"vf": "enP53091s1", "age": 60.0}, "warn", id="by-name"),
        pytest.param(
            {"vf": "eth1", "pci_address": "cf63:00:02.0", "age": 60.0}, "warn", id="by-pci"
        ),
        pytest.param({"vf": "eth9", "age": 60.0}, "pass", id="another"),
        pytest.param({"vf": "enP53091s1", "age": 9000.0}, "pass", id="hours-ago"),
        pytest.param({"vf": "enP53091s1", "age": None}, "pass", id="without-a-time"),
    ],
)
def test_a_transmit_queue_that_timed_out(event: dict[str, Any], status: str) -> None:
    """Once is enough: the VF's driver is stuck."""
    log = a_log(an_event("tx-timeout", detail="TX timeout detected", **event))
    found = judge(a_machine(window_seconds=1.0, kernel_log=log), _nic())
    assert found.status == status
