"""Reports of a fleet's VMs, as their reader has them, and fleets that took some."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from accelnet_agent import render_json
from accelnet_agent.checks import CHECKS
from accelnet_agent.engine import judge
from accelnet_agent.fleet import Fleet, Place
from accelnet_agent.fleet_report import Reports
from accelnet_agent.fleet_summary import Summary, summarize
from building import a_function, a_machine, a_nic

NOW = datetime(2026, 11, 26, 12, 0, 0)  # noqa: DTZ001  UTC, as all moments here
TODAY = "2026-11-26T06:00:00Z"


@cache
def _healthy() -> Any:
    machine = a_machine(nics=(a_nic(),), functions=(a_function(),))
    return json.loads(render_json.render(judge(machine, CHECKS)))


def a_report(number: int = 1, **changes: Any) -> dict[str, Any]:
    """The report of a healthy VM that runs; `number` makes its MAC."""
    found: dict[str, Any] = deepcopy(_healthy())
    found.update(source="live", observed_at=TODAY)
    found["nics"][0]["mac"] = f"00:0d:3a:00:{number >> 8:02x}:{number & 255:02x}"
    return {**found, **changes}


def a_finding(check: str, status: str, **changes: Any) -> dict[str, Any]:
    """What a check says."""
    found = {
        "check": check,
        "subject": "eth0",
        "level": "required",
        "status": status,
        "summary": f"{check} has found something",
        "evidence": {},
        "remedy": "Repair it:\n  sudo repair eth0",
        "runbook": f"docs/runbooks/{check}.md",
    }
    return {**found, **changes}


def failing(number: int, check: str = "vf-mtu", **changes: Any) -> dict[str, Any]:
    """The report of a VM on which a check fails."""
    found = {"verdict": "fail", "findings": [a_finding(check, "fail")], **changes}
    return a_report(number, **found)


def on(report: dict[str, Any], **host: Any) -> dict[str, Any]:
    """The same report of another host: vm_size=..., kernel=..."""
    changed = deepcopy(report)
    if "kernel" in host:
        changed["host"]["kernel"]["release"] = host.pop("kernel")
    changed["host"].update(host)
    return changed


def a_fleet(reports: dict[str, dict[str, Any]]) -> Fleet:
    """A fleet that took reports, each by its path."""
    fleet, reader = Fleet(), Reports()
    for path, report in reports.items():
        fleet.add(Place(path=path), reader.read(report))
    return fleet


def a_summary(reports: dict[str, dict[str, Any]], *, stale_after: int = 7) -> Summary:
    """What the reports say together."""
    return summarize(a_fleet(reports), stale_after=stale_after, now=NOW)


def write(path: Path, document: object) -> Path:
    """A report as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path
