"""changes: one line of the log for each change of state, and none for what stays."""

from __future__ import annotations

from typing import Any

import pytest

from accelnet_agent.changes import LEVELS, MOST, Line, of_happenings, of_reports
from accelnet_agent.datapath import DataPath
from accelnet_agent.report import Report
from accelnet_agent.tracks import Happening
from accelnet_probes.record import replace
from building import a_finding, a_machine, a_netdev, a_nic


def _a_report(verdict: Any = "pass", *findings: Any, **paths: str) -> Report:
    nics = tuple(
        a_nic(netdev=a_netdev(name=name), datapath=DataPath(state=state, why="so it is"))  # type: ignore[arg-type]
        for name, state in (paths or {"eth0": "vf"}).items()
    )
    return Report(machine=a_machine(nics=nics), verdict=verdict, findings=findings)


def _lines(before: Report | None, after: Report) -> list[tuple[str, str, dict[str, Any]]]:
    return [(line.level, line.event, line.facts) for line in of_reports(before, after)]


def _of_check(before: Report, after: Report) -> list[tuple[str, Any, Any]]:
    return [
        (line.level, line.facts["before"], line.facts["now"])
        for line in of_reports(before, after)
        if line.event == "check.changed"
    ]


# --- reports -------------------------------------------------------------------------------------


def test_what_stays_is_not_told() -> None:
    """However often it is observed."""
    findings = [
        a_finding(check=f"is-{status}", status=status, summary=f"{n} times")
        for n, status in enumerate(("pass", "warn", "fail", "unknown", "skip"))
    ]
    assert _lines(_a_report("fail", *findings), _a_report("fail", *findings)) == []


def test_at_first_all_that_is_not_well_is_told() -> None:
    """With the verdict and each data path."""
    findings = [
        a_finding(check=f"is-{status}", status=status, summary=f"it is {status}")
        for status in ("pass", "warn", "fail", "unknown", "skip")
    ]
    found = _lines(None, _a_report("fail", *findings))
    assert found[:2] == [
        ("error", "verdict.changed", {"before": None, "now": "fail"}),
        (
            "info",
            "datapath.changed",
            {"nic": "eth0", "before": None, "now": "vf", "why": "so it is"},
        ),
    ]
    assert [(level, facts["check"]) for level, _, facts in found[2:]] == [
        ("warning", "is-warn"),
        ("error", "is-fail"),
        ("warning", "is-unknown"),
    ]
    assert found[3][2] == {
        "check": "is-fail",
        "subject": "eth0",
        "before": None,
        "now": "fail",
        "summary": "it is fail",
    }


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        pytest.param("pass", "fail", [("error", "pass", "fail")], id="fails"),
        pytest.param("fail", "pass", [("info", "fail", "pass")], id="well-again"),
        pytest.param("warn", "skip", [("info", "warn", "skip")], id="not-asked-any-more"),
        pytest.param("skip", "warn", [("warning", "skip", "warn")], id="asked-again"),
        pytest.param("pass", "unknown", [("warning", "pass", "unknown")], id="not-seen"),
        pytest.param("pass", "skip", [], id="well-and-not-asked"),
        pytest.param("skip", "pass", [], id="asked-and-well"),
        pytest.param(None, "pass", [], id="new-and-well"),
        pytest.param(None, "fail", [("error", None, "fail")], id="new"),
        pytest.param("fail", None, [("info", "fail", None)], id="its-subject-is-gone"),
        pytest.param("pass", None, [], id="well-and-gone"),
    ],
)
def test_a_finding_that_is_another_now_is_told(
    before: Any, after: Any, told: list[tuple[Any, ...]]
) -> None:
    """That something well was not asked this time is no change."""
    reports = [
        _a_report("pass", *([a_finding(status=status)] if status is not None else []))
        for status in (before, after)
    ]
    assert _of_check(*reports) == told


