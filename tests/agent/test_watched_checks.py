"""What checks say over time, where an agent watches: messages in, statuses out."""

from __future__ import annotations

from typing import Any

import pytest

from accelnet_agent.checks import CHECKS
from accelnet_agent.engine import judge
from accelnet_agent.history import decode, encode, watch_of
from accelnet_agent.machine import build
from accelnet_agent.report import Report
from accelnet_agent.tracks import Moment
from accelnet_probes.rtnetlink import Link
from building import REFUSED, a_netdev, a_pci_function, a_snapshot, a_vf
from watching import DOWN, Watched, a_link, a_seen_vf

SET_DOWN = a_link(flags=DOWN)
GONE = a_link(flags=DOWN, master=None, gone=True)
NEW = a_link(ifindex=9)


def _report(nic: Watched, *, vf: bool, expect: Any = "auto", grace: float = 300.0) -> Report:
    """What is judged of a VM with or without eth0's VF, at the watch's time, without a log."""
    there: dict[str, Any] = {"netdevs": (a_netdev(), a_vf()), "pci": (a_pci_function(),)}
    away: dict[str, Any] = {"netdevs": (a_netdev(lower=()),), "pci": ()}
    snapshot = a_snapshot(
        **(there if vf else away),
        kernel_log=REFUSED,
        watch=watch_of(nic.tracker, nic.now),
        uptime=nic.now.boot,
    )
    return judge(build(snapshot, expect, grace=grace), CHECKS)


def _said(report: Report, *checks: str) -> list[str]:
    found = {finding.check: finding.status for finding in report.findings}
    return [found[check] for check in checks]


@pytest.mark.parametrize(
    ("expect", "within", "after"),
    [
        pytest.param("on", ("warn", "warn", "warn"), ("fail", "fail", "warn"), id="on"),
        pytest.param("auto", ("warn", "warn", "warn"), ("warn", "warn", "warn"), id="auto"),
        pytest.param("off", ("pass", "pass", "skip"), ("pass", "pass", "skip"), id="off"),
    ],
)
@pytest.mark.parametrize("grace", [300.0, 20.0])
def test_a_vf_that_is_away_is_in_servicing_for_a_while(
    expect: str, within: tuple[str, ...], after: tuple[str, ...], grace: float
) -> None:
    """Warn within the grace, then what is expected decides; back to pass by itself."""
    nic = Watched()
    for link in (SET_DOWN, GONE):
        nic.message(link)

    def said(*, vf: bool) -> tuple[str, ...]:
        report = _report(nic, vf=vf, expect=expect, grace=grace)
        return (report.verdict, *_said(report, "vf-expected", "vf-missing"))

    assert said(vf=False) == within
    nic.wait(grace - 0.1)
    assert said(vf=False) == within
    nic.wait(0.1)
    assert said(vf=False) == after
    nic.message(NEW)
    nic.wait(10)
    assert said(vf=True)[2] == "pass"
    assert said(vf=True)[0] == ("warn" if expect == "off" else "pass")


def test_the_agent_needs_no_kernel_log() -> None:
    """That was refused: it is no gap in what the agent knows."""
    report = _report(Watched(), vf=True)
    assert report.verdict == "pass"
    assert _said(report, "vf-missing", "vf-flapping", "hardware-moved") == ["pass"] * 3


def test_how_long_it_has_been_away_is_told() -> None:
    """With the line of the watch as evidence."""
    nic = Watched()
    nic.message(GONE)
    nic.wait(12)
    finding = next(f for f in _report(nic, vf=False).findings if f.check == "vf-missing")
    assert finding.summary == "the VF of eth0 left 12 s ago: the host may be in servicing"
    assert finding.evidence["line"] == (
        "eth0: Data path switched from VF: enP53091s1 (seen by accelnet-agent)"
    )


def test_after_a_restart_it_is_still_known_when_the_vf_left() -> None:
    """The state has it, in this boot and in the next."""
    nic = Watched()
    nic.message(GONE)
    nic.wait(60)
    for boot_id in ("the same", "another"):
        nic.tracker = decode(encode(nic.tracker, "the same"), boot_id, nic.now)
        nic.observe(None)
        assert _said(_report(nic, vf=False, expect="on"), "vf-expected") == ["warn"]
        nic.wait(300)
        assert _said(_report(nic, vf=False, expect="on"), "vf-expected") == ["fail"]
        nic.now = Moment(wall=nic.now.wall - 300, boot=nic.now.boot - 300)


