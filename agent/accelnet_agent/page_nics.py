"""Each NIC of the report as a card: the drawing, in a sentence where its packets go, its facts."""

from __future__ import annotations

from accelnet_agent import page_drawing
from accelnet_agent.page_drawing import Drawing
from accelnet_agent.page_markup import clip, count, icon, joined, name, text, worst
from accelnet_agent.page_pairs import (
    is_up,
    left,
    nic_box,
    orphan_of,
    unused,
    vf_box,
    vf_way,
    vmbus_way,
)
from accelnet_agent.summary import percent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from accelnet_agent.page import PageFacts
    from accelnet_agent.page_pairs import Orphan

    Value = Mapping[str, Any]

# What these say of a NIC is the colour of its data path.
ON_THE_PATH = ("vf-expected", "vf-paired", "vf-up", "vf-datapath", "vf-driver")
CHIPS = {
    "vf": "VF",
    "synthetic": "synthetic path",
    "switching": "being switched",
    "no_vf": "synthetic path, no VF",
    "orphan_vf": "synthetic path, VF not joined",
    "direct": "the VF itself",
    "unknown": "could not be seen",
}
USUALLY = {"vf": "pass", "direct": "pass", "unknown": "unknown"}  # where they say nothing


def cards(document: Value, facts: PageFacts) -> Iterator[str]:
    """A card a NIC, and the VF functions that no NIC stands on."""
    nics: Sequence[Value] = document["nics"]
    yield '<section aria-labelledby="nics"><h2 id="nics">Network interfaces</h2>'
    if not nics:
        yield '<p class="quiet">No synthetic NIC and no direct NIC is to be seen.</p>'
    for number, nic in enumerate(nics):
        yield from _card(f"nic-{number}", nic, document, facts)
    free = unused(document)
    if free:
        yield from _functions(free)
    yield "</section>"


def _card(key: str, nic: Value, document: Value, facts: PageFacts) -> Iterator[str]:
    orphan = orphan_of(nic, document) if nic["datapath"] == "orphan_vf" else None
    status = _status(nic, orphan, document["findings"])
    sentence = _sentence(nic, orphan)
    yield (
        f'<article class="card nic" id="{key}" aria-labelledby="{key}-name"><header>'
        f'<h3 id="{key}-name"><span class="quiet">NIC</span> <bdi>{name(nic["name"])}</bdi></h3>'
        f'<p class="chip {status}">{icon(status)}<span><span class="quiet">Data path: </span>'
        f"{CHIPS[nic['datapath']]}</span></p></header>"
    )
    drawing = page_drawing.svg(
        Drawing(
            key=key,
            status=status,
            title=f"{clip(nic['name'])} and its VF",
            description=sentence,
            nic=nic_box(nic),
            vf=vf_box(nic, orphan, left(nic, facts)),
            vf_way=vf_way(nic),
            vmbus_way=vmbus_way(nic),
            network="network" if document["host"]["azure"] is False else "Azure network",
        )
    )
    yield f'<div class="columns"><div>{drawing}</div>'
    yield f'<div><p class="lead">{text(sentence)}</p>'
    yield f"<dl>{''.join(_facts(nic))}</dl></div></div></article>"


def _status(nic: Value, orphan: Orphan | None, findings: Sequence[Value]) -> str:
    subjects = {nic["name"]}
    if orphan is not None and orphan.function is not None:
        subjects.add(orphan.function["address"])
    found = worst(
        finding["status"]
        for finding in findings
        if finding["check"] in ON_THE_PATH
        and finding["subject"] in subjects
        and finding["status"] not in ("pass", "skip")
    )
    return found or USUALLY.get(nic["datapath"], "skip")


