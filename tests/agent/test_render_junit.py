"""The JUnit document: which element each finding becomes, and XML whatever a machine says."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest
import xmlschema
from hypothesis import given
from hypothesis import strategies as st

from accelnet_agent import render_text
from accelnet_agent.render_junit import render
from accelnet_agent.report import Report
from accelnet_agent.version import VERSION
from building import REFUSED, a_finding, a_machine, a_netdev, a_nic

ANY_TEXT = st.text(st.characters(exclude_categories=()))
SCHEMA = xmlschema.XMLSchema(Path(__file__).parent / "junit.xsd")


def _document(*findings: Any, verdict: Any = "fail", machine: Any = None) -> Element:
    report = Report(machine=machine or a_machine(), verdict=verdict, findings=findings)
    text = render(report)
    SCHEMA.validate(text)
    return fromstring(text)  # noqa: S314  our own


def _case(finding: Any) -> Element:
    case = _document(finding).find("testcase")
    assert case is not None
    return case


def _properties(document: Element) -> dict[str | None, str | None]:
    return {found.get("name"): found.get("value") for found in document.iter("property")}


def test_the_suite_counts_its_cases() -> None:
    """As many failures, errors and skipped ones as there are."""
    statuses = ("pass", "warn", "fail", "fail", "unknown", "skip")
    suite = _document(*(a_finding(status=status) for status in statuses))
    names = ("name", "tests", "failures", "errors", "skipped")
    assert [suite.get(name) for name in names] == ["accelnet-check", "6", "2", "1", "1"]


def test_the_suite_says_when_and_not_where() -> None:
    """The moment of the observation, in UTC; the report knows no host name."""
    suite = _document()
    assert suite.get("timestamp") == "2026-01-02T03:04:05"
    assert suite.get("hostname") == "localhost"


def test_the_properties_say_what_was_judged() -> None:
    """The verdict among them."""
    assert _properties(_document(verdict="warn")) == {
        "verdict": "warn",
        "version": VERSION,
        "observed_at": "2026-01-02T03:04:05Z",
        "source": "live",
        "distro": "Ubuntu 24.04.1 LTS",
        "kernel": "6.8.0-1029-azure",
        "azure": "true",
        "vm_size": "Standard_D4s_v5",
    }


def test_what_is_not_known_is_no_property() -> None:
    """None is no word."""
    machine = a_machine(azure=None, os_release=None, kernel_release=REFUSED, instance=None)
    found = _properties(_document(machine=machine))
    assert set(found) == {"verdict", "version", "observed_at", "source"}


@pytest.mark.parametrize(
    ("status", "level", "elements"),
    [
        pytest.param("pass", "required", [], id="pass"),
        pytest.param("warn", "recommended", [], id="warn"),
        pytest.param("fail", "required", ["failure"], id="fail"),
        pytest.param("unknown", "required", ["error"], id="unknown"),
        pytest.param("unknown", "recommended", ["skipped"], id="unknown-and-only-recommended"),
        pytest.param("skip", "required", ["skipped"], id="skip"),
    ],
)
def test_each_status_has_its_element(status: str, level: str, elements: list[str]) -> None:
    """Red for what decides that a pipeline must stop, and for nothing else."""
    case = _case(a_finding(check="vf-mtu", status=status, level=level))
    assert (case.get("classname"), case.get("name")) == ("vf-mtu", "eth0")
    assert [element.tag for element in case] == elements


def test_a_failure_says_why_and_what_to_do() -> None:
    """Summary, evidence and remedy, for CI systems show nothing else."""
    failure = _case(
        a_finding(
            status="fail",
            summary="it is <down>",
            evidence={"flags": 4098, "witnesses": ["a", "b"]},
            remedy="Set it up:\n  sudo ip link set eth0 up",
        )
    ).find("failure")
    assert failure is not None
    assert (failure.get("message"), failure.get("type")) == ("it is <down>", "fail")
    assert failure.text == (
        'it is <down>\n\nflags: 4098\nwitnesses: ["a", "b"]\n\n'
        "Set it up:\n  sudo ip link set eth0 up\n\nmore: accelnet-check --explain vf-up"
    )


def test_without_a_remedy_there_is_no_gap() -> None:
    """What could not be seen may have none."""
    error = _case(a_finding(status="unknown", summary="unseen")).find("error")
    assert error is not None
    assert error.text == "unseen\n\n\nmore: accelnet-check --explain vf-up"


@pytest.mark.parametrize(
    ("status", "message"),
    [
        pytest.param("skip", "no VF", id="skip"),
        pytest.param("unknown", "could not be seen: no VF", id="unknown"),
    ],
)
def test_a_skipped_case_says_why(status: str, message: str) -> None:
    """The question did not arise, or could not be answered."""
    skipped = _case(a_finding(status=status, level="recommended", summary="no VF")).find("skipped")
    assert skipped is not None
    assert skipped.get("message") == message


def test_an_unknown_verdict_that_no_finding_tells_is_an_error() -> None:
    """The operator skipped the check that would have said it."""
    suite = _document(a_finding(status="skip"), verdict="unknown")
    assert (suite.get("tests"), suite.get("errors")) == ("2", "1")
    [case] = [case for case in suite.iter("testcase") if case.find("error") is not None]
    assert (case.get("classname"), case.get("name")) == ("verdict", "host")


def test_the_output_of_the_suite_is_the_report_for_people() -> None:
    """So a warning, for which JUnit has no word, can be read."""
    report = Report(
        machine=a_machine(),
        verdict="warn",
        findings=(a_finding(status="warn", summary="it flaps", remedy="Wait."),),
    )
    suite = fromstring(render(report))  # noqa: S314  our own
    assert suite.findtext("system-out") == render_text.render(report)


def test_what_is_no_xml_is_told_by_escapes() -> None:
    """Nothing vanishes, and no parser stumbles."""
    failure = _case(a_finding(status="fail", summary="\x1b[1m\0\x85\ufffe\udcff é")).find("failure")
    assert failure is not None
    assert failure.get("message") == "\\x1b[1m\\x00\\x85\\ufffe\\udcff é"


@given(ANY_TEXT, ANY_TEXT, ANY_TEXT)
def test_it_is_always_a_document_by_the_schema(name: str, summary: str, evidence: str) -> None:
    """Whatever a machine calls its things."""
    machine = a_machine(nics=(a_nic(netdev=a_netdev(name=name)),), kernel_release=name)
    finding = a_finding(
        subject=name, status="fail", summary=summary, evidence={"a": evidence}, remedy=evidence
    )
    case = _document(finding, machine=machine).find("testcase/failure")
    assert case is not None
    if summary.isprintable():
        assert case.get("message") == summary
