"""A fleet as JSON (docs/fleet-report.schema.json)."""

from __future__ import annotations

import json

from accelnet_agent.fleet_fields import is_array, unicode
from accelnet_agent.version import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from accelnet_agent.fleet import Listed, Vm
    from accelnet_agent.fleet_groups import Group
    from accelnet_agent.fleet_summary import Finding, Summary

SCHEMA = 1
LOUD = ("fail", "unknown", "warn")


def render(summary: Summary, by: Sequence[str] = ()) -> str:
    """The document as text, ASCII, with a final newline; each VM has a line of its own.

    With an indent json would take its slow encoder, and ten times as many lines.  A VM
    is written before the next is made: the values of 100,000 take more than their text.
    """
    return "".join(_lines(summary, by))


def _lines(summary: Summary, by: Sequence[str]) -> Iterator[str]:
    before = "{"
    for key, value in _head(summary, by).items():
        yield f"{before}\n  {json.dumps(key)}: "
        entries: list[Any] = value if is_array(value) else []
        if entries:
            yield "[\n    " + ",\n    ".join(map(json.dumps, entries)) + "\n  ]"
        else:
            yield json.dumps(value)
        before = ","
    before = ',\n  "vms": ['
    for name, vm in summary.vms:
        yield f"{before}\n    {json.dumps(_vm(name, vm))}"
        before = ","
    yield "\n  ]\n}\n"


def document(summary: Summary, by: Sequence[str] = ()) -> dict[str, Any]:
    """The document as plain values; docs/fleet-report.schema.json describes it."""
    return {**_head(summary, by), "vms": [_vm(name, vm) for name, vm in summary.vms]}


def _head(summary: Summary, by: Sequence[str]) -> dict[str, Any]:
    """All but the VMs."""
    return {
        "schema": SCHEMA,
        "tool": {"name": "accelnet", "version": VERSION},
        "verdict": summary.verdict,
        "observed": {"oldest": summary.oldest, "newest": summary.newest},
        "reports": {
            "read": summary.reports,
            "superseded": summary.superseded.count,
            "unreadable": summary.unreadable.count,
            "passed_over": summary.passed_over.count,
        },
        "fleet": _group(summary.whole),
        "nics": dict(summary.nics),
        "checks": [{"check": check, **counts} for check, counts in summary.checks.items()],
        "findings": [_finding(finding) for finding in summary.findings],
        "groups": [
            {"by": key, "name": group.name, **_group(group)}
            for key, groups in summary.groups.items()
            if not by or key in by
            for group in groups
        ],
        "stale_after_days": summary.stale_after,
        "stale": _moments(summary.stale),
        "ahead": _moments(summary.ahead),
        "unreadable": _listed(summary.unreadable),
        "passed_over": _listed(summary.passed_over),
        "superseded": [
            {"path": unicode(old), "by": unicode(new)} for old, new in summary.superseded.first
        ],
    }


def _group(group: Group) -> dict[str, Any]:
    return {
        "vms": group.vms,
        "verdicts": dict(group.verdicts),
        "sent_packets": _sent(group.sent),
    }


def _sent(sent: tuple[int, int] | None) -> dict[str, int] | None:
    return None if sent is None else {"vf": sent[0], "synthetic": sent[1]}


def _finding(finding: Finding) -> dict[str, Any]:
    said = finding.said
    return {
        "check": finding.check,
        "status": finding.status,
        "level": said and said.level,
        "runbook": f"docs/runbooks/{finding.check}.md",
        "vms": list(finding.vms),
        "example": said
        and {
            "name": finding.example,
            "subject": said.subject,
            "summary": said.summary,
            "remedy": said.remedy,
        },
        "counts": {
            key: [{"name": name, "vms": vms} for name, vms in counts.items()]
            for key, counts in finding.counts.items()
        },
        "causes": [
            {"by": cause.key, "name": cause.name, "found": cause.found, "vms": cause.vms}
            for cause in finding.causes
        ],
    }


def _moments(pairs: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": name, "observed_at": at} for name, at in pairs]


def _listed(listed: Listed) -> list[dict[str, str]]:
    return [{"path": unicode(what), "why": why} for what, why in listed.first]


def _vm(name: str, vm: Vm) -> dict[str, Any]:
    host, state = vm.host, vm.state
    return {
        "name": name,
        "verdict": state.verdict,
        "observed_at": vm.observed_at,
        **{status: [check for check, found in state.loud if found == status] for status in LOUD},
        "size": host.size,
        "kernel": host.kernel,
        "driver": state.driver,
        "family": state.family,
        "distro": host.distro,
        "image": host.image,
        "datapath": state.datapath,
        "version": host.version,
        "sent_packets": _sent(vm.sent),
        "path": unicode(vm.place.path),
        "line": vm.place.line,
    }
