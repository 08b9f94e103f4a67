"""One report of accelnet-check, as a fleet's summary needs it.

A report comes from a VM that nobody vouches for.  What is read here is read by its
type (docs/report.schema.json), what is not needed is not looked at, and keys that a
later version adds are let through.
"""

from __future__ import annotations

import re
from datetime import datetime

from accelnet_agent.summary import WORST_FIRST
from accelnet_probes.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeGuard

    from accelnet_agent.findings import Level, Status
    from accelnet_agent.report import Verdict

SCHEMA = 1  # the newest that is understood
VERDICTS: tuple[Verdict, ...] = ("fail", "unknown", "warn", "pass")
DATAPATHS: tuple[str, ...] = (
    "vf",
    "direct",
    "switching",
    "synthetic",
    "orphan_vf",
    "no_vf",
    "unknown",
)
NOT_KNOWN = "not known"
MAX_TEXT, MAX_CHECKS, MAX_COUNT = 200, 200, 2**64 - 1
_RANK: dict[str, int] = {status: rank for rank, status in enumerate(WORST_FIRST)}
_CHECK = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z", re.ASCII)
_MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", re.ASCII)


class AlienError(ValueError):
    """It is no report that can be summarized; the message says why, in one line."""


class Profile(Record):
    """What many VMs have in common; one object for all of them."""

    verdict: Verdict
    version: str
    size: str
    kernel: str
    distro: str
    image: str
    driver: str
    family: str
    datapath: str  # of its NICs, each state once
    nics: tuple[tuple[str, int], ...]  # state of the data path, how many NICs
    checks: tuple[tuple[str, Status], ...]  # each check's worst status


class Said(Record):
    """What a check says where something is not well."""

    check: str
    status: Status
    level: Level
    subject: str
    summary: str
    remedy: str | None


class Seen(Record):
    """One report: the moment, what it has in common with others, and what it has not."""

    observed_at: str
    mac: str | None  # of the first NIC of a machine that was running; it stays with a VM
    profile: tuple[Any, ...]  # the fields of a Profile, in its order
    sent: tuple[int, int] | None  # packets of the windows: by the VF, past it
    said: tuple[Said, ...]


def read(document: Any) -> Seen:
    """Look at a report; AlienError where it is none."""
    try:
        _verify_kind(document)
        return _seen(document)
    except KeyError as error:
        raise AlienError(f"not a whole report: it has no {error.args[0]}") from error


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


def _seen(document: dict[str, Any]) -> Seen:
    host = _object(document, "host")
    nics = [_is_object(nic, "nics") for nic in _array(document, "nics")]
    functions = [_is_object(one, "pci_functions") for one in _array(document, "pci_functions")]
    checks, said = _findings(_array(document, "findings"))
    paths = _datapaths(nics)
    profile = (
        _one_of(document, "verdict", VERDICTS),
        _text(_object(document, "tool"), "version"),
        _optional(host, "vm_size"),
        _optional(_object(host, "kernel"), "release"),
        _distro(_object(host, "distro")),
        _image(host["image"]),
        _drivers(nics, functions),
        _families(nics, functions),
        " + ".join(state for state, _ in paths) or "no NIC",
        paths,
        checks,
    )
    return Seen(
        observed_at=_moment(document),
        mac=_mac(document, nics),
        profile=profile,
        sent=_sent(nics),
        said=said,
    )


def _findings(
    findings: list[Any],
) -> tuple[tuple[tuple[str, Status], ...], tuple[Said, ...]]:
    """Each check with the worst that it says, and that in words."""
    worst: dict[str, Status] = {}
    loud: dict[str, dict[str, Any]] = {}
    for finding in findings:
        if not is_object(finding):
            raise AlienError("findings: expected objects")
        check, status = finding["check"], finding["status"]
        try:
            rank, before = _RANK[status], worst.get(check)
        except (KeyError, TypeError):
            raise AlienError("findings: expected a check and a status of the contract") from None
        if before is None or rank < _RANK[before]:
            worst[check] = status
            if rank < _RANK["pass"]:
                loud[check] = finding
    if len(worst) > MAX_CHECKS:
        raise AlienError(f"findings: over {MAX_CHECKS} checks")
    for check in worst:
        if type(check) is not str or len(check) > 64 or not _CHECK.fullmatch(check):
            raise AlienError("findings: expected a check's id")
    said = tuple([_said(finding) for finding in loud.values()])
    return tuple(sorted(worst.items())), said


