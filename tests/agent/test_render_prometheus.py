"""The text format for node_exporter's textfile collector, held to prometheus_client's parser."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from accelnet_agent.metrics import families
from accelnet_agent.render_prometheus import render
from accelnet_agent.report import Report
from accelnet_probes.snapshot import OsRelease
from building import a_machine, a_netdev, a_nic, an_ethtool_sample

A_REPORT = Report(machine=a_machine(), verdict="warn", findings=())


def test_a_family_has_help_type_and_samples() -> None:
    """In that order; a counter is a total; a family without labels has no braces."""
    lines = render(A_REPORT).splitlines()
    name = "accelnet_vf_transmit_packets_total"
    first = lines.index(f"# TYPE {name} counter")
    assert lines[first - 1].startswith(f"# HELP {name} Packets by way of the VF: vf_tx_packets")
    assert lines[first + 1] == f'{name}{{device="eth0"}} 2656684'
    assert "accelnet_verdict 1" in lines


def test_it_ends_with_a_line_end() -> None:
    """The collector refuses a file without."""
    assert render(A_REPORT).endswith("\n")


def test_what_ends_a_label_is_escaped() -> None:
    """Backslash, quote and line end, as the text format asks."""
    nic = a_nic(netdev=a_netdev(name='a\\b"c\nd'))
    text = render(Report(machine=a_machine(nics=(nic,)), verdict="pass", findings=()))
    assert '{device="a\\\\b\\"c\\nd",state="vf"} 1\n' in text


@given(st.text(st.characters(exclude_categories=())), st.integers(0, 2**64 - 1))
def test_a_parser_reads_back_what_was_said(text: str, count: int) -> None:
    """Names, labels and numbers, whatever a machine calls its things."""
    sample = an_ethtool_sample(statistics={"vf_tx_bytes": count})
    netdev = a_netdev(name=text, samples=(sample,))
    machine = a_machine(nics=(a_nic(netdev=netdev),), os_release=OsRelease(id=text))
    report = Report(machine=machine, verdict="pass", findings=())
    read = {
        (sample.name, tuple(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(render(report))
        for sample in family.samples
    }
    said = {
        (
            f"{family.name}_total" if family.type == "counter" else family.name,
            tuple(zip(family.labels, values, strict=True)),
        ): value
        for family in families(report)
        for values, value in family.samples
    }
    assert read == said
    assert render(report).encode()  # UTF-8
