"""The fleet for people: exact text, within the terminal's width, safe on it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelnet_agent.arguments import GROUPS
from accelnet_agent.fleet_summary import summarize
from accelnet_agent.fleet_text import ENTRIES, ROWS, Screen, render
from fleets import NOW, a_finding, a_fleet, a_report, a_summary, failing, on

CHECKOUT = Path(__file__).parents[2]


def _three() -> dict[str, Any]:
    """Two VMs that fail, and one that does not."""
    reports = {f"web{n}.json": failing(n) for n in (1, 2)}
    reports["web3.json"] = a_report(3, findings=[a_finding("vf-mtu", "pass")])
    for number, (path, report) in enumerate(reports.items()):
        report["nics"][0]["window"] = {"vf_tx_packets": 90 * number, "synthetic_tx_packets": 10}
        reports[path] = on(report, vm_size="Standard_D4s_v5", kernel=f"6.8.0-{1020 + number}-azure")
    return reports


def test_the_whole_text() -> None:
    """Verdicts, tables, and what is to be done."""
    assert render(a_summary(_three())) == (
        """\
FAIL: 2 of 3 VMs fail
  3 reports, observed 2026-11-26T06:00:00Z

  fail            2   66.7 %
  unknown         0      0 %
  warn            0      0 %
  pass            1   33.3 %
  data path of the NICs: 3 vf
  90.0 % of 300 packets sent in the windows went by the VF

check                            fail  unknown     warn     pass     skip
vf-mtu                              2        0        0        1        0

VM size                           VMs    fail  unknown    warn     pass    by VF
Standard_D4s_v5                     3       2        0       0        1   90.0 %

kernel                            VMs    fail  unknown    warn     pass    by VF
6.8.0-1020-azure                    1       1        0       0        0      0 %
6.8.0-1021-azure                    1       1        0       0        0   90.0 %
6.8.0-1022-azure                    1       0        0       0        1   94.7 %

driver of the VF                  VMs    fail  unknown    warn     pass    by VF
mlx5_core                           3       2        0       0        1   90.0 %

FAIL    vf-mtu 2 VMs (66.7 %): web1, web2
        web1, eth0: vf-mtu has found something
        Repair it:
          sudo repair eth0
        more: accelnet-check --explain vf-mtu
"""
    )


def test_a_healthy_fleet_is_told_in_few_lines() -> None:
    """There is nothing to do."""
    reports = {f"web{n}.json": a_report(n, findings=[]) for n in range(3)}
    text = render(a_summary(reports))
    assert text.startswith(
        "PASS: all of 3 VMs pass\n  3 reports, observed 2026-11-26T06:00:00Z\n\n"
    )
    assert "--explain" not in text


def test_what_the_numbers_leave_out_is_told() -> None:
    """In the headline how much, at the end what."""
    fleet = a_fleet(
        {
            "a.json": a_report(1, findings=[]),
            "b.json": a_report(2, findings=[], observed_at="2026-11-01T00:00:00Z"),
            "c.json": a_report(3, findings=[], observed_at="2027-01-01T00:00:00Z"),
            "old/a.json": a_report(1, observed_at="2026-11-20T00:00:00Z"),
        }
    )
    for number in range(ENTRIES + 1):
        fleet.unreadable.add(f"d{number}.json", "it is empty")
    fleet.passed_over.add("README.md", "its name is not that of a report")
    text = render(summarize(fleet, stale_after=7, now=NOW))
    assert text.startswith(
        """\
UNKNOWN: 6 reports could not be read
  4 reports, observed 2026-11-01T00:00:00Z to 2027-01-01T00:00:00Z; 6 could not
  be read; 1 old; 1 of the future; 1 left out for newer ones
"""
    )
    assert text.endswith(
        """
6 reports could not be read:
  d0.json: it is empty
  d1.json: it is empty
  d2.json: it is empty
  d3.json: it is empty
  d4.json: it is empty
  and 1 more: --format json names them

1 VM observed over 7 days before the newest:
  b: 2026-11-01T00:00:00Z

1 VM observed later than now, so a clock is wrong:
  c: 2027-01-01T00:00:00Z

1 report left out for a newer one of the same VM:
  old/a.json, for a.json

1 other file passed over:
  README.md: its name is not that of a report