def test_a_switch_before_this_boot_is_no_word_about_the_vf_of_now() -> None:
    """It was away when the VM was moved to another host; idle, it is as good as any."""
    nic = Watched()
    nic.message(GONE)
    before = encode(nic.tracker, "before")
    nic.now = Moment(wall=nic.now.wall + 60, boot=40.0)
    nic.tracker = decode(before, "now", nic.now)
    nic.observe(a_seen_vf(ifindex=2))
    report = _report(nic, vf=True)
    assert "last_switch" not in report.machine.nics[0].datapath.witnesses
    assert _said(report, "vf-datapath") == ["pass"]


def _flap(nic: Watched, times: int, seconds: float) -> None:
    for _ in range(times):
        nic.wait(seconds)
        nic.message(SET_DOWN)
        nic.message(a_link())


@pytest.mark.parametrize(
    ("times", "seconds", "status"),
    [
        pytest.param(4, 60, "pass", id="four-times-an-hour"),
        pytest.param(5, 60, "warn", id="five-times-an-hour"),
        pytest.param(9, 5000, "pass", id="nine-times-a-day"),
        pytest.param(10, 5000, "warn", id="ten-times-a-day"),
    ],
)
def test_a_vf_that_flaps_is_seen(times: int, seconds: float, status: str) -> None:
    """As the kernel log would show it."""
    nic = Watched()
    _flap(nic, times, seconds)
    nic.wait(60)
    assert _said(_report(nic, vf=True), "vf-flapping") == [status]


def test_flapping_clears_by_itself_and_stays_in_the_totals() -> None:
    """After a day; what happened is counted for ever."""
    nic = Watched()
    _flap(nic, 6, 60)
    nic.wait(86_400 - 300)
    assert _said(_report(nic, vf=True), "vf-flapping") == ["warn"]
    nic.wait(600)
    report = _report(nic, vf=True)
    assert (report.verdict, *_said(report, "vf-flapping")) == ("pass", "pass")
    assert nic.counts == (0, 0, 6, 6)


def test_flapping_that_no_message_told_is_seen() -> None:
    """They were lost, and the kernel's own count says how many."""
    nic = Watched()
    nic.wait(1000)
    nic.tracker.overflow()
    nic.message(a_link(carrier_down=9, carrier_up=9))
    nic.wait(60)
    assert _said(_report(nic, vf=True), "vf-flapping") == ["warn"]


def test_switches_at_boot_are_no_flapping() -> None:
    """Nor where an agent remembers what was before that boot."""
    nic = Watched()
    _flap(nic, 3, 3600 / 4)
    before = encode(nic.tracker, "before")
    nic.now = Moment(wall=nic.now.wall + 60, boot=30.0)
    nic.tracker = decode(before, "now", nic.now)
    nic.observe(a_seen_vf())
    _flap(nic, 3, 10)
    nic.wait(60)
    assert nic.counts == (0, 0, 6, 6)
    assert _said(_report(nic, vf=True), "vf-flapping") == ["pass"]


@pytest.mark.parametrize(
    ("links", "seconds", "status"),
    [
        pytest.param([], 0, "fail", id="nothing-was-seen"),
        pytest.param([NEW], 3, "warn", id="just-came"),
        pytest.param([NEW], 11, "fail", id="came-a-while-ago"),
    ],
)
def test_what_is_half_done_is_not_wrong_yet(links: list[Link], seconds: float, status: str) -> None:
    """A VF whose driver has not made a netdev yet."""
    nic = Watched()
    nic.observe(None)
    nic.wait(60)
    for link in links:
        nic.message(link)
    nic.wait(seconds)
    snapshot = a_snapshot(
        netdevs=(a_netdev(lower=()),),
        pci=(a_pci_function(driver=None, netdevs=()),),
        kernel_log=REFUSED,
        watch=watch_of(nic.tracker, nic.now),
    )
    report = judge(build(snapshot), CHECKS)
    assert _said(report, "vf-driver") == [status]