def _sentence(nic: Value, orphan: Orphan | None) -> str:
    """Where its packets go, and how that is known."""
    own, vf, state = clip(nic["name"]), nic["vf"], nic["datapath"]
    if state == "direct":
        return f"{own} is a VF without a synthetic partner: it carries everything itself."
    if state == "orphan_vf":
        there = (
            f"{clip(orphan.name)} is there, but not joined to it"
            if orphan
            else "a VF is not joined"
        )
        return f"{own} sends by the synthetic path: {there}."
    if state == "no_vf":
        return f"{own} sends by the synthetic path: no VF is paired with it."
    if vf is None:
        return f"Which VF {own} has, and where it sends, could not be seen."
    its = clip(vf["name"])
    if state == "switching":
        return f"{own} is being switched between {its} and the synthetic path."
    if state == "unknown":
        return f"{own} is paired with {its}; where it sends could not be seen."
    if not is_up(vf):
        return f"{own} sends by the synthetic path: {its} is {clip(vf['operstate'])}."
    sent, past = _sent(nic)
    if state == "synthetic":
        much = f"{count(past, 'packet')} went past {its}" if past else "so the kernel says"
        return f"{own} sends by the synthetic path: {much}."
    if not sent:
        return f"{own} is paired with {its}, which is up; no traffic has proven it just now."
    return f"{own} sends by its VF {its}: {percent(sent, past)} of {_in_window(nic)}."


def _sent(nic: Value) -> tuple[int, int]:
    window: Value = nic["window"] or {}
    return window.get("vf_tx_packets") or 0, window.get("synthetic_tx_packets") or 0


def _in_window(nic: Value) -> str:
    sent, past = _sent(nic)
    return f"{count(sent + past, 'packet')} in {nic['window']['seconds']:.3g} s"


def _facts(nic: Value) -> Iterator[str]:
    yield _fact("MAC address", nic["mac"] or "not known")
    vf = nic["vf"]
    mtu = "not known" if nic["mtu"] is None else str(nic["mtu"])
    if vf is not None and vf["mtu"] is not None and vf["mtu"] != nic["mtu"]:
        mtu += f", of {vf['name']} {vf['mtu']}"
    yield _fact("MTU", mtu)
    yield _fact("Addresses", *(nic["addresses"] or ("none seen",)))
    if vf is not None and vf["addresses"]:
        yield _fact("Addresses of the VF", *vf["addresses"])
    window = nic["window"]
    if window is not None and window["vf_tx_packets"] is not None and nic["datapath"] != "direct":
        sent, past = _sent(nic)
        yield _fact(
            f"Sent in {window['seconds']:.3g} s",
            f"{sent:,} by the VF",
            f"{past:,} by the synthetic path",
        )
    counters = nic["counters"]
    if "vf_tx_packets" in counters:
        since = [count(counters["vf_tx_packets"], "packet") + " sent"]
        if counters.get("vf_tx_dropped"):
            since.append(f"{counters['vf_tx_dropped']:,} dropped")
        yield _fact("By the VF so far", joined(since))


def _fact(what: str, *values: str) -> str:
    shown = "".join(f"<dd>{text(value, 100)}</dd>" for value in values[:8])
    more = f"<dd>and {len(values) - 8} more</dd>" if len(values) > 8 else ""
    return f"<div><dt>{what}</dt>{shown}{more}</div>"


def _functions(functions: Sequence[Value]) -> Iterator[str]:
    yield (
        '<div class="card"><h3 id="unused">VF functions used by no NIC</h3>'
        '<div class="scroll" tabindex="0" role="region" aria-labelledby="unused"><table>'
        '<thead><tr><th scope="col">PCI address</th><th scope="col">Device</th>'
        '<th scope="col">Driver</th><th scope="col">Interface</th></tr></thead><tbody>'
    )
    for function in functions:
        driver = function["driver"] or ("none" if function["driver_observed"] else "not seen")
        yield (
            f'<tr><th scope="row"><code>{name(function["address"])}</code></th>'
            f"<td>{text(function['name'], 100)}</td><td>{name(driver)}</td>"
            f"<td>{text(', '.join(function['netdevs']) or 'none', 100)}</td></tr>"
        )
    yield "</tbody></table></div></div>"
