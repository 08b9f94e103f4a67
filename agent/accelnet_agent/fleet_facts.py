"""What a fleet's summary takes of a report about its VM.  Pure."""

from __future__ import annotations

import re

from accelnet_agent.fleet_fields import as_object, count_of, one_of, optional, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DATAPATHS: tuple[str, ...] = (
    *("vf", "direct", "switching", "synthetic", "orphan_vf", "no_vf", "unknown"),
)
NO_DRIVER, NO_VF, NO_NIC = "no driver", "no VF", "no NIC"
_MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", re.ASCII)


def datapaths(nics: list[dict[str, Any]]) -> tuple[tuple[str, int], ...]:
    """Each state of the data path with how many NICs have it."""
    states = [one_of(nic, "datapath", DATAPATHS) for nic in nics]
    return tuple([(state, states.count(state)) for state in DATAPATHS if state in states])


def drivers(vfs: list[dict[str, Any]], functions: list[dict[str, Any]]) -> str | None:
    """The drivers of its VFs; a VF that lacks its driver is told too."""
    found = {optional(vf, "driver") for vf in vfs}
    for one in functions:
        driver = optional(one, "driver")
        lacks = driver is None and one["driver_observed"] is True
        found.add(NO_DRIVER if lacks else driver)
    return _joined(found)


def families(vfs: list[dict[str, Any]], functions: list[dict[str, Any]]) -> str | None:
    """The hardware of its VFs."""
    return _joined({text_of(one, "family") for one in (*functions, *vfs)})


def _joined(names: set[str | None]) -> str | None:
    """NO_VF for none at all; None where there is some, and not known which."""
    known = sorted(name for name in names if name is not None)
    return " + ".join(known[:4]) if known else None if names else NO_VF


def distro(distro: dict[str, Any]) -> str | None:
    """ID and VERSION_ID."""
    name, version = optional(distro, "id"), optional(distro, "version_id")
    return f"{name} {version}" if name is not None and version is not None else name


def image(image: Any) -> str | None:
    """The gallery image as az names it, without its version, of which a fleet has many."""
    if image is None:
        return None
    parts = [optional(as_object(image, "image"), key) for key in ("publisher", "offer", "sku")]
    return ":".join(part or "" for part in parts)


def mac(document: dict[str, Any], nics: list[dict[str, Any]]) -> str | None:
    """The first NIC's, of a machine that ran: a recording's may be masked."""
    if one_of(document, "source", ("live", "root", "bundle")) != "live" or not nics:
        return None
    first = nics[0]["mac"]
    known = type(first) is str and _MAC.fullmatch(first) and first != "00:00:00:00:00:00"
    return first if known else None


def sent(nics: list[dict[str, Any]]) -> tuple[int, int] | None:
    """Packets that went by the VF in the windows of its NICs, and past it."""
    found: tuple[int, int] | None = None
    for nic in nics:
        if nic["window"] is not None:
            window = as_object(nic["window"], "window")
            by_vf = count_of(window, "vf_tx_packets")
            past = count_of(window, "synthetic_tx_packets")
            if by_vf is not None and past is not None:
                before = found or (0, 0)
                found = before[0] + by_vf, before[1] + past
    return found
