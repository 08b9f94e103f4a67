"""shares: how much of what each NIC sent went by its VF, in the last hour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from accelnet_agent.report import Report
from accelnet_agent.shares import HOUR, STEP, Shares
from building import REFUSED, a_machine, a_netdev, a_nic, a_vf, an_ethtool_sample
from watching import WALL, at

if TYPE_CHECKING:
    from accelnet_agent.shares import Point


def _report(statistics: Any, name: str = "eth0") -> Report:
    samples = (an_ethtool_sample(statistics=statistics),)
    nic = a_nic(netdev=a_netdev(name=name, samples=samples))
    return Report(machine=a_machine(nics=(nic,)), verdict="pass", findings=())


def _sent(vf: int, *queues: int) -> dict[str, int]:
    return {"vf_tx_packets": vf, **{f"tx_queue_{n}_packets": sent for n, sent in enumerate(queues)}}


def _points(*seen: Any, step: float = STEP) -> list[Point]:
    """The points of observations that were so far apart, as they are after the last."""
    shares = Shares()
    for number, statistics in enumerate(seen):
        shares.take(_report(statistics), at(number * step))
    last = at((len(seen) - 1) * step)
    return list(shares.of_the_last_hour(last).get("eth0", ()))


def test_a_point_is_the_growth_between_two_observations() -> None:
    """By the VF, and past it by all queues."""
    assert _points(_sent(5, 1, 1), _sent(15, 2, 3), _sent(15, 2, 3)) == [
        (WALL + STEP, STEP, 10, 3),
        (WALL + 2 * STEP, STEP, 0, 0),
    ]


def test_one_observation_is_no_point() -> None:
    """Lifetime values say nothing of the last hour."""
    assert _points(_sent(5, 1)) == []


def test_who_asks_often_makes_no_more_points() -> None:
    """One in fifteen seconds at most."""
    points = _points(*(_sent(n, 0) for n in range(1, 32)), step=1.0)
    assert [(seconds, vf) for _, seconds, vf, _ in points] == [(15, 15), (15, 15)]


@pytest.mark.parametrize(
    "unseen",
    [
        pytest.param(REFUSED, id="refused"),
        pytest.param(None, id="none"),
        pytest.param(_sent(0, 0), id="zeros-while-the-device-is-made-anew"),
        pytest.param({"tx_scattered": 7}, id="no-such-counter"),
    ],
)
def test_what_was_not_seen_is_no_traffic_and_no_silence(unseen: Any) -> None:
    """Nor is what was counted before and after it the traffic of one interval."""
    points = _points(_sent(1000, 10), unseen, _sent(2000, 20), _sent(2001, 21))
    assert [point[2:] for point in points] == [(None, None), (None, None), (1, 1)]


def test_a_counter_that_went_back_is_not_seen() -> None:
    """The queues of a NIC that was made anew begin at 0; its VF's count stays."""
    assert _points(_sent(5, 100), _sent(6, 1))[0][2:] == (1, None)


def test_points_are_of_the_last_hour() -> None:
    """However many there were."""
    shares = Shares()
    for number in range(500):
        shares.take(_report(_sent(number, 0)), at(number * STEP))
    found = shares.of_the_last_hour(at(499 * STEP))["eth0"]
    assert len(found) == HOUR / STEP
    assert found[0][0] == WALL + 499 * STEP - HOUR + STEP
    assert shares.of_the_last_hour(at(499 * STEP + 2 * HOUR)) == {"eth0": ()}


@pytest.mark.parametrize("step", [-5 * HOUR, 5 * HOUR])
def test_a_clock_that_was_set_moves_what_was_before(step: float) -> None:
    """An hour ago is an hour ago."""
    shares = Shares()
    shares.take(_report(_sent(1, 0)), at(0))
    shares.take(_report(_sent(2, 0)), at(20))
    shares.take(_report(_sent(4, 0)), at(40, set_by=step))
    now = at(50, set_by=step)
    assert shares.of_the_last_hour(now)["eth0"] == (
        (now.wall - 30, 20, 1, 0),
        (now.wall - 10, 20, 2, 0),
    )


def test_each_nic_has_its_own() -> None:
    """In the order of their names; a direct NIC has no share that is known."""
    direct = a_nic(netdev=a_vf(name="eth1"), vf=None, direct=True)
    machine = a_machine(nics=(direct, a_nic()))
    report = Report(machine=machine, verdict="pass", findings=())
    shares = Shares()
    shares.take(report, at(0))
    shares.take(report, at(20))
    found = shares.of_the_last_hour(at(20))
    assert list(found) == ["eth0", "eth1"]
    assert [points[0][2:] for points in found.values()] == [(0, None), (None, None)]
