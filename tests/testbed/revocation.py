"""The VF is revoked and comes back: how soon, for how long, how often."""

from __future__ import annotations

import time
from typing import NamedTuple

from testbed import guest
from testbed.guest import NIC, Proof
from testbed.kernel_log import KernelLog

SOON = 1.0  # seconds from the kernel's event to what is served
ROUNDS = 10


class Change(NamedTuple):
    """What is done to the VF, and how the kernel and the agent speak of it."""

    word: str  # fakean's
    event: str  # of vf_events_total
    path: str  # where packets go then
    told: str  # the kernel's words for the event
    switched: str  # and for the switch of the data path


CHANGES = (
    Change("remove", "removed", "no_vf", "VF unregistering: ", "VF unregistering: "),
    Change("restore", "added", "vf", ": joined to ", "Data path switched to VF: "),
)
GRACE = 20
FILL = 900  # after which the history that is kept is full: 2,000 happenings at most
MANY = 500
GROWTH = 2048  # KiB that count as none: of a full history a part is dropped at once


def moments(proof: Proof) -> None:
    """Each change is served within a second of the kernel's event.

    The kernel stamps its own message, the agent its log line; what is served is asked for once,
    a second after the former, so that no scrape makes it look earlier than it would by itself.
    """
    guest.restart()
    guest.settled()
    took = guest.listening()
    proof.ok("it listens to the kernel", took is not None, f"{took} s after READY=1")
    log = KernelLog()
    taken: dict[str, list[float]] = {}
    wrong: list[str] = []
    for change in CHANGES * ROUNDS:
        wrong.extend(_one(change, log, taken))
    proof.ok("a second after each event all pages show it", not wrong, wrong[:3])
    for name, found in taken.items():
        found.sort()
        seen = f"median {found[len(found) // 2]:.3f} s, longest {found[-1]:.3f} s of {len(found)}"
        proof.ok(f"{name} within {SOON:g} s of the kernel", found[-1] <= SOON, seen)
    proof.ok("how often CPUQuota= held it back", True, guest.throttled())


def _one(change: Change, log: KernelLog, taken: dict[str, list[float]]) -> list[str]:
    """Time one change; what of it is not served a second later."""
    before = guest.events(guest.metrics(), change.event)
    since = guest.written()
    log.skip()
    guest.fakean("vf", change.word)
    told = log.moment(change.told)
    switched = told if change.told == change.switched else log.moment(change.switched)
    time.sleep(max(0.0, switched + SOON - time.monotonic()))
    page, health = guest.metrics(), guest.get("/healthz").json
    for name, text, moment in (
        ("counted", f"event=vf.{change.event} ", told),
        ("judged", f" now={change.path} why=", switched),
    ):
        stamp = guest.stamp(since, text) - log.wall(moment)
        taken.setdefault(f"{change.word}: {name}", []).append(stamp)
    time.sleep(0.5)
    count, path = guest.events(page, change.event) - before, guest.datapath(page)
    shown = health["datapaths"][NIC]
    if count == 1 and path == shown == change.path:
        return []
    return [f"{change.word}: {count:.0f} times, {path}, {shown}"]


def grace(proof: Proof) -> None:
    """It may be serviced: a warning; after --vf-grace it counts, with --expect on as a failure."""
    guest.restart("ACCELNET_EXPECT=on", f"ACCELNET_VF_GRACE={GRACE}")
    guest.settled()
    begun = time.monotonic()
    guest.fakean("vf remove")
    took = guest.settled("warn")
    answer = guest.get("/healthz")
    proof.ok("while it may be serviced the verdict is warn, 200", answer.status == 200, took)
    guest.settled("fail")
    after = time.monotonic() - begun
    answer = guest.get("/healthz")
    held = answer.status == 503 and GRACE - 1 <= after <= GRACE + 15
    proof.ok(f"after {GRACE} s of grace the verdict is fail, 503", held, f"{after:.1f} s")
    health = guest.get("/application-health")
    state = health.json.get("ApplicationHealthState")
    held = (health.status, state) == (200, "Unhealthy")
    proof.ok("/application-health says Unhealthy", held, state)
    guest.fakean("vf restore")
    guest.restored()
    took = guest.settled()
    proof.ok("restored, it is pass again by itself", took is not None, took)


def many(proof: Proof) -> None:
    """500 in a row: none is lost, nothing grows, and nobody is told that the VM is unhealthy."""
    guest.restart()
    guest.settled()
    guest.listening()
    since = guest.written()
    _revoke(FILL)
    before, first = _size(), guest.metrics()
    begun = time.monotonic()
    _revoke(MANY)
    seconds = time.monotonic() - begun
    for event in ("removed", "added"):
        expected = guest.events(first, event) + MANY
        _wait_for(event, expected)
        grown = guest.events(guest.metrics(), event) - expected + MANY
        proof.ok(f"{MANY} times {event}", grown == MANY, f"{grown:.0f} in {seconds:.0f} s")
    after = _size()
    held = after.resident - before.resident <= GROWTH
    proof.ok("no growth of memory", held, f"{before.resident} -> {after.resident} KiB")
    for name in ("descriptors", "processes"):
        was, now = getattr(before, name), getattr(after, name)
        proof.ok(f"no growth of {name}", now <= was, f"{was} -> {now}")
    proof.ok("the unit's memory", True, f"peak {guest.memory('peak')} KiB")
    lines = [line for line in guest.journal()[since:].splitlines() if "verdict.changed" in line]
    bad = [line for line in lines if "now=pass" not in line and "now=warn" not in line]
    proof.ok("all the while the verdict is pass or warn", not bad, f"{len(bad)} of {len(lines)}")


def _revoke(times: int) -> None:
    for _ in range(times):
        guest.fakean("vf remove")
        guest.fakean("vf restore")
        guest.restored()
    guest.until(lambda: guest.datapath(guest.metrics()) == "vf")


def _wait_for(event: str, count: float) -> None:
    guest.until(lambda: guest.events(guest.metrics(), event) >= count)


class Size(NamedTuple):
    """What the agent takes."""

    resident: int  # KiB, of both processes
    descriptors: int
    processes: int


def _size() -> Size:
    processes = guest.processes()
    return Size(
        resident=sum(guest.resident(pid) for pid in processes),
        descriptors=sum(guest.descriptors(pid) for pid in processes),
        processes=len(processes),
    )
