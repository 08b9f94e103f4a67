"""The tracker's memory as facts for the checks, and as the text of the state file.

The file is JSON, written whole.  What belongs to one boot (VFs by their ifindex,
seconds since boot) is used again only within that boot; totals and happenings stay.
"""

from __future__ import annotations

import json

from accelnet_agent.tracker import DAY, Happening, Moved, Totals, Track, Tracker, Vf
from accelnet_probes.record import Record, replace
from accelnet_probes.snapshot import LogEvent, Move, Watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    from accelnet_agent.tracker import Moment

    R = TypeVar("R", bound=Record)

FORMAT, VERSION = "accelnet-state", 1
# What happened, as the kernel log has it: kind of LogEvent, and words.
_EVENTS = {
    "added": ("registering", "{nic}: VF registering: {vf}"),
    "removed": ("unregistering", "{nic}: VF unregistering: {vf}"),
    "to-vf": ("switched-to", "{nic}: Data path switched to VF: {vf}"),
    "to-synthetic": ("switched-from", "{nic}: Data path switched from VF: {vf}"),
}


class StateError(ValueError):
    """A state file that is not of this version's making; the message says what is wrong."""


def watch_of(tracker: Tracker, now: Moment) -> Watch:
    """What the checks are told."""
    events = [_event(happening, now) for happening in tracker.happenings]
    return Watch(
        events=tuple(event for event in events if event is not None),
        seconds=max(0.0, now.wall - tracker.began),
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


def age_of(happening: Happening, now: Moment) -> float:
    """Seconds since; by the clock that no one sets, where it is of this boot."""
    since = now.wall - happening.at if happening.boot is None else now.boot - happening.boot
    return max(0.0, since)


def _event(happening: Happening, now: Moment) -> LogEvent | None:
    kind, words = _EVENTS.get(happening.kind, (None, ""))
    age = age_of(happening, now)
    if kind is None or age > DAY:
        return None
    note = f", {happening.note}" if happening.note else ""
    line = words.format(nic=happening.nic, vf=happening.vf or "?")
    return LogEvent(
        kind=kind,
        line=f"{line} (seen by accelnet-agent{note})",
        nic=happening.nic,
        vf=happening.vf,
        pci_address=happening.pci_address,
        uptime=happening.boot,
        age=age,
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
    try:
        form, version = found["format"], found["version"]
    except (KeyError, TypeError, IndexError) as error:
        raise StateError("it is no state of accelnet-agent") from error
    if form != FORMAT:
        raise StateError("it is no state of accelnet-agent")
    if version != VERSION:
        raise StateError(f"its version is {version!r}, and this is version {VERSION}")
    try:
        return _tracker(found, same_boot=found["boot_id"] == boot_id, now=now)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise StateError(f"it is damaged: {type(error).__name__}: {error}") from error


def _tracker(found: dict[str, Any], *, same_boot: bool, now: Moment) -> Tracker:
    began = min(_record(_Began, {"at": found["began"]}).at, now.wall)
    tracker = Tracker(
        began if same_boot else now.wall
    )  # of this boot the log tells what was before
    for name, values in found["nics"].items():
        track = tracker.tracks[name] = Track(name)
        track.totals = _record(Totals, values["totals"])
        track.hardware = _text(values["hardware"])
        track.moved = _record(Moved, values["moved"]) if values["moved"] is not None else None
        if same_boot:
            track.restored = True
            track.vf = _record(Vf, values["vf"]) if values["vf"] is not None else None
            track.path = values["path"] if values["path"] in ("vf", "synthetic") else None
    happenings = [_record(Happening, values) for values in found["happenings"]]
    tracker.happenings = [
        happening if same_boot else replace(happening, boot=None)
        for happening in happenings
        if now.wall - DAY <= happening.at <= now.wall + DAY
    ]
    return tracker


class _Began(Record):
    at: float


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


def _record(cls: type[R], values: Any) -> R:
    """A record of these values, each of the type that its field has."""
    for field, annotation in cls.__annotations__.items():
        value = values.get(field, cls._defaults.get(field))
        if not isinstance(value, _TYPES[annotation]) or (
            isinstance(value, bool) and "bool" not in annotation
        ):
            raise TypeError(f"{field} is {value!r:.40}, expected {annotation}")
        if isinstance(value, float) and not -1e15 < value < 1e15:  # NaN fails both
            raise ValueError(f"{field} is {value!r}")
    return cls(**{field: values[field] for field in cls._fields if field in values})


def _text(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"hardware is {value!r:.40}, expected a text")
    return value
