"""What every reader says in one line: the reason of the verdict, the share of the VF."""

from __future__ import annotations

from typing import Any

import pytest

from accelnet_agent.datapath import DIRECT, DataPath, Window
from accelnet_agent.report import Report
from accelnet_agent.summary import (
    AS_EXPECTED,
    IMAGE,
    NO_REASON,
    PROVEN,
    UNPROVEN,
    Share,
    is_red,
    is_unsaid,
    leading,
    reason,
    share_of,
)
from building import a_finding, a_machine, a_netdev, a_nic, an_ethtool_sample


def _report(verdict: Any, *findings: Any, **machine: Any) -> Report:
    return Report(machine=a_machine(**machine), verdict=verdict, findings=findings)


def _path(state: Any, *, proven: bool = False) -> Any:
    return a_nic(datapath=DataPath(state=state, why="so", proven=proven))


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        pytest.param({"nics": (_path("vf", proven=True),)}, PROVEN, id="proven"),
        pytest.param({"nics": (a_nic(direct=True, datapath=DIRECT),)}, PROVEN, id="direct"),
        pytest.param({"nics": (_path("vf"),)}, UNPROVEN, id="idle"),
        pytest.param({"nics": (_path("no_vf"),)}, AS_EXPECTED, id="expected-off"),
        pytest.param({"nics": (), "source": "root"}, IMAGE, id="image"),
    ],
)
def test_a_pass_says_what_it_stands_on(machine: dict[str, Any], said: str) -> None:
    """No more than was seen."""
    assert reason(_report("pass", **machine)) == said


def test_a_required_finding_leads() -> None:
    """Before one that is only recommended; those of another status do not count."""
    first = a_finding(status="warn", level="recommended", summary="first")
    second = a_finding(status="warn", summary="second")
    report = _report("warn", first, second, a_finding(), a_finding(status="unknown"))
    assert leading(report) == [second, first]
    assert reason(report) == "second (and 1 more)"


def test_no_finding_leads_a_pass() -> None:
    """Nothing is to be told first."""
    assert leading(_report("pass", a_finding())) == []


def test_a_verdict_that_no_finding_tells_says_so() -> None:
    """No VF in use, and what would say why was skipped."""
    assert reason(_report("warn", a_finding(status="skip"))) == NO_REASON


@pytest.mark.parametrize(
    ("status", "level", "red"),
    [
        ("fail", "required", True),
        ("unknown", "required", True),
        ("unknown", "recommended", False),
        ("warn", "required", False),
        ("skip", "required", False),
        ("pass", "required", False),
    ],
)
def test_what_stops_a_pipeline_is_red(status: str, level: str, red: bool) -> None:
    """Fail, and unknown where the check is required."""
    assert is_red(a_finding(status=status, level=level)) is red


@pytest.mark.parametrize(
    ("verdict", "finding", "unsaid"),
    [
        ("unknown", a_finding(status="skip"), True),
        ("unknown", a_finding(status="unknown", level="recommended"), True),
        ("unknown", a_finding(status="unknown"), False),
        ("warn", a_finding(status="skip"), False),
    ],
)
def test_an_unknown_that_no_required_finding_tells_is_unsaid(
    verdict: str, finding: Any, unsaid: bool
) -> None:
    """A format of cases alone must tell it by itself."""
    assert is_unsaid(_report(verdict, finding)) is unsaid


def test_the_share_is_that_of_the_window() -> None:
    """Growth before lifetime values."""
    window = Window(seconds=2.0, growth={"vf_tx_packets": 3, "synthetic_tx_packets": 1})
    assert share_of(a_nic(window=window)) == Share(by_vf=3, past=1, seconds=2.0)


@pytest.mark.parametrize(
    ("by_vf", "past", "percent"),
    [(3, 1, 75.0), (1, 0, 100.0), (0, 1, 0.0), (999_999, 1, 99.9), (1, 999_999, 0.1)],
)
def test_the_share_is_never_all_or_none_where_it_is_not(
    by_vf: int, past: int, percent: float
) -> None:
    """One packet past the VF is not none."""
    assert Share(by_vf=by_vf, past=past, seconds=None).percent == percent


def test_an_idle_window_leaves_the_share_since_boot() -> None:
    """By the sum of the queues, exact names only."""
    statistics = {"vf_tx_packets": 1, "tx_queue_0_packets": 3, "tx_queue_x_packets": 9}
    netdev = a_netdev(samples=(an_ethtool_sample(statistics=statistics),))
    window = Window(seconds=1.0, growth={"vf_tx_packets": 0, "synthetic_tx_packets": 0})
    assert share_of(a_nic(netdev=netdev, window=window)) == Share(by_vf=1, past=3, seconds=None)