def test_two_findings_of_one_check_on_one_subject_are_the_worse_of_them() -> None:
    """The same two again are no change."""
    findings = [a_finding(status=status) for status in ("warn", "fail", "pass")]
    report = _a_report("fail", *findings)
    assert _of_check(report, report) == []
    assert _of_check(report, _a_report("warn", findings[0], findings[2])) == [
        ("warning", "fail", "warn")
    ]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        pytest.param({"eth0": "vf"}, {"eth0": "vf"}, [], id="stays"),
        pytest.param({"eth0": "vf"}, {"eth0": "no_vf"}, [("eth0", "vf", "no_vf")], id="left"),
        pytest.param(
            {"eth0": "vf"}, {"eth0": "vf", "eth1": "vf"}, [("eth1", None, "vf")], id="new-nic"
        ),
        pytest.param(
            {"eth0": "vf", "eth1": "vf"}, {"eth0": "vf"}, [("eth1", "vf", None)], id="nic-is-gone"
        ),
    ],
)
def test_a_data_path_that_is_another_now_is_told(
    before: dict[str, str], after: dict[str, str], told: list[tuple[Any, ...]]
) -> None:
    """Of each NIC."""
    found = _lines(_a_report(**before), _a_report(**after))
    assert [(f["nic"], f["before"], f["now"]) for _, _, f in found] == told


@pytest.mark.parametrize("verdict", ["pass", "warn", "fail", "unknown"])
def test_a_verdict_that_is_another_now_is_told(verdict: Any) -> None:
    """As loud as it is bad."""
    before = "warn" if verdict == "pass" else "pass"
    found = _lines(_a_report(before), _a_report(verdict))
    assert found == [(LEVELS[verdict], "verdict.changed", {"before": before, "now": verdict})]


# --- happenings ----------------------------------------------------------------------------------


def _a_happening(kind: Any = "removed", **changes: Any) -> Happening:
    happening = Happening(at=0.0, boot=0.0, nic="eth0", kind=kind, vf="enP1s1")
    return replace(happening, **changes)


def test_each_happening_is_a_line() -> None:
    """With the VF, and how it is known."""
    happening = _a_happening(pci_address="cf63:00:02.0", note="found by reconciling")
    assert list(of_happenings([happening])) == [
        Line(
            level="warning",
            event="vf.removed",
            facts={
                "nic": "eth0",
                "vf": "enP1s1",
                "pci_address": "cf63:00:02.0",
                "times": None,
                "note": "found by reconciling",
            },
        )
    ]


@pytest.mark.parametrize(
    ("kind", "level"),
    [
        ("added", "info"),
        ("up", "info"),
        ("down", "info"),
        ("renamed", "info"),
        ("to-vf", "info"),
        ("to-synthetic", "warning"),
        ("removed", "warning"),
    ],
)
def test_what_is_bad_is_louder(kind: Any, level: str) -> None:
    """A VF or a data path that left."""
    (line,) = of_happenings([_a_happening(kind)])
    assert (line.level, line.event) == (level, f"vf.{kind}")


def test_a_revocation_and_its_return_are_told_one_by_one() -> None:
    """No more than that many."""
    assert len(list(of_happenings([_a_happening()] * MOST))) == MOST


def test_a_flood_is_a_line_for_each_nic() -> None:
    """How many there were, and what was the last."""
    flood = [_a_happening("to-vf"), _a_happening("to-synthetic")] * 30
    other = _a_happening(nic="eth1")
    assert [line.facts for line in of_happenings([*flood, other])] == [
        {"nic": "eth0", "changes": 60, "last": "to-synthetic"},
        {"nic": "eth1", "changes": 1, "last": "removed"},
    ]


def test_one_that_happened_many_times_is_a_flood() -> None:
    """Its messages were lost, and the kernel says how often."""
    told = [_a_happening(kind, times=1500) for kind in ("to-synthetic", "to-vf")]
    (line,) = of_happenings(told)
    assert line.facts == {"nic": "eth0", "changes": 3000, "last": "to-vf"}


def test_a_few_times_are_told_as_such() -> None:
    """In one line each."""
    told = [_a_happening(kind, times=3) for kind in ("to-synthetic", "to-vf")]
    assert [line.facts["times"] for line in of_happenings(told)] == [3, 3]


def test_nothing_is_no_line() -> None:
    """Most observations."""
    assert list(of_happenings([])) == []
