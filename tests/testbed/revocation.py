"""The VF is revoked and comes back: how soon, for how long, how often."""

from __future__ import annotations

import time

from testbed import guest
from testbed.guest import Proof

SOON = 1.0  # seconds from the kernel's event to what is served
ROUNDS = 10
GRACE = 20
MANY = 500
WARM = 100  # revocations after which memory is looked at for the first time
GROWTH = 1024  # KiB that count as none: an allocator's, not one object for each revocation


def moments(proof: Proof) -> None:
    """Each change is served within a second of the kernel's event."""
    guest.restart()
    guest.settled()
    served: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for word, event, path in (("remove", "removed", "no_vf"), ("restore", "added", "vf")):
            _one(served, word, event, path)
    for name, found in served.items():
        found.sort()
        proof.ok(
            f"{name} within {SOON:g} s",
            found[-1] <= SOON,
            f"median {found[len(found) // 2]:.3f} s, longest {found[-1]:.3f} s of {len(found)}",
        )


def _one(served: dict[str, list[float]], word: str, event: str, path: str) -> None:
    """One change, from before the kernel is told to what three pages say."""
    before = guest.events(guest.metrics(), event)
    begun = time.monotonic()
    guest.fakean("vf", word)
    if word == "restore":
        # The kernel switches the data path 300 ms after it has announced the VF (takeover_ms).
        guest.until(lambda: guest.events(guest.metrics(), event) > before)
        served.setdefault(f"{word}: vf_events_total", []).append(time.monotonic() - begun)
        guest.restored()
        begun = time.monotonic()
    else:
        guest.until(lambda: guest.events(guest.metrics(), event) > before)
        served.setdefault(f"{word}: vf_events_total", []).append(time.monotonic() - begun)
    guest.until(lambda: guest.datapath(guest.metrics()) == path)
    served.setdefault(f"{word}: nic_datapath", []).append(time.monotonic() - begun)
    expected = "warn" if word == "remove" else "pass"
    guest.until(lambda: guest.get("/healthz").json["verdict"] == expected)
    served.setdefault(f"{word}: /healthz", []).append(time.monotonic() - begun)
    time.sleep(0.5)


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
    """500 in a row: none is lost, and nothing grows."""
    guest.restart()
    guest.settled()
    first = guest.metrics()
    begun = time.monotonic()
    sizes: list[tuple[int, int, int]] = []
    for number in range(1, MANY + 1):
        guest.fakean("vf remove")
        guest.fakean("vf restore")
        guest.restored()
        if number in (WARM, MANY):
            guest.settled()
            sizes.append(_size())
    seconds = time.monotonic() - begun
    for event in ("removed", "added"):
        before = guest.events(first, event)
        _wait_for(event, before + MANY)
        grown = guest.events(guest.metrics(), event) - before
        proof.ok(f"{MANY} times {event}", grown == MANY, f"{grown:.0f} in {seconds:.0f} s")
    (rss, fds, count), (rss_after, fds_after, count_after) = sizes
    proof.ok("no growth of memory", rss_after - rss <= GROWTH, f"{rss} -> {rss_after} KiB")
    proof.ok("no growth of descriptors", fds_after <= fds, f"{fds} -> {fds_after}")
    proof.ok("no growth of processes", count_after <= count, f"{count} -> {count_after}")
    proof.ok("the unit's memory", True, f"peak {guest.memory('peak')} KiB")


def _wait_for(event: str, count: float) -> None:
    guest.until(lambda: guest.events(guest.metrics(), event) >= count)


def _size() -> tuple[int, int, int]:
    pid = guest.main_pid()
    processes = guest.processes()
    rss = sum(guest.resident(each) for each in processes)
    return rss, guest.descriptors(pid), len(processes)
