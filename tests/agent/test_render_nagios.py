"""The one line for Nagios: its text and its performance data."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from accelnet_agent.datapath import DIRECT, DataPath, Window
from accelnet_agent.machine import Machine, Nic
from accelnet_agent.render_nagios import MOST, MOST_TEXT, render
from accelnet_agent.report import Report
from building import a_finding, a_machine, a_netdev, a_nic

ANY_TEXT = st.text(st.characters(exclude_categories=()))
GROWTH = {"vf_tx_packets": 3, "synthetic_tx_packets": 1}
WINDOW = Window(seconds=1.001, growth=GROWTH)
PROVEN = DataPath(state="vf", why="it sent", proven=True)


def _line(machine: Machine, *findings: Any, verdict: Any = "fail") -> str:
    return render(Report(machine=machine, verdict=verdict, findings=findings))


def _named(name: str) -> Nic:
    return a_nic(netdev=a_netdev(name=name), window=WINDOW, datapath=PROVEN)


def test_a_healthy_vm_is_ok() -> None:
    """Counts of the findings, the window, and per NIC the share of the VF and what was sent."""
    machine = a_machine(nics=(_named("eth0"),), window_seconds=1.001)
    assert _line(machine, a_finding(), verdict="pass") == (
        "ACCELNET OK - accelerated networking works |"
        " 'pass'=1;;;0 'warn'=0;;;0 'fail'=0;;;0 'unknown'=0;;;0 'skip'=0;;;0"
        " 'window'=1.001s;;;0 'eth0_vf_share'=75.0%;;;0;100"
        " 'eth0_vf_tx_packets'=3;;;0 'eth0_synthetic_tx_packets'=1;;;0\n"
    )


def test_the_worst_finding_leads() -> None:
    """Its check and subject, so that the operator can ask --explain; how many more there are."""
    line = _line(
        a_machine(nics=()),
        a_finding(check="vf-mtu", status="fail", summary="1400 is not 1500"),
        a_finding(check="vf-up", status="fail", summary="it is down"),
    )
    assert line.startswith("ACCELNET CRITICAL - vf-mtu eth0: 1400 is not 1500 (and 1 more) | ")


def test_what_is_not_known_has_no_datum() -> None:
    """One sample, counters that restarted, a direct NIC: no number, not 0."""
    restarted = Window(seconds=1.0, growth={"vf_tx_packets": None, "synthetic_tx_packets": None})
    nics = (a_nic(window=restarted), a_nic(window=None), a_nic(direct=True, datapath=DIRECT))
    line = _line(a_machine(nics=nics), a_finding(status="fail"))
    assert line.endswith("'skip'=0;;;0\n")


def test_a_bar_in_the_text_is_none_of_ours() -> None:
    """What follows the first one is performance data to the monitor."""
    line = _line(a_machine(nics=()), a_finding(status="fail", summary="a | b\nc"))
    assert line.startswith("ACCELNET CRITICAL - vf-up eth0: a / b c | 'pass'=0")


def test_a_label_has_no_sign_that_ends_it() -> None:
    """Neither quote, equals sign nor bar."""
    machine = a_machine(nics=(_named("a'b=c|d"),))
    assert "'a_b_c_d_vf_tx_packets'=3;;;0" in _line(machine, a_finding(status="fail"))


def test_a_long_text_is_cut() -> None:
    """And says that it goes on."""
    line = _line(a_machine(nics=()), a_finding(status="fail", summary="x" * 2000))
    text = line.partition(" | ")[0]
    assert len(text) == MOST_TEXT
    assert text.endswith("xxx...")


def test_performance_data_are_left_out_whole() -> None:
    """Sixty NICs do not fit: what is there is complete."""
    machine = a_machine(nics=tuple(_named(f"eth{number}") for number in range(60)))
    line = _line(machine, a_finding(status="fail"))
    assert MOST - 60 < len(line) <= MOST + 1
    assert line.endswith((";;;0\n", ";;;0;100\n"))


@given(ANY_TEXT, ANY_TEXT)
def test_it_is_always_one_line_with_one_bar(name: str, summary: str) -> None:
    """Printable ASCII, whatever a machine calls its things."""
    finding = a_finding(subject=name, status="fail", summary=summary)
    line = _line(a_machine(nics=(_named(name),)), finding)
    assert line.endswith("\n")
    assert line[:-1].isprintable()
    assert line.isascii()
    assert line.count("|") == 1
    assert len(line) <= MOST + 1
