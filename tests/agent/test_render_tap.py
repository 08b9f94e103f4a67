"""The TAP stream: which line each finding becomes, and diagnostics that YAML reads back."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from accelnet_agent.render_tap import render
from accelnet_agent.report import Report
from accelnet_agent.version import VERSION
from building import a_finding, a_machine

ANY_TEXT = st.text(st.characters(exclude_categories=()))
LEAVES = st.none() | st.booleans() | st.integers() | ANY_TEXT
EVIDENCE = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3)
)


def _stream(*findings: Any, verdict: Any = "fail") -> str:
    return render(Report(machine=a_machine(), verdict=verdict, findings=findings))


def _points(stream: str) -> list[str]:
    return [line for line in stream.splitlines() if line.startswith(("ok", "not ok"))]


def _diagnostic(stream: str) -> Any:
    """The one block, as YAML reads it."""
    [block] = re.findall(r"^  ---\n(.*?)^  \.\.\.\n", stream, re.MULTILINE | re.DOTALL)
    return yaml.safe_load(block)


def test_a_stream_begins_with_version_and_plan() -> None:
    """And says what was observed, and at the end the verdict."""
    assert _stream(a_finding(summary="it is up"), verdict="pass").splitlines() == [
        "TAP version 13",
        "1..1",
        f"# accelnet {VERSION}, observed 2026-01-02T03:04:05Z, live",
        "ok 1 - vf-up eth0: it is up",
        "# verdict: pass: accelerated networking is in place; no traffic has proven it",
    ]


@pytest.mark.parametrize(
    ("status", "level", "line"),
    [
        pytest.param("pass", "required", "ok 1 - vf-up eth0: so", id="pass"),
        pytest.param("warn", "required", "ok 1 - vf-up eth0: warning: so", id="warn"),
        pytest.param("fail", "required", "not ok 1 - vf-up eth0: so", id="fail"),
        pytest.param("unknown", "required", "not ok 1 - vf-up eth0: so", id="unknown"),
        pytest.param(
            "unknown",
            "recommended",
            "ok 1 - vf-up eth0 # SKIP could not be seen: so",
            id="unknown-and-only-recommended",
        ),
        pytest.param("skip", "required", "ok 1 - vf-up eth0 # SKIP so", id="skip"),
    ],
)
def test_each_status_has_its_line(status: str, level: str, line: str) -> None:
    """Not ok for what decides that a pipeline must stop, and for nothing else."""
    assert _points(_stream(a_finding(status=status, level=level, summary="so"))) == [line]


def test_an_unknown_verdict_that_no_finding_tells_has_a_point_of_its_own() -> None:
    """The operator skipped the check that would have said it."""
    stream = _stream(a_finding(status="skip", summary="skipped"), verdict="unknown")
    assert "\n1..2\n" in stream
    assert _points(stream)[1].startswith("not ok 2 - verdict host: ")


def test_a_stream_without_findings_is_skipped() -> None:
    """The plan of nothing says why."""
    assert "\n1..0 # SKIP no check was asked for\n" in _stream(verdict="pass")


def test_what_would_begin_a_directive_is_escaped() -> None:
    """A subject called `# SKIP` skips nothing."""
    [point] = _points(_stream(a_finding(subject="eth0 # SKIP", status="fail", summary="a\\\nb")))
    assert point == "not ok 1 - vf-up eth0 \\# SKIP: a\\\\ b"


def test_a_remedy_can_be_read_and_copied() -> None:
    """A block of lines, as it is printed."""
    stream = _stream(a_finding(status="fail", remedy="Set it up:\n  sudo ip link set eth0 up"))
    assert '  remedy: |\n    Set it up:\n      sudo ip link set eth0 up\n  runbook: "docs' in stream


@pytest.mark.parametrize("remedy", [" a\nb", "a\n\nb", "a\nb\x07", "a\nb\n", "ä\nb"])
def test_lines_that_yaml_would_change_are_quoted(remedy: str) -> None:
    """Indented, empty, or no printable ASCII."""
    assert _diagnostic(_stream(a_finding(status="fail", remedy=remedy)))["remedy"] == remedy


def test_an_item_of_a_list_does_not_look_like_a_key() -> None:
    """TAP::Parser takes `- "x: y"` for a mapping."""
    stream = _stream(a_finding(status="fail", evidence={"log": ["eth0: VF slot 1: added"]}))
    assert '      - "eth0\\x3a VF slot 1\\x3a added"\n' in stream


@given(st.dictionaries(ANY_TEXT, EVIDENCE, max_size=3), ANY_TEXT, ANY_TEXT)
def test_a_diagnostic_reads_back(evidence: Any, summary: str, remedy: str) -> None:
    """Whatever a machine says, YAML gives it back."""
    read = _diagnostic(
        _stream(a_finding(status="fail", evidence=evidence, summary=summary, remedy=remedy))
    )
    assert read["data"] == evidence
    assert read["message"] == summary
    assert read["remedy"] in (remedy, f"{remedy}\n")


@given(ANY_TEXT, ANY_TEXT)
def test_a_stream_is_ascii_lines(subject: str, summary: str) -> None:
    """No byte of a machine ends a line or begins one."""
    stream = _stream(a_finding(subject=subject, status="warn", summary=summary))
    assert stream.isascii()
    assert all(line.isprintable() for line in stream.split("\n"))
    assert len(_points(stream)) == 1
