"""One report of accelnet-check, as a fleet's summary needs it.  Pure.

A report comes from a VM that nobody vouches for.  What is read here is read by its
type (docs/report.schema.json), what is not needed is not looked at, and keys that a
later version adds are let through.  Most VMs are like others, so what they have in
common is one object for all of them, and is looked at once.
"""

from __future__ import annotations

import re

from accelnet_agent import fleet_facts as facts
from accelnet_agent.fleet_fields import (
    MAX_NAME,
    AlienError,
    array_of,
    as_object,
    is_object,
    moment_of,
    object_of,
    one_of,
    optional,
    text_of,
)
from accelnet_agent.summary import WORST_FIRST
from accelnet_probes.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from accelnet_agent.findings import Level, Status
    from accelnet_agent.report import Verdict

    Checks: TypeAlias = tuple[tuple[str, Status], ...]

SCHEMA = 1  # the newest that is understood
VERDICTS: tuple[Verdict, ...] = ("fail", "unknown", "warn", "pass")
MAX_FINDINGS, MAX_CHECKS = 2000, 200
MAX_SUMMARY, MAX_REMEDY = 500, 4096  # characters
_RANK: dict[str, int] = {status: rank for rank, status in enumerate(WORST_FIRST)}
_QUIET = ("pass", "skip")
_CHECK = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)


class Host(Record):
    """What VMs are; None where it is not known."""

    size: str | None
    kernel: str | None
    distro: str | None
    image: str | None
    version: str | None  # of accelnet


class State(Record):
    """How VMs are."""

    verdict: Verdict
    driver: str | None  # of the VFs; several are joined by " + "
    family: str | None
    datapath: str  # of the NICs, each state once
    nics: tuple[tuple[str, int], ...]  # state of the data path, how many NICs
    checks: Checks  # each with the worst that it says
    loud: Checks  # those of them where something is not well


class Said(Record):
    """What a check says where something is not well."""

    check: str
    status: Status
    level: Level
    subject: str
    summary: str
    remedy: str | None


class Seen(Record):
    """One report."""

    observed_at: str
    mac: str | None  # of the first NIC of a machine that was running; it stays with a VM
    host: Host
    state: State
    sent: tuple[int, int] | None  # packets of the windows: by the VF, past it
    said: tuple[Said, ...]


class Reports:
    """Looks at reports one after the other."""

    def __init__(self) -> None:
        self._hosts: dict[tuple[str | None, ...], Host] = {}
        self._states: dict[tuple[object, ...], State] = {}
        # The checks and statuses of a report, in its order, with what follows from them:
        # each check's worst, and which findings are not well.
        self._findings: dict[tuple[tuple[Any, Any], ...], tuple[Checks, tuple[int, ...]]] = {}

    def read(self, document: Any) -> Seen:
        """Look at a report; AlienError where it is none."""
        try:
            _verify_kind(document)
            return self._seen(document)
        except KeyError as error:
            raise AlienError(f"not a whole report: it has no {error.args[0]}") from error

    def _seen(self, document: dict[str, Any]) -> Seen:
        nics = [as_object(nic, "nics") for nic in array_of(document, "nics")]
        functions = [as_object(one, "pci_functions") for one in array_of(document, "pci_functions")]
        findings = array_of(document, "findings")
        checks, loud = self._looked_up(findings)
        return Seen(
            observed_at=moment_of(document),
            mac=facts.mac(document, nics),
            host=self._host(document),
            state=self._state(document, nics, functions, checks),
            sent=facts.sent(nics),
            said=tuple([_said(findings[index]) for index in loud]),
        )

    def _host(self, document: dict[str, Any]) -> Host:
        host = object_of(document, "host")
        fields = (
            optional(host, "vm_size"),
            optional(object_of(host, "kernel"), "release"),
            facts.distro(object_of(host, "distro")),
            facts.image(host["image"]),
            text_of(object_of(document, "tool"), "version"),
        )
        found = self._hosts.get(fields)
        if found is None:
            size, kernel, distro, image, version = fields
            found = self._hosts[fields] = Host(
                size=size, kernel=kernel, distro=distro, image=image, version=version
            )
        return found

    def _state(
        self,
        document: dict[str, Any],
        nics: list[dict[str, Any]],
        functions: list[dict[str, Any]],
        checks: Checks,
    ) -> State:
        verdict: Verdict = one_of(document, "verdict", VERDICTS)
        vfs = [as_object(nic["vf"], "vf") for nic in nics if nic["vf"] is not None]
        paths = facts.datapaths(nics)
        driver, family = facts.drivers(vfs, functions), facts.families(vfs, functions)
        fields = (verdict, driver, family, paths, checks)
        found = self._states.get(fields)
        if found is None:
            found = self._states[fields] = State(
                verdict=verdict,
                driver=driver,
                family=family,
                datapath=" + ".join(state for state, _ in paths) or facts.NO_NIC,
                nics=paths,
                checks=checks,
                loud=tuple([pair for pair in checks if pair[1] not in _QUIET]),
            )
        return found

    def _looked_up(self, findings: list[Any]) -> tuple[Checks, tuple[int, ...]]:
        try:
            pairs = tuple([(finding["check"], finding["status"]) for finding in findings])
            found = self._findings.get(pairs)
        except TypeError:
            raise AlienError("findings: expected objects with a check and a status") from None
        if found is None:
            found = self._findings[pairs] = _worst(pairs)
        return found


def is_summary(document: Any) -> bool:
    """Whether it is what --summarize wrote, which may lie among the reports."""
    return is_object(document) and {"fleet", "vms"} <= {*document} and "host" not in document


def _verify_kind(document: Any) -> None:
    if isinstance(document, list):
        raise AlienError("an array, not a report: give one report a line (jq -c '.[]')")
    if not is_object(document) or "findings" not in document or "verdict" not in document:
        raise AlienError("not a report of accelnet-check --format json")
    schema = document["schema"]
    if type(schema) is not int or schema < 1:
        raise AlienError("schema: expected a version of the report's format")
    if schema > SCHEMA:
        raise AlienError(
            f"schema {min(schema, 10**9)}: made by a newer accelnet; this one knows {SCHEMA}"
        )


def _worst(pairs: tuple[tuple[Any, Any], ...]) -> tuple[Checks, tuple[int, ...]]:
    """Each check with the worst that it says, and where what is not well is said first."""
    worst: dict[str, Status] = {}
    where: dict[str, int] = {}
    for index, (check, status) in enumerate(pairs):
        if type(check) is not str or len(check) > MAX_NAME or not _CHECK.fullmatch(check):
            raise AlienError("findings: expected the id of a check")
        if type(status) is not str or status not in _RANK:
            raise AlienError(f"findings: expected a status: {', '.join(WORST_FIRST)}")
        if check not in worst or _RANK[status] < _RANK[worst[check]]:
            worst[check], where[check] = status, index  # type: ignore[assignment]
    if len(worst) > MAX_CHECKS or len(pairs) > MAX_FINDINGS:
        raise AlienError(f"findings: over {MAX_FINDINGS}, or of over {MAX_CHECKS} checks")
    loud = [index for check, index in where.items() if worst[check] not in _QUIET]
    return tuple(sorted(worst.items())), tuple(loud)


def _said(finding: dict[str, Any]) -> Said:
    remedy = finding["remedy"]
    return Said(
        check=finding["check"],
        status=finding["status"],
        level=one_of(finding, "level", ("required", "recommended")),
        subject=text_of(finding, "subject"),
        summary=text_of(finding, "summary", MAX_SUMMARY),
        remedy=None if remedy is None else text_of(finding, "remedy", MAX_REMEDY),
    )
