"""A whole scrape, made up of recorded machines and of what an agent would have counted.

families_of("two-nics") are those of the golden scrape (tests/agent/golden).
"""

from __future__ import annotations

from pathlib import Path

from accelnet_agent import watch_metrics
from accelnet_agent.checks import CHECKS
from accelnet_agent.engine import judge
from accelnet_agent.machine import build
from accelnet_agent.metrics import Family, families
from accelnet_agent.report import Report
from accelnet_agent.tracks import Totals
from accelnet_probes.bundle import BundleHost
from accelnet_probes.observe import observe

FIXTURES = Path(__file__).parent / "fixtures"
# A VF that was taken and given back, and one that never moved.
TOTALS = {
    "eth0": Totals(),
    "eth1": Totals(
        added=2,
        removed=2,
        to_vf=3,
        to_synthetic=3,
        synthetic_seconds=61.25,
        last_switch=1763925575.125,
    ),
}


def report_of(machine: str) -> Report:
    """The report about a fixture."""
    return judge(build(observe(BundleHost(str(FIXTURES / machine)))), CHECKS)


def families_of(machine: str) -> tuple[Family, ...]:
    """Its families, and those of an agent that has watched its NICs."""
    report = report_of(machine)
    probes = report.machine.snapshot.probes
    names = [nic.name for nic in report.machine.nics if not nic.direct]
    totals = dict(zip(names, TOTALS.values(), strict=False))
    durations = {run.name: number / 1024 for number, run in enumerate(probes)}
    return (*families(report), *watch_metrics.families(totals, probes, durations))
