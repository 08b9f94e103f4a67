"""What each NIC is paired with, as the report tells it: the boxes and ways of a drawing."""

from __future__ import annotations

from accelnet_agent.page_drawing import Box, Way
from accelnet_agent.page_markup import lasting
from accelnet_probes.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from accelnet_agent.page import PageFacts

    Value = Mapping[str, Any]

NOT_UP = ("down", "lowerlayerdown", "notpresent", "dormant", "testing")  # RFC 2863


class Orphan(Record):
    """A VF that is there for a NIC and not joined to it."""

    name: str  # of the interface, or of the PCI function where it has none
    function: Value | None


def _used(document: Value) -> set[str]:
    """The addresses of the functions that a NIC stands on."""
    names = {nic["name"] for nic in document["nics"]}
    names |= {nic["vf"]["name"] for nic in document["nics"] if nic["vf"]}
    addresses = {nic["vf"]["pci_address"] for nic in document["nics"] if nic["vf"]}
    return addresses | {
        function["address"]
        for function in document["pci_functions"]
        if names & {*function["netdevs"]}
    }


def unused(document: Value) -> list[Value]:
    """The functions that no NIC stands on."""
    used = _used(document)
    return [f for f in document["pci_functions"] if f["address"] not in used]


def orphan_of(nic: Value, document: Value) -> Orphan | None:
    """By what vf-paired says of the NIC; else what has no interface can only be its."""
    for finding in document["findings"]:
        vf = finding["evidence"].get("vf")
        if (finding["check"], finding["subject"]) == ("vf-paired", nic["name"]) and vf:
            # One function of MANA can carry several netdevs, others of them joined.
            above = (f for f in document["pci_functions"] if vf in f["netdevs"])
            return Orphan(name=str(vf), function=next(above, None))
    for function in sorted(unused(document), key=lambda function: bool(function["netdevs"])):
        return Orphan(name=function["address"], function=function)
    return None


def is_up(vf: Value) -> bool:
    """As far as its operational state tells."""
    return vf["operstate"] not in NOT_UP


def nic_box(nic: Value) -> Box:
    """The NIC itself."""
    kind = "direct NIC" if nic["datapath"] == "direct" else "synthetic NIC"
    return Box(
        title=nic["name"],
        lines=(f"{kind} · {nic['driver'] or 'driver not known'}",),
        state=nic["operstate"] or "state not known",
        trouble=nic["operstate"] in NOT_UP,
    )


def vf_box(nic: Value, orphan: Orphan | None, gone: float | None) -> Box | None:
    """Its VF, joined or not, or that there is none, and for how many seconds."""
    vf = nic["vf"]
    if nic["datapath"] == "direct":
        return None
    if vf is not None:
        return Box(
            title=vf["name"],
            lines=(
                f"VF · {vf['driver'] or 'driver not known'}",
                vf["family"] if vf["family"] != "unknown" else "family not known",
                vf["pci_address"] or "address not known",
            ),
            state=vf["operstate"] or "not known",
            trouble=not is_up(vf),
        )
    if orphan is not None:
        return _orphan_box(orphan)
    if nic["datapath"] == "unknown":
        return Box(title="VF: could not be seen", lines=(), shape="absent")
    lines = () if gone is None else (f"left {lasting(gone)} ago",)
    return Box(title="no VF", lines=lines, shape="absent")


def _orphan_box(orphan: Orphan) -> Box:
    function = orphan.function
    if function is None:
        return Box(title=orphan.name, lines=("VF",), shape="dashed")
    driver = function["driver"] or (
        "no driver" if function["driver_observed"] else "driver not seen"
    )
    family = () if function["family"] == "unknown" else (function["family"],)
    address = () if function["address"] == orphan.name else (function["address"],)
    return Box(title=orphan.name, lines=(f"VF · {driver}", *family, *address), shape="dashed")


def left(nic: Value, facts: PageFacts) -> float | None:
    """How long its VF has been gone, if it went in the last hour."""
    for event in reversed(facts.events):
        if event.device == nic["name"] and event.event in ("added", "removed"):
            return facts.now - event.at if event.event == "removed" else None
    return None


def vf_way(nic: Value) -> Way:
    """From the NIC over the VF to the network."""
    state, vf = nic["datapath"], nic["vf"]
    if state in ("vf", "direct"):
        return Way(use="now", label="data path")
    if state == "orphan_vf":
        return Way(use="none", broken="above", label="not joined")
    if vf is None:
        return Way(use="none")
    if state in ("switching", "unknown"):
        return Way(use="maybe", label="switching" if state == "switching" else "in use?")
    if not is_up(vf):
        return Way(use="idle", broken="below", label=str(vf["operstate"]))
    return Way(use="idle", label="not used")


def vmbus_way(nic: Value) -> Way | None:
    """From the NIC over VMBus to the network; a direct NIC has no such way."""
    state = nic["datapath"]
    if state == "direct":
        return None
    if state in ("synthetic", "no_vf", "orphan_vf"):
        return Way(use="now", label="data path")
    if state in ("switching", "unknown"):
        return Way(use="maybe", label="switching" if state == "switching" else "in use?")
    return Way(use="idle")
