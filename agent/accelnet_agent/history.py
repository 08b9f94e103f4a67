"""The tracker's memory as facts for the checks, and as the text of the state file.

The file is JSON, written whole.  What belongs to one boot (VFs by their ifindex,
seconds since boot) is used again only within that boot; totals and happenings stay.
"""

from __future__ import annotations

import json

from accelnet_agent.tracker import DAY, MAX_HAPPENINGS, Tracker
from accelnet_agent.tracks import KINDS, PATHS, Happening, Moved, Totals, Track, Vf
from accelnet_probes.record import Record, replace
from accelnet_probes.snapshot import LogEvent, Move, Watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    from accelnet_agent.tracks import Moment

    R = TypeVar("R", bound=Record)

FORMAT, VERSION = "accelnet-state", 1
# What happened, as the kernel log has it: kind of LogEvent, and words.
_EVENTS = {
    "added": ("registering", "{nic}: VF registering: {vf}"),
    "removed": ("unregistering", "{nic}: VF unregistering: {vf}"),
    "to-vf": ("switched-to", "{nic}: Data path switched to VF: {vf}"),
    "to-synthetic": ("switched-from", "{nic}: Data path switched from VF: {vf}"),
}
MOST_ALIKE = 20  # of one happening that was many: enough for any check to see it


class StateError(ValueError):
    """A state file that is not of this version's making; the message says what is wrong."""


def watch_of(tracker: Tracker, now: Moment) -> Watch:
    """What the checks are told."""
    return Watch(
        events=tuple(
            event
            for happening in tracker.happenings
            if happening.kind in _EVENTS and happening.age(now) <= DAY
            for event in [_event(happening, now)] * min(happening.times, MOST_ALIKE)
        ),
        seconds=max(0.0, now.boot - tracker.began),
        moves={
            track.name: Move(
                before=track.moved.before,
                after=track.moved.after,
                age=max(0.0, now.wall - track.moved.at),
            )
            for track in tracker.tracks.values()
            if track.moved is not None
        },
    )


def _event(happening: Happening, now: Moment) -> LogEvent:
    kind, words = _EVENTS[happening.kind]
    note = f", {happening.note}" if happening.note else ""
    line = words.format(nic=happening.nic, vf=happening.vf or "?")
    return LogEvent(
        kind=kind,
        line=f"{line} (seen by accelnet-agent{note})",
        nic=happening.nic,
        vf=happening.vf,
        pci_address=happening.pci_address,
        uptime=happening.boot,
        age=happening.age(now),
    )


def encode(tracker: Tracker, boot_id: str) -> str:
    """The state file's text."""
    return json.dumps(
        {
            "format": FORMAT,
            "version": VERSION,
            "boot_id": boot_id,
            "began": tracker.began,
            "nics": {track.name: _track(track) for track in tracker.tracks.values()},
            "happenings": [_values(happening) for happening in tracker.happenings],
        },
        separators=(",", ":"),
    )


def _track(track: Track) -> dict[str, Any]:
    return {
        "totals": _values(track.totals),
        "vf": _values(track.vf) if track.vf is not None else None,
        "path": track.path,
        "hardware": track.hardware,
        "moved": _values(track.moved) if track.moved is not None else None,
    }


def _values(record: Record) -> dict[str, Any]:
    return {field: getattr(record, field) for field in type(record)._fields}


def decode(text: str, boot_id: str, now: Moment) -> Tracker:
    """The tracker as it was; StateError."""
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise StateError(f"it is no JSON: {error}") from error
    state: dict[str, Any] = found if isinstance(found, dict) else {}  # pyright: ignore[reportUnknownVariableType]
    if state.get("format") != FORMAT:
        raise StateError("it is no state of accelnet-agent")
    version = state.get("version")
    if version != VERSION:
        raise StateError(f"its version is {version!a:.40}, and this is version {VERSION}")
    try:
        same_boot = bool(boot_id) and state["boot_id"] == boot_id
        return _tracker(state, same_boot=same_boot, now=now)
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise StateError(f"it is damaged: {type(error).__name__}: {error}") from error


def _tracker(state: dict[str, Any], *, same_boot: bool, now: Moment) -> Tracker:
    began = min(_record(_Began, {"boot": state["began"]}).boot, now.boot)
    tracker = Tracker(began if same_boot else now.boot)
    for name, values in state["nics"].items():
        tracker.tracks[name] = _restored(name, values, same_boot=same_boot)
    told = [_record(Happening, values) for values in state["happenings"]]
    happenings = [happening if same_boot else replace(happening, boot=None) for happening in told]
    tracker.happenings = [
        happening for happening in happenings[-MAX_HAPPENINGS:] if _is_recent(happening, now)
    ]
    return tracker


def _is_recent(happening: Happening, now: Moment) -> bool:
    """Of the last day; of another boot also of the next one: somebody has set the clock."""
    if happening.boot is not None:
        return 0 <= now.boot - happening.boot <= DAY
    return -DAY <= now.wall - happening.at <= DAY


def _restored(name: str, values: dict[str, Any], *, same_boot: bool) -> Track:
    track = Track(name)
    track.totals = _record(Totals, values["totals"])
    track.hardware = _record(_Hardware, {"ids": values["hardware"]}).ids
    track.moved = _optional(Moved, values["moved"])
    vf, path = _optional(Vf, values["vf"]), values["path"]
    if path not in (None, *PATHS):
        raise ValueError(f"path is {path!a:.40}")
    if same_boot:
        track.restored = True
        track.vf, track.path = vf, path
        track.past_vf = path == "synthetic" and vf is not None and vf.running is True
        track.lossy = True  # no message was heard since
    return track


class _Began(Record):
    boot: float


class _Hardware(Record):
    ids: str | None


# What the annotations of the records above may be, and what JSON has for it.
_TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "int | None": (int, type(None)),
    "float": (int, float),
    "float | None": (int, float, type(None)),
    "str": (str,),
    "str | None": (str, type(None)),
    "bool | None": (bool, type(None)),
    "Kind": (str,),
}
_MOST = 1e15  # no count, index or time is negative, or as large


def _optional(cls: type[R], values: Any) -> R | None:
    return None if values is None else _record(cls, values)


def _record(cls: type[R], values: dict[str, Any]) -> R:
    """A record of these values, each of the type that its field has."""
    for field, annotation in cls.__annotations__.items():
        value = values.get(field, cls._defaults.get(field))
        is_bool = isinstance(value, bool)
        if not isinstance(value, _TYPES[annotation]) or (is_bool and "bool" not in annotation):
            raise TypeError(f"{field} is {value!a:.40}, expected {annotation}")
        if isinstance(value, (int, float)) and not 0 <= value < _MOST:  # NaN fails both
            raise ValueError(f"{field} is {value!a:.40}")
        if annotation == "Kind" and value not in KINDS:
            raise ValueError(f"{field} is {value!a:.40}")
    return cls(**{field: values[field] for field in cls._fields if field in values})
