"""The report: one object, which every format renders."""

from __future__ import annotations

from accelnet_probes.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from accelnet_agent.findings import Finding
    from accelnet_agent.machine import Machine

    Verdict = Literal["pass", "warn", "fail", "unknown"]

EXIT_STATUS = {"pass": 0, "warn": 1, "fail": 2, "unknown": 3}
UNUSABLE = 64  # arguments or input that can not be used (sysexits.h, EX_USAGE)
INTERRUPTED = 130


class UsageError(Exception):
    """Arguments, input or output that can not be used; the message is one line."""


class Report(Record):
    """What was judged, the verdict and the findings in report order."""

    machine: Machine
    verdict: Verdict
    findings: tuple[Finding, ...]