"""
    )


def test_a_fleet_that_is_only_old_says_so() -> None:
    """No VM has a warning of its own."""
    old = a_report(2, findings=[], observed_at="2026-11-01T00:00:00Z")
    text = render(a_summary({"a.json": a_report(1, findings=[]), "b.json": old}))
    assert text.startswith("WARN: 1 report is too old, or of the future\n")


def test_what_they_have_in_common_is_told() -> None:
    """Beside the finding, as docs/fleet-report.md shows it."""
    reports = {
        f"web{n:02}.json": on(failing(n), kernel="5.15.0-1023-azure")
        if n < 3
        else on(a_report(n), kernel="6.8.0-1020-azure")
        for n in range(20)
    }
    told = (
        "FAIL    vf-mtu 3 VMs (15.0 %): web00, web01, web02\n"
        "        all of them have kernel 5.15.0-1023-azure, which 3 VMs have\n"
    )
    assert told in render(a_summary(reports))
    assert told in (CHECKOUT / "docs/fleet-report.md").read_text()


def test_what_could_not_be_seen_and_decides_nothing_has_a_line() -> None:
    """No remedy."""
    unseen = [a_finding("imds-nics", "unknown", level="recommended")]
    reports = {f"web{n}.json": a_report(n, findings=unseen) for n in range(5)}
    text = render(a_summary(reports))
    assert text.endswith(
        "\n\nunknown imds-nics could not be seen on 5 VMs: web0, web1, web2 and 2 more\n"
    )
    assert "Repair it" not in text


def test_a_long_table_is_cut_unless_it_was_asked_for() -> None:
    """And says how much is missing."""
    reports = {f"{n}.json": on(a_report(n), kernel=f"6.8.{n}") for n in range(ROWS + 2)}
    summary = a_summary(reports)
    assert "\nand 2 more: --by kernel shows all\n" in render(summary)
    asked = render(summary, ("kernel",))
    assert all(f"6.8.{n} " in asked for n in range(ROWS + 2))
    assert "VM size" not in asked


def test_by_vm_lists_who_does_not_pass() -> None:
    """Worst first, with what is to be looked at."""
    reports = _three()
    warned = a_report(4, verdict="warn", findings=[a_finding("vf-name", "warn")])
    reports["web0.json"] = on(warned, vm_size=None, kernel="6.1")
    unsaid = a_report(5, verdict="unknown", findings=[])
    reports["web4.json"] = on(unsaid, vm_size=None, kernel="6.1")
    lines = render(a_summary(reports), ("vm",)).split("\n\n")[-1].splitlines()
    assert lines == [
        "fail    web1 (Standard_D4s_v5, 6.8.0-1020-azure): vf-mtu",
        "fail    web2 (Standard_D4s_v5, 6.8.0-1021-azure): vf-mtu",
        "unknown web4 (not known, 6.1): no check says why",
        "warn    web0 (not known, 6.1): vf-name",
    ]


def test_by_check_lists_every_check() -> None:
    """Those that pass everywhere too."""
    text = render(a_summary({"web1.json": a_report()}), ("check",))
    assert "\nvf-datapath " in text


def test_colour_is_where_it_was_asked_for() -> None:
    """And takes no room."""
    summary = a_summary(_three())
    plain, coloured = render(summary), render(summary, (), Screen(colour=True))
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain
    assert coloured.startswith("\x1b[1;31mFAIL:\x1b[0m ")


def _wide(text: str, columns: int) -> list[str]:
    """Lines that are too long; a command is broken at its spaces alone."""
    return [
        line
        for line in text.splitlines()
        if len(line) > columns and not re.match(r" {10,}\S+( \\)?$", line)
    ]


HOSTILE = [
    "\x1b[2J\x1b]0;owned\x07",
    "a\nPASS: all of 9 VMs\n",
    "\u202egnp.exe",
    "\x9b31m",
    "w" * 300,
    "\ud800",
    "",
    " ",
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("columns", [60, 80, 120])
def test_a_hostile_report_does_nothing_to_a_terminal(text: str, columns: int) -> None:
    """No control character, no line of its own, nothing beyond the width."""
    finding = a_finding("vf-mtu", "fail", subject=text, summary=text, remedy=f"{text}\n  {text}")
    reports = {
        f"{text}/{n}{text}.json": on(
            failing(n, findings=[finding]), vm_size=text, kernel=text, image=None
        )
        for n in range(3)
    }
    fleet = a_fleet(reports)
    fleet.unreadable.add(text, "it is empty")
    summary = summarize(fleet, stale_after=7, now=NOW)
    for by in ((), GROUPS):
        shown = render(summary, by, Screen(columns=columns))
        assert shown.isascii()
        assert shown.replace("\n", "").isprintable()
        assert "\nPASS" not in shown
        assert _wide(shown, columns) == []


_NAME = st.text(max_size=100)


@given(_NAME, _NAME, st.integers(60, 120), st.integers(0, 10**9))
def test_nothing_is_wider_than_the_terminal(
    name: str, size: str, columns: int, packets: int
) -> None:
    """Whatever VMs and sizes are called."""
    report = on(failing(1), vm_size=size)
    report["nics"][0]["window"] = {"vf_tx_packets": packets, "synthetic_tx_packets": 1}
    summary = a_summary({f"{name}.json": report})
    for by in ((), GROUPS):
        assert _wide(render(summary, by, Screen(columns=columns)), columns) == []
