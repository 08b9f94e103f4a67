"""vf-flapping: the VF does not come and go."""

from __future__ import annotations

from typing import Any

import pytest

from accelnet_agent.checks.vf_flapping import CHECK, judge, most_within
from accelnet_probes.record import replace
from accelnet_probes.snapshot import MissingFactsError
from building import NEVER_ASKED, REFUSED, a_machine, a_nic, an_event


def _left(*uptimes: float) -> Any:
    """A NIC whose VF left at these seconds since boot, seen a day after boot."""
    return a_nic(
        events=tuple(
            an_event("switched-from", uptime=uptime, age=86400.0 - uptime) for uptime in uptimes
        )
    )


def _each(seconds: float, times: int) -> tuple[float, ...]:
    return tuple(20000.0 + seconds * at for at in range(times))


@pytest.mark.parametrize(
    ("uptimes", "status"),
    [
        pytest.param((), "pass", id="never"),
        pytest.param((5.0, 9.0, 20.0), "pass", id="boot"),
        pytest.param((40000.0,), "pass", id="servicing"),
        pytest.param(_each(60.0, 4), "pass", id="four-times-an-hour"),
        pytest.param(_each(900.0, 5), "warn", id="five-times-an-hour"),
        pytest.param(_each(900.1, 5), "pass", id="five-times-in-more-than-an-hour"),
        pytest.param(_each(5000.0, 9), "pass", id="nine-times-a-day"),
        pytest.param(_each(5000.0, 10), "warn", id="ten-times-a-day"),
        pytest.param((5.0, 9.0, 20.0, *_each(60.0, 4)), "pass", id="boot-does-not-count"),
    ],
)
def test_departures_are_counted_by_the_hour_and_the_day(
    uptimes: tuple[float, ...], status: str
) -> None:
    """At boot two or three are normal, and host servicing takes a VF now and then."""
    assert judge(a_machine(), _left(*uptimes)).status == status


def test_what_it_counted_is_evidence() -> None:
    """How often, and within how long."""
    judgement = judge(a_machine(), _left(*_each(60.0, 7)))
    assert judgement.evidence == {"departures": 7, "within_seconds": 3600.0}


def test_more_than_three_at_boot_do_not_hide() -> None:
    """A VF that flaps from boot on flaps."""
    assert judge(a_machine(), _left(*range(10, 500, 10))).status == "warn"


def test_old_news_is_none() -> None:
    """What happened more than a day ago is over."""
    events = tuple(an_event("switched-from", uptime=9000.0 + i, age=200000.0) for i in range(9))
    assert judge(a_machine(), a_nic(events=events)).status == "pass"


def test_a_log_of_the_wall_clock_counts_as_well() -> None:
    """journalctl -o short-iso has no seconds since boot."""
    events = tuple(an_event("switched-from", age=9000.0 - 60 * i) for i in range(6))
    assert judge(a_machine(), a_nic(events=events)).status == "warn"


def test_boot_is_told_by_the_wall_clock_as_well() -> None:
    """Up for twenty minutes; three of seven switches were boot's."""
    boot = tuple(an_event("switched-from", age=1190.0 - i) for i in range(3))
    later = tuple(an_event("switched-from", age=300.0 - i) for i in range(4))
    events = boot + later
    assert judge(a_machine(uptime=1200.0), a_nic(events=events)).status == "pass"


def test_a_log_without_a_clock_says_nothing() -> None:
    """How often within an hour can not be told."""
    events = (an_event("switched-from"),) * 9
    assert judge(a_machine(), a_nic(events=events)).status == "pass"


@pytest.mark.parametrize("kind", ["switched-to", "joined", "slot-added", "mtu-refused"])
def test_arrivals_are_no_departures(kind: str) -> None:
    """Each departure counts once."""
    events = tuple(an_event(kind, uptime=40000.0 + i, age=9000.0) for i in range(9))
    assert judge(a_machine(), a_nic(events=events)).status == "pass"


def test_a_log_of_slots_alone_counts() -> None:
    """A kernel that does not log the switch logs the slot."""
    events = tuple(an_event("slot-removed", uptime=40000.0 + i, age=9000.0) for i in range(6))
    assert judge(a_machine(), a_nic(events=events)).status == "warn"


@pytest.mark.parametrize("gap", [REFUSED, NEVER_ASKED])
def test_a_log_that_was_not_read_is_no_evidence(gap: Any) -> None:
    """The engine makes it unknown, or skips it."""
    with pytest.raises(MissingFactsError):
        judge(a_machine(kernel_log=gap), _left())


def test_a_direct_nic_has_no_data_path_to_switch() -> None:
    """It leaves as a whole."""
    assert judge(a_machine(), a_nic(vf=None, direct=True)).status == "skip"


@pytest.mark.parametrize(
    ("times", "most"),
    [
        pytest.param((), 0, id="none"),
        pytest.param((1.0,), 1, id="one"),
        pytest.param((30.0, 1.0, 2.0), 2, id="unordered"),
        pytest.param((0.0, 10.0, 20.0), 2, id="sliding"),
        pytest.param((0.0, 10.0), 2, id="the-ends-count"),
        pytest.param((-10.0, 0.0), 2, id="negative"),
    ],
)
def test_the_fullest_span(times: tuple[float, ...], most: int) -> None:
    """Both ends of the span count."""
    assert most_within(times, 10.0) == most


def test_it_is_advice() -> None:
    """The check never fails a machine."""
    assert CHECK.level == "recommended"


def test_the_vf_of_other_hardware_before_it_does_not_count() -> None:
    """The VM was moved: what the ConnectX-3 of before did says nothing of the VF that is here."""
    before = tuple(an_event("switched-from", uptime=20000.0 + at, age=60000.0) for at in range(20))
    joined = an_event("joined", uptime=30000.0, age=50000.0, pci_address="0001:00:02.0")
    nic = a_nic(events=(*before, joined))
    assert judge(a_machine(), nic).status == "pass"
    assert judge(a_machine(), replace(nic, vf=None)).status == "warn"


def test_the_vf_that_came_back_as_it_was_still_counts() -> None:
    """Its PCI address is that of the VF that is here, whatever its name was then."""
    before = tuple(
        an_event("switched-from", uptime=20000.0 + at, age=60000.0, vf="eth1") for at in range(20)
    )
    joined = an_event("joined", uptime=30000.0, age=50000.0, pci_address="cf63:00:02.0")
    assert judge(a_machine(), a_nic(events=(*before, joined))).status == "warn"
