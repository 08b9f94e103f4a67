"""nic-queues: NIC and VF use more than one channel."""

from __future__ import annotations

from typing import Any

import pytest

from accelnet_agent.checks.nic_queues import CHECK, judge
from accelnet_probes.record import replace
from accelnet_probes.snapshot import Channels, MissingFactsError
from building import REFUSED, a_machine, a_netdev, a_nic, a_vf, an_ethtool_sample, an_event

FOUR = Channels(max_rx=0, max_tx=0, max_other=0, max_combined=4, rx=0, tx=0, other=0, combined=4)


def _sampled(channels: Any) -> Any:
    return (an_ethtool_sample(channels=channels),)


def _nic(channels: Any = FOUR, vf_channels: Any = FOUR) -> Any:
    return a_nic(
        netdev=a_netdev(samples=_sampled(channels)), vf=a_vf(samples=_sampled(vf_channels))
    )


def test_several_channels_on_both_pass() -> None:
    """Each one's number is evidence."""
    judgement = judge(a_machine(), _nic())
    assert judgement.status == "pass"
    assert judgement.evidence == {"cpus": 4, "eth0": 4, "enP53091s1": 4}


@pytest.mark.parametrize(
    ("nic", "name"),
    [
        pytest.param(_nic(channels=replace(FOUR, combined=1)), "eth0", id="nic"),
        pytest.param(_nic(vf_channels=replace(FOUR, combined=1)), "enP53091s1", id="vf"),
    ],
)
def test_one_channel_for_four_cpus_warns(nic: Any, name: str) -> None:
    """The command sets no more than the driver and the CPUs allow."""
    judgement = judge(a_machine(), nic)
    assert judgement.status == "warn"
    assert f"sudo ethtool -L {name} combined 4" in (judgement.remedy or "")


def test_no_more_channels_than_cpus_are_set() -> None:
    """A driver that could have 64."""
    nic = _nic(vf_channels=replace(FOUR, max_combined=64, combined=1))
    assert "combined 4" in (judge(a_machine(), nic).remedy or "")


def test_a_nic_that_got_no_sub_channels_warns() -> None:
    """hv_netvsc then says that it could have one at most (max_chn = 1)."""
    nic = _nic(channels=replace(FOUR, max_combined=1, combined=1))
    assert judge(a_machine(), nic).status == "warn"


def test_separate_receive_and_transmit_channels_count() -> None:
    """mlx4 has no combined ones."""
    separate = Channels(
        max_rx=8, max_tx=8, max_other=0, max_combined=0, rx=4, tx=4, other=0, combined=0
    )
    judgement = judge(a_machine(), _nic(vf_channels=separate))
    assert judgement.status == "pass"
    assert judgement.evidence["enP53091s1"] == 4


def test_one_cpu_needs_one_channel() -> None:
    """Constrained-core sizes have one."""
    assert judge(a_machine(cpu_count=1), _nic(channels=replace(FOUR, combined=1))).status == "pass"


@pytest.mark.parametrize(
    ("cpu_count", "nic"),
    [
        pytest.param(None, _nic(), id="no-cpu-count"),
        pytest.param(4, _nic(channels=None, vf_channels=None), id="no-channels"),
        pytest.param(4, a_nic(netdev=a_netdev(samples=())), id="no-sample"),
    ],
)
def test_what_is_not_provided_is_skipped(cpu_count: int | None, nic: Any) -> None:
    """An old driver does not tell its channels."""
    assert judge(a_machine(cpu_count=cpu_count), nic).status == "skip"


@pytest.mark.parametrize(
    ("machine", "nic"),
    [
        pytest.param(a_machine(cpu_count=REFUSED), _nic(), id="cpus"),
        pytest.param(a_machine(), a_nic(vf=REFUSED), id="pairing"),
        pytest.param(a_machine(), _nic(channels=REFUSED), id="nic"),
        pytest.param(a_machine(), _nic(vf_channels=REFUSED), id="vf"),
    ],
)
def test_what_was_refused_is_asked_for(machine: Any, nic: Any) -> None:
    """The engine makes it unknown."""
    with pytest.raises(MissingFactsError):
        judge(machine, nic)


def test_a_nic_without_a_vf_is_judged_alone() -> None:
    """Its own channels matter all the more."""
    assert judge(a_machine(), a_nic(vf=None)).evidence == {"cpus": 4, "eth0": 4}


def test_the_last_sample_counts() -> None:
    """Channels may change while they are watched."""
    samples = _sampled(replace(FOUR, combined=1)) + _sampled(FOUR)
    assert judge(a_machine(), a_nic(netdev=a_netdev(samples=samples))).status == "pass"


def test_it_is_advice() -> None:
    """The check never fails a machine."""
    assert CHECK.level == "recommended"


def test_sub_channels_that_failed() -> None:
    """The kernel's line says why there is one channel: memory; more can not be asked for."""
    events = (an_event("sub-channel-failed", detail="sub channel open failed: -12", line="x"),)
    few = replace(_nic(channels=replace(FOUR, combined=1)), events=events)
    found = judge(a_machine(), few)
    assert found.status == "warn"
    assert found.summary == "eth0 has one channel for 4 CPUs: sub channel open failed: -12"
    assert "compact_memory" in (found.remedy or "")
    healthy = judge(a_machine(), replace(_nic(), events=events))
    assert healthy.status == "pass"
    assert healthy.evidence["kernel_log"] == "x"