def _said(finding: dict[str, Any]) -> Said:
    remedy = finding["remedy"]
    return Said(
        check=finding["check"],
        status=finding["status"],
        level=_one_of(finding, "level", ("required", "recommended")),
        subject=_text(finding, "subject"),
        summary=_text(finding, "summary"),
        remedy=None if remedy is None else _text(finding, "remedy", 4096),
    )


def _datapaths(nics: list[dict[str, Any]]) -> tuple[tuple[str, int], ...]:
    states = [_one_of(nic, "datapath", DATAPATHS) for nic in nics]
    return tuple([(state, states.count(state)) for state in DATAPATHS if state in states])


def _drivers(nics: list[dict[str, Any]], functions: list[dict[str, Any]]) -> str:
    """The drivers of its VFs, one that lacks its driver included."""
    found = {
        _optional(one, "driver")
        if one["driver"] is not None or one["driver_observed"] is not True
        else "no driver"
        for one in functions
    }
    found |= {_optional(vf, "driver") for vf in _vfs(nics)}
    return _joined(found, "no VF")


def _families(nics: list[dict[str, Any]], functions: list[dict[str, Any]]) -> str:
    return _joined({_text(one, "family") for one in (*functions, *_vfs(nics))}, "no VF")


def _vfs(nics: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [_is_object(nic["vf"], "vf") for nic in nics if nic["vf"] is not None]


def _joined(names: set[str], none: str) -> str:
    if len(names) > 1:
        names.discard(NOT_KNOWN)
    return " + ".join(sorted(names)[:8]) or none


def _distro(distro: dict[str, Any]) -> str:
    name, version = _optional(distro, "id"), _optional(distro, "version_id")
    return name if NOT_KNOWN in (name, version) else f"{name} {version}"


def _image(image: Any) -> str:
    """The gallery image without its version, of which a fleet has too many."""
    if image is None:
        return NOT_KNOWN
    parts = [_optional(_is_object(image, "image"), key) for key in ("publisher", "offer", "sku")]
    return ":".join("" if part == NOT_KNOWN else part for part in parts)


def _mac(document: dict[str, Any], nics: list[dict[str, Any]]) -> str | None:
    """A recording's may be masked, and an image has none."""
    if _one_of(document, "source", ("live", "root", "bundle")) != "live" or not nics:
        return None
    mac = nics[0]["mac"]
    return mac if type(mac) is str and _MAC.fullmatch(mac) else None


def _sent(nics: list[dict[str, Any]]) -> tuple[int, int] | None:
    by_vf = past = 0
    seen = False
    for nic in nics:
        if nic["window"] is not None:
            window = _is_object(nic["window"], "window")
            some = _count(window, "vf_tx_packets"), _count(window, "synthetic_tx_packets")
            if some[0] is not None and some[1] is not None:
                by_vf, past, seen = by_vf + some[0], past + some[1], True
    return (by_vf, past) if seen else None


def _moment(document: dict[str, Any]) -> str:
    text = document["observed_at"]
    if type(text) is str and _MOMENT.fullmatch(text):
        try:
            datetime.fromisoformat(text[:19])
        except ValueError:
            pass
        else:
            return text
    raise AlienError("observed_at: expected a moment such as 2026-01-02T03:04:05Z")


def _object(parent: dict[str, Any], key: str) -> dict[str, Any]:
    return _is_object(parent[key], key)


def _is_object(value: Any, key: str) -> dict[str, Any]:
    if not is_object(value):
        raise AlienError(f"{key}: expected an object")
    return value


def is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether a value of JSON is an object."""
    return isinstance(value, dict)


def _is_array(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _array(parent: dict[str, Any], key: str) -> list[Any]:
    value = parent[key]
    if not _is_array(value):
        raise AlienError(f"{key}: expected an array")
    return value


def _text(parent: dict[str, Any], key: str, most: int = MAX_TEXT) -> str:
    value = parent[key]
    if type(value) is not str:
        raise AlienError(f"{key}: expected text")
    return value if len(value) <= most else f"{value[:most]}..."


def _optional(parent: dict[str, Any], key: str) -> str:
    return NOT_KNOWN if parent[key] is None else _text(parent, key)


def _one_of(parent: dict[str, Any], key: str, words: tuple[str, ...]) -> Any:
    value = parent[key]
    if type(value) is not str or value not in words:
        raise AlienError(f"{key}: expected one of {', '.join(words)}")
    return value


def _count(parent: dict[str, Any], key: str) -> int | None:
    value = parent[key]
    if value is not None and (type(value) is not int or not 0 <= value <= MAX_COUNT):
        raise AlienError(f"{key}: expected a count")
    return value
