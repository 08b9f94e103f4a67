"""`--known-issues FILE`: more entries for the catalogue, as JSON.

    {"format": "accelnet-known-issues", "version": 1, "issues": [
      {"id": "our-kernel", "families": ["rhel"], "since": "5.14.0-503.el9",
       "fixed": "5.14.0-570.el9", "symptom": "...", "source": "https://..."}]}

Required: id, families (or driver), symptom, source, and at least one of since,
fixed and contains.  Optional: flavour, hardware, more_cpus_than, unbound, fixed_in.
"""

from __future__ import annotations

import json

from accelnet_agent.data.known_issues import ISSUES, KnownIssue
from accelnet_agent.report import UsageError
from accelnet_agent.versions import parse_kernel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FORMAT, VERSION = "accelnet-known-issues", 1
MAX_BYTES = 1 << 20
FAMILIES = (*("ubuntu", "debian", "suse", "rhel", "uek", "azurelinux", "flatcar", "mainline"),)
_REQUIRED = ("id", "symptom", "source")
_TEXTS = (*_REQUIRED, "flavour", "since", "fixed", "contains", "driver", "fixed_in")
_LISTS = ("families", "hardware")
_KEYS = (*_TEXTS, *_LISTS, "more_cpus_than", "unbound")


def load(path: str) -> tuple[KnownIssue, ...]:
    """The file's entries; UsageError with one line that names the file and the place."""
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise UsageError(f"--known-issues {path}: {getattr(error, 'strerror', error)}") from error
    try:
        return parse(content)
    except UsageError as error:
        raise UsageError(f"--known-issues {path}: {error}") from error


def parse(content: bytes) -> tuple[KnownIssue, ...]:
    """The entries of the file's content; UsageError that says where it is wrong."""
    if len(content) > MAX_BYTES:
        raise UsageError(f"expected at most {MAX_BYTES} bytes")
    try:
        document = _object(json.loads(content))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"expected JSON: {error}") from error
    if document is None or document.get("format") != FORMAT:
        raise UsageError(f'expected an object with "format": "{FORMAT}"')
    if document.get("version") != VERSION:
        raise UsageError(f'"version": expected {VERSION}, found {document.get("version")!r:.40}')
    issues = _list(document.get("issues"))
    if issues is None:
        raise UsageError('"issues": expected a list')
    found = tuple(_issue(entry, f"issues[{at}]") for at, entry in enumerate(issues))
    seen = {issue.id for issue in ISSUES}
    for issue in found:
        if issue.id in seen:
            raise UsageError(f"{issue.id!r:.60}: another entry has this id")
        seen.add(issue.id)
    return found


def _object(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None  # pyright: ignore[reportUnknownVariableType]


def _list(value: Any) -> list[Any] | None:
    return value if isinstance(value, list) else None  # pyright: ignore[reportUnknownVariableType]


def _issue(value: Any, where: str) -> KnownIssue:
    entry = _object(value)
    if entry is None:
        raise UsageError(f"{where}: expected an object")
    for key in entry:
        if key not in _KEYS:
            raise UsageError(f"{where}: {key!r:.40} is none of {', '.join(_KEYS)}")
    for key in _TEXTS:
        if (key in entry or key in _REQUIRED) and not _is_text(entry.get(key)):
            raise UsageError(f"{where}.{key}: expected a text")
    for key in _LISTS:
        words = _list(entry.get(key, []))
        if words is None or not all(_is_text(word) for word in words):
            raise UsageError(f"{where}.{key}: expected a list of texts")
    cpus, unbound = entry.get("more_cpus_than"), entry.get("unbound", False)
    if cpus is not None and (not isinstance(cpus, int) or isinstance(cpus, bool)):
        raise UsageError(f"{where}.more_cpus_than: expected a number")
    if not isinstance(unbound, bool):
        raise UsageError(f"{where}.unbound: expected true or false")
    _verify_range(entry, where)
    return KnownIssue(
        id=entry["id"],
        families=tuple(entry.get("families", ())),
        symptom=entry["symptom"],
        fixed_in=entry.get("fixed_in") or entry.get("fixed") or "none is named",
        source=entry["source"],
        flavour=entry.get("flavour"),
        since=entry.get("since"),
        fixed=entry.get("fixed"),
        contains=entry.get("contains"),
        driver=entry.get("driver"),
        hardware=tuple(entry.get("hardware", ())),
        more_cpus_than=cpus,
        unbound=unbound,
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and value.isprintable()


def _verify_range(entry: dict[str, Any], where: str) -> None:
    families = entry.get("families", [])
    if bool(families) == ("driver" in entry):
        raise UsageError(f"{where}: expected families or driver, and not both")
    for family in families:
        if family not in FAMILIES:
            raise UsageError(f"{where}.families: {family!r:.40} is none of {', '.join(FAMILIES)}")
    if not any(key in entry for key in ("since", "fixed", "contains")):
        raise UsageError(f"{where}: expected at least one of since, fixed and contains")
    for key in ("since", "fixed"):
        if families and key in entry and parse_kernel(entry[key]) is None:
            raise UsageError(f"{where}.{key}: {entry[key]!r:.60} is no kernel release (uname -r)")
