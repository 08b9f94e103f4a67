"""A fleet as JSON (docs/fleet-report.schema.json)."""

from __future__ import annotations

import json

from accelnet_agent.version import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from accelnet_agent.findings import Status
    from accelnet_agent.fleet import Listed, Vm
    from accelnet_agent.fleet_summary import CheckCount, Group, Summary

SCHEMA = 1
LOUD: tuple[Status, ...] = ("fail", "unknown", "warn")


def render(summary: Summary, by: Sequence[str] = ()) -> str:
    """The document as text, ASCII, with a final newline."""
    return json.dumps(document(summary, by), indent=2) + "\n"


def document(summary: Summary, by: Sequence[str] = ()) -> dict[str, Any]:
    """The document as plain values."""
    return {
        "schema": SCHEMA,
        "tool": {"name": "accelnet", "version": VERSION},
        "verdict": summary.verdict,
        "observed": {"oldest": summary.oldest, "newest": summary.newest},
        "reports": {
            "read": summary.reports,
            "superseded": len(summary.superseded),
            "unreadable": summary.unreadable.count,
            "passed_over": summary.passed_over.count,
        },
        "whole": _group(summary.whole),
        "nics": dict(summary.nics),
        "checks": [_check(check) for check in summary.checks],
        "groups": {
            name: [{"name": group.name, **_group(group)} for group in groups]
            for name, groups in summary.groups.items()
            if not by or name in by
        },
        "stale_after_days": summary.stale_after,
        "stale": [{"name": name, "observed_at": at} for name, at in summary.stale],
        "ahead": [{"name": name, "observed_at": at} for name, at in summary.ahead],
        "unreadable": _listed(summary.unreadable),
        "passed_over": _listed(summary.passed_over),
        "superseded": [{"path": old, "by": new} for old, new in summary.superseded],
        "vms": [_vm(name, vm) for name, vm in summary.vms],
    }


def _group(group: Group) -> dict[str, Any]:
    by_vf, past = group.sent or (None, None)
    return {
        "vms": group.vms,
        "verdicts": dict(group.verdicts),
        "sent_packets": {"vf": by_vf, "synthetic": past},
    }


def _check(check: CheckCount) -> dict[str, Any]:
    return {
        "check": check.check,
        "statuses": dict(check.statuses),
        "vms": {status: list(check.vms.get(status, ())) for status in LOUD},
        "said": [
            {
                "status": status,
                "name": name,
                "subject": said.subject,
                "summary": said.summary,
                "remedy": said.remedy,
            }
            for status, (name, said) in check.said.items()
        ],
    }


def _listed(listed: Listed) -> list[dict[str, str]]:
    return [{"path": what, "why": why} for what, why in listed.first]


def _vm(name: str, vm: Vm) -> dict[str, Any]:
    profile = vm.profile
    by_vf, past = vm.sent or (None, None)
    return {
        "name": name,
        "path": vm.place.path,
        "line": vm.place.line,
        "verdict": profile.verdict,
        "observed_at": vm.observed_at,
        "size": profile.size,
        "kernel": profile.kernel,
        "distro": profile.distro,
        "image": profile.image,
        "driver": profile.driver,
        "family": profile.family,
        "datapath": profile.datapath,
        "version": profile.version,
        "sent_packets": {"vf": by_vf, "synthetic": past},
        "checks": {
            status: [check for check, found in profile.checks if found == status] for status in LOUD
        },
    }
