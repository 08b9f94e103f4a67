"""health: the verdict for load balancers and for a scale set's Application Health extension."""

from __future__ import annotations

import json
from typing import Any

import pytest

from accelnet_agent.health import application_health, healthz
from accelnet_agent.report import Report
from building import a_finding, a_machine, a_netdev, a_nic


def _a_report(verdict: Any, *findings: Any) -> Report:
    return Report(machine=a_machine(), verdict=verdict, findings=findings)


def _asked(report: Report | None, *, unknown_is_healthy: bool = False) -> tuple[int, Any]:
    status, body = healthz(report, unknown_is_healthy=unknown_is_healthy)
    return status, json.loads(body)


def _rich(report: Report | None, *, unknown_is_healthy: bool = False) -> tuple[int, Any]:
    status, body = application_health(report, unknown_is_healthy=unknown_is_healthy)
    return status, json.loads(body).get("ApplicationHealthState")


@pytest.mark.parametrize(
    ("verdict", "strict", "lenient", "rich", "lenient_rich"),
    [
        pytest.param("pass", 200, 200, (200, "Healthy"), (200, "Healthy"), id="pass"),
        pytest.param("warn", 200, 200, (200, "Healthy"), (200, "Healthy"), id="warn"),
        pytest.param("fail", 503, 503, (200, "Unhealthy"), (200, "Unhealthy"), id="fail"),
        pytest.param("unknown", 503, 200, (503, None), (200, "Healthy"), id="unknown"),
        pytest.param(None, 503, 200, (503, None), (200, "Healthy"), id="not-observed-yet"),
    ],
)
def test_the_verdict_decides(
    verdict: Any, strict: int, lenient: int, rich: Any, lenient_rich: Any
) -> None:
    """For monitors by the status alone; the extension takes a state from a 2xx answer only."""
    report = _a_report(verdict) if verdict is not None else None
    assert _asked(report)[0] == strict
    assert _asked(report, unknown_is_healthy=True)[0] == lenient
    assert _rich(report) == rich
    assert _rich(report, unknown_is_healthy=True) == lenient_rich


def test_the_body_says_why() -> None:
    """When it was, where packets go, and each finding that is not well."""
    findings = [
        a_finding(check=f"is-{status}", status=status, summary=f"it is {status}", remedy="Mend it.")
        for status in ("pass", "warn", "fail", "unknown", "skip")
    ]
    _, body = _asked(_a_report("fail", *findings))
    assert {key: body[key] for key in ("verdict", "observed_at", "datapaths")} == {
        "verdict": "fail",
        "observed_at": "2026-01-02T03:04:05Z",
        "datapaths": {"eth0": "vf"},
    }
    assert [finding["status"] for finding in body["findings"]] == ["warn", "fail", "unknown"]
    assert body["findings"][1] == {
        "check": "is-fail",
        "subject": "eth0",
        "level": "required",
        "status": "fail",
        "summary": "it is fail",
        "remedy": "Mend it.",
    }


def test_before_the_first_observation_the_body_says_so() -> None:
    """And nothing else."""
    assert _asked(None)[1] == {"verdict": "unknown", "reason": "nothing has been observed yet"}


def test_a_body_can_always_be_written() -> None:
    """A name that is no UTF-8 is escaped; it is one line."""
    machine = a_machine(nics=(a_nic(netdev=a_netdev(name="\udcff")),))
    finding = a_finding(status="warn", summary="a\nb\udcff")
    report = Report(machine=machine, verdict="warn", findings=(finding,))
    _, body = healthz(report, unknown_is_healthy=False)
    assert body.isascii()
    assert body.count("\n") == 1
    assert json.loads(body)["findings"][0]["summary"] == "a\nb\udcff"
