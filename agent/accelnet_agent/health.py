"""The verdict for load balancers and for a scale set's Application Health extension: pure."""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from accelnet_agent.report import Report, Verdict

# The extension takes a rich health state from a 2xx answer alone; all else is its Unknown.  The
# scale set stops a rolling upgrade at it, and with automatic repairs on it repairs the VM as if it
# were Unhealthy (learn.microsoft.com, virtual-machine-scale-sets-health-extension).
_STATES = {"pass": "Healthy", "warn": "Healthy", "fail": "Unhealthy"}


def healthz(report: Report | None, *, unknown_is_healthy: bool) -> tuple[int, str]:
    """Status and JSON body of /healthz; without a report it is unknown."""
    verdict: Verdict = "unknown" if report is None else report.verdict
    healthy = verdict in ("pass", "warn") or (verdict == "unknown" and unknown_is_healthy)
    body: dict[str, Any] = {"verdict": verdict}
    if report is None:
        body["reason"] = "nothing has been observed yet"
    else:
        body["observed_at"] = report.machine.snapshot.observed_at
        body["datapaths"] = {nic.name: nic.datapath.state for nic in report.machine.nics}
        body["findings"] = [
            {
                "check": finding.check,
                "subject": finding.subject,
                "level": finding.level,
                "status": finding.status,
                "summary": finding.summary,
                "remedy": finding.remedy,
            }
            for finding in report.findings
            if finding.status not in ("pass", "skip")
        ]
    return (200 if healthy else 503), json.dumps(body) + "\n"


def application_health(report: Report | None, *, unknown_is_healthy: bool) -> tuple[int, str]:
    """Status and JSON body of /application-health."""
    state = _STATES.get("unknown" if report is None else report.verdict)
    if state is None and unknown_is_healthy:
        state = "Healthy"
    if state is None:
        return 503, "{}\n"
    return 200, json.dumps({"ApplicationHealthState": state}) + "\n"
